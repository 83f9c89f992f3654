import type { EventRing } from './event-ring.ts'
import { createEventRings, eventRing } from './event-ring.ts'

/**
 * The memory between a worker that finds a command worth telling about and the control thread that
 * makes a span or a line of the log of it. The rings are those of event-ring.ts with the same two
 * positions and the same rules; only the records differ. A full ring loses records, which the
 * worker counts (COUNTER.spansDropped).
 *
 * Record, 8-byte aligned, never split over the end of the ring:
 *
 *   words 0 total bytes · 1 kind (TRACE_KIND)
 *         2-3 begin, a double: milliseconds of Unix time · 4-5 duration, a double: milliseconds
 *         6 opcode (protocol/opcode.ts) of the command, of a turn that of its first command
 *         7 flags (TRACE_FLAG) · 8 commands of the turn, 1 for a command alone
 *         9 keys asked for · 10 keys found · 11 bytes of the value that came, -1 none
 *         12 error line (LINE of protocol/lines.ts), -1 none · 13 connection number
 *         14 client's port, 0 on a unix socket · 15 bytes of the address · 16 bytes of the key
 *         17 trace flags of the traceparent · 18-21 trace id · 22-23 parent's span id
 *         24-25 duration of the turn, a double: milliseconds, written when the turn is over, 0 before
 *   then the address (latin1), then the key
 *
 * Trace and span id are the 16 and 8 bytes themselves. Without TRACE_FLAG.parent they mean nothing.
 */
export const TRACE = {
  totalBytes: 0,
  kind: 1,
  begin: 2,
  duration: 4,
  opcode: 6,
  flags: 7,
  commands: 8,
  keysAsked: 9,
  keysFound: 10,
  valueBytes: 11,
  errorLine: 12,
  connectionNumber: 13,
  port: 14,
  addressBytes: 15,
  keyBytes: 16,
  traceFlags: 17,
  traceId: 18,
  parentSpanId: 22,
  turn: 24,
  headerBytes: 104,
} as const

/** `filler` is the unused end of the ring before a record that starts over. */
export const TRACE_KIND = {
  filler: 0,
  /** One command, sampled before it was done. */
  command: 1,
  /** A turn that took longer than log.slowThreshold. For the log and, if traces are on, a span. */
  slow: 2,
  /** A request that was answered by an error, with traces.errors. */
  error: 3,
  /** A connection began, or ended; then `errorLine` is a CLOSE_REASON of events.ts. For the log. */
  connectionNew: 4,
  connectionClose: 5,
} as const

export const TRACE_FLAG = {
  /** Trace id and parent's span id came from the client. */
  parent: 1,
} as const

/** Room for some 500 records of each worker. */
const TRACE_RING_BYTES = 64 * 1024

export function createTraceRings(workers: number): SharedArrayBuffer {
  return createEventRings(workers, TRACE_RING_BYTES)
}

export function traceRing(shared: SharedArrayBuffer, worker: number): EventRing {
  return eventRing(shared, worker, TRACE_RING_BYTES)
}

/**
 * Bytes of a ring that commands and errors leave free, so that slow turns are told of whatever clients
 * make of the rest; lines about connections leave more.
 */
export const TRACE_RING_KEPT = { forSlow: 8 * 1024, forSpans: 32 * 1024 } as const
