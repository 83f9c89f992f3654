/**
 * The few words that every thread may read at any time: one Int32Array over shared memory, made by
 * the control thread and handed to each worker. Each word has one writer or is changed by an atomic
 * operation; readers on the hot path use plain loads, because a value that is a few microseconds old
 * is as good as a fresh one for all of them.
 */
export const RUNTIME = {
  /** Seconds added to the clock (debug command `debugtime`). */
  clockOffsetSeconds: 0,
  /** 1 while `debugtime p` holds the clock; clockHeldAtSeconds is then its value. */
  clockHeld: 1,
  clockHeldAtSeconds: 2,
  /** 0 quiet, 1 -v, 2 -vv, 3 -vvv. */
  verbosity: 3,
  /** Bits of WATCH: which kinds of event somebody watches. 0 = no events are made at all. */
  watchMask: 4,
  /** Relative second at which a delayed flush_all acts; 0 = none, -1 while it does. */
  flushAtSeconds: 5,
  /** Set when the process drains: workers finish what they have and close. */
  draining: 6,
  /** Connections open now, over all workers (atomic). */
  connectionsOpen: 7,
  /** Source of connection numbers, unique for the process (atomic). */
  connectionNumberLast: 8,
  /** 1 while `stats detail` collects figures by key prefix. */
  prefixStats: 9,
  /** 1 while the log has a line for each connection that begins or ends. */
  logConnections: 10,
  /** Workers at which clients wait for a place under the connection limit (atomic). */
  acceptPaused: 11,
  /** Connection limit in force (settings maxconns). */
  connectionsMax: 12,
  /** 1 while there are addresses whose logins are slowed down (auth/slow-down.ts): ask the control thread. */
  loginsSlowed: 13,
  /** Relative second at which certificate and key were last read. */
  tlsRefreshedAtSeconds: 14,
  /** Share of the connections whose clients do not read that is to be closed now: control/socket-memory.ts. */
  unreadPercentToClose: 15,
  /** Word count. */
  words: 64,
} as const

export const WATCH = {
  fetchers: 1,
  mutations: 2,
  evictions: 4,
  connevents: 8,
  deletions: 16,
} as const

export function createRuntime(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(RUNTIME.words * Int32Array.BYTES_PER_ELEMENT))
}
