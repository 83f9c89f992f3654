/**
 * What the workers count. Each worker has a block of doubles in shared memory that only it writes,
 * with plain adds; the control thread, and any worker that answers `stats`, reads all blocks and
 * sums them. A double is exact up to 2^53, which no counter here reaches in a lifetime.
 *
 * `stats reset` must not make Prometheus counters go back, so nothing is ever zeroed: a reset keeps
 * a copy of the sums (telemetry/stats-baseline.ts) which `stats` then subtracts.
 */
export const COUNTER = {
  getCommands: 0,
  getHits: 1,
  getMisses: 2,
  getExpired: 3,
  getFlushed: 4,
  setCommands: 5,
  flushCommands: 6,
  touchCommands: 7,
  touchHits: 8,
  touchMisses: 9,
  metaCommands: 10,
  deleteHits: 11,
  deleteMisses: 12,
  incrementHits: 13,
  incrementMisses: 14,
  decrementHits: 15,
  decrementMisses: 16,
  casHits: 17,
  casMisses: 18,
  casBadValue: 19,
  storeTooLarge: 20,
  storeNoMemory: 21,
  authCommands: 22,
  authErrors: 23,
  bytesRead: 24,
  bytesWritten: 25,
  connectionsTotal: 26,
  connectionsRejected: 27,
  connectionYields: 28,
  listenDisabled: 29,
  listenDisabledMicroseconds: 30,
  idleKicks: 31,
  watchDropped: 32,
  watchWritten: 33,
  watchSkipped: 34,
  watchSent: 35,
  /** Gauges: each worker writes its own share, readers sum. */
  connections: 36,
  watchers: 37,
  readBuffers: 38,
  readBufferBytes: 39,
  readBufferBytesFree: 40,
  readBufferRefused: 41,
  replyBuffers: 42,
  replyBufferBytes: 43,
  replyBufferRefused: 44,
  /** Errors of administrative commands, whose lines are no LINE of protocol/lines.ts. */
  adminErrors: 45,
  /** Turns beyond log.slowThreshold, and the commands in them. */
  slowTurns: 46,
  slowCommands: 47,
  /** Spans that were decided on, and records for the control thread that found no room. */
  spansSampled: 48,
  spansDropped: 49,
  /** Times the thread found a lock of the store taken, and times it had to sleep for it. */
  lockWaits: 50,
  lockSleeps: 51,
  /** Gauges, by what a connection waits for; refreshed every second. */
  connectionsIdle: 52,
  connectionsReading: 53,
  connectionsWriting: 54,
  connectionsWaiting: 55,
  connectionsWatching: 56,
  /** Lines about connections that found no room on their way to the log. */
  connectionLinesDropped: 57,
  /** Spans that were not begun because of traces.rateLimit. */
  spansLimited: 58,
  /** Clients that the worker accepted and handed to another one, which had fewer. */
  connectionsPassed: 59,
  /** From here on: requests answered by an error, one number for each LINE of protocol/lines.ts. */
  errorLines: 64,
  /** From here on: connections closed, one number for each CLOSE_REASON of events.ts. */
  connectionsClosed: 120,
  /** From here on: commands refused for want of a permission, one for each of PERMISSION, then DENIED_BY_KEY. */
  denied: 128,
  /** Of the control thread: logins that had to wait for those that failed before, and that were not looked at. */
  loginsDelayed: 140,
  loginsRefused: 141,
  /** Passwords that were hashed; users (a gauge); reloads, those that failed, and 1 when the last one did. */
  passwordsHashed: 142,
  users: 143,
  reloads: 144,
  reloadsFailed: 145,
  reloadFailedLast: 146,
  /** Handshakes of TLS by how they ended: see worker/tls-handshakes.ts. */
  tlsHandshakesFull: 147,
  tlsHandshakesResumed: 148,
  tlsHandshakesFailed: 149,
  tlsHandshakesRefused: 150,
  tlsHandshakesPlain: 151,
  tlsHandshakesTimedOut: 152,
  tlsHandshakesDropped: 153,
  /** Connections that broke after their handshake because of what TLS says. */
  tlsProtocolErrors: 154,
  /** Clients that began TLS where there is none. */
  tlsHellosRefused: 155,
  /** Gauges. */
  tlsHandshaking: 156,
  tlsConnections: 157,
  /** Requests to the sidecar without a right token. */
  sidecarRefused: 158,
  /** 1 when the file of the sidecar's tokens could not be read again. */
  tokensReloadFailed: 159,
} as const

/** By number behind COUNTER.denied: the names of PERMISSION (auth/permissions.ts), which a test compares. */
export const DENIED_REASONS = [
  'read',
  'write',
  'stats',
  'dump',
  'watch',
  'flush',
  'manage',
  'shutdown',
  // A key outside of the user's prefixes.
  'key',
] as const

export const DENIED_BY_KEY = DENIED_REASONS.indexOf('key')

/** Doubles reserved for plain counters in each block; a multiple of a cache line. */
const PLAIN_COUNTERS = 160

/** Size classes as memcached numbers them: 1 … 63, 0 unused. */
export const CLASS_COUNT = 64
export const CLASS_COUNTER = {
  getHits: 0,
  setCommands: 1,
  deleteHits: 2,
  incrementHits: 3,
  decrementHits: 4,
  casHits: 5,
  casBadValue: 6,
  touchHits: 7,
  count: 8,
} as const

/** Doubles in one worker's block: plain counters, then CLASS_COUNTER.count for each size class. */
export const COUNTER_BLOCK_LENGTH = PLAIN_COUNTERS + CLASS_COUNT * CLASS_COUNTER.count

export function createCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTER_BLOCK_LENGTH * Float64Array.BYTES_PER_ELEMENT)
}

/** The block of one worker. Index it with COUNTER, or with classCounterIndex. */
export function counterBlock(shared: SharedArrayBuffer, worker: number): Float64Array {
  const bytes = COUNTER_BLOCK_LENGTH * Float64Array.BYTES_PER_ELEMENT
  return new Float64Array(shared, worker * bytes, COUNTER_BLOCK_LENGTH)
}

/** Where a per-class counter lies in a block. */
export function classCounterIndex(sizeClass: number, counter: number): number {
  return PLAIN_COUNTERS + sizeClass * CLASS_COUNTER.count + counter
}
