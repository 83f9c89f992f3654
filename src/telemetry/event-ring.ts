/**
 * The memory between a worker that makes events and the control thread that hands them to watchers:
 * one ring of records per worker, with one writer and one reader, so that two positions, each
 * written by one side only, are all the agreement they need.
 *
 * Record, 8-byte aligned, never split over the end of the ring:
 *
 *   words 0 total bytes · 1 kind (EVENT) · 2-3 time: a double, monotonic milliseconds
 *         4 status, or the reason of a close · 5 command · 6 key bytes · 7 size class
 *         8 size · 9 ttl · 10 seconds since last access · 11 fetched, or transport
 *         12 connection number · 13 port
 *   then the key, or the address for connection events
 */
export const RECORD = {
  totalBytes: 0,
  kind: 1,
  time: 2,
  status: 4,
  command: 5,
  keyLength: 6,
  sizeClass: 7,
  size: 8,
  ttl: 9,
  age: 10,
  flag: 11,
  connectionNumber: 12,
  port: 13,
  headerBytes: 56,
} as const

/** What a record is about. `filler` is the unused end of the ring before a record that starts over. */
export const EVENT = {
  filler: 0,
  itemGet: 1,
  itemStore: 2,
  eviction: 3,
  deleted: 4,
  connectionNew: 5,
  connectionClose: 6,
} as const

/** Positions count bytes since the start, modulo 2^32; each has a cache line of its own. */
export const RING_POSITION = { written: 0, read: 16 } as const

const POSITION_BYTES = 128
const RING_BYTES_MIN = 4096

export interface EventRing {
  readonly positions: Int32Array
  readonly words: Int32Array
  readonly times: Float64Array
  readonly bytes: Buffer
}

/** Rings for all workers. Untouched pages cost nothing, so this may be made whether or not it is used. */
export function createEventRings(workers: number, ringBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * (POSITION_BYTES + ringSize(ringBytes)))
}

/** @param ringBytes as given to createEventRings */
export function eventRing(shared: SharedArrayBuffer, worker: number, ringBytes: number): EventRing {
  const size = ringSize(ringBytes)
  const start = worker * (POSITION_BYTES + size)
  const data = start + POSITION_BYTES
  return {
    positions: new Int32Array(shared, start, POSITION_BYTES / Int32Array.BYTES_PER_ELEMENT),
    words: new Int32Array(shared, data, size / Int32Array.BYTES_PER_ELEMENT),
    times: new Float64Array(shared, data, size / Float64Array.BYTES_PER_ELEMENT),
    bytes: Buffer.from(shared, data, size),
  }
}

/** A power of two, so that a position becomes an offset by masking, also after it wraps. */
function ringSize(ringBytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(ringBytes, RING_BYTES_MIN)))
}
