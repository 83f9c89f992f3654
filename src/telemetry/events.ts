import { monotonicMilliseconds } from '../base/clock.ts'
import { COUNTER } from './counters.ts'
import { EVENT, eventRing, RECORD } from './event-ring.ts'
import { RingWriter } from './ring-writer.ts'

/** What a look-up found (EventLog.status for emitGet). */
export const GET_STATUS = { notFound: 0, found: 1, flushed: 2, expired: 3 } as const

/** How a storage command ended (EventLog.status for emitStore). */
export const STORE_STATUS = {
  notStored: 0,
  stored: 1,
  exists: 2,
  notFound: 3,
  tooLarge: 4,
  noMemory: 5,
} as const

/** Which command it was (EventLog.command); ms counts as the mode it was in. */
export const EVENT_COMMAND = {
  set: 0,
  add: 1,
  replace: 2,
  append: 3,
  prepend: 4,
  cas: 5,
  delete: 6,
  metaDelete: 7,
} as const

/** Why a connection ended (EventLog.reason). */
export const CLOSE_REASON = {
  normal: 0,
  error: 1,
  idleTimeout: 2,
  shutdown: 3,
  /** connections.requestTimeout: a command that does not come to its end. */
  requestTimeout: 4,
  /** connections.writeTimeout: replies that are not taken. */
  writeTimeout: 5,
  /** It held memory for clients' bytes longest, and others needed it. */
  memory: 6,
} as const

/** Indexed by CLOSE_REASON: as watchers and the log show it. */
export const CLOSE_REASON_NAMES = [
  'normal',
  'error',
  'idle_timeout',
  'shutdown',
  'request_timeout',
  'write_timeout',
  'memory',
] as const

/** Longest key, and longest address, a record can hold. */
const KEY_BYTES_MAX = 256

/**
 * A worker's side of `watch`. The caller looks at `context.watchMask` first, sets the fields that
 * its kind of event has, and calls the emit function. Nothing is allocated, and nothing ever waits:
 * when the ring is full, the event is dropped and counted.
 *
 * Set the fields after the last call into the store: an eviction in between would overwrite them.
 */
export class EventLog {
  /** GET_STATUS or STORE_STATUS. */
  status = 0
  /** EVENT_COMMAND. */
  command = 0
  /** The key is buffer[keyStart, keyStart + keyLength), decoded if it came in base64. */
  buffer: Uint8Array
  keyStart = 0
  keyLength = 0
  sizeClass = 0
  /** Length of the value. */
  size = 0
  /** As kept in the item: relative seconds, 0 for never. */
  exptime = 0
  /** As kept in the item: relative seconds. */
  lastAccess = 0
  fetched = false
  connectionNumber = 0
  /** Remote address, port and kind of a connection; a unix socket's has address 'unix', port 0. */
  address = ''
  port = 0
  local = false
  /** CLOSE_REASON. */
  reason = 0
  /** Relative seconds; whoever sets store.now sets this too. */
  now = 0
  /** Room for a key that must be copied out of the store before it can be logged. */
  readonly scratch: Buffer

  readonly #counters: Float64Array
  readonly #ring: RingWriter
  readonly #millisecondsOffset: number

  /** @param shared from createEventRings, with the same ringBytes */
  constructor(
    shared: SharedArrayBuffer,
    worker: number,
    ringBytes: number,
    counters: Float64Array,
  ) {
    this.#ring = new RingWriter(eventRing(shared, worker, ringBytes))
    this.scratch = Buffer.alloc(KEY_BYTES_MAX)
    this.buffer = this.scratch
    this.#counters = counters
    this.#millisecondsOffset = clockOffset()
  }

  /** WATCH.fetchers. Fields: status, key, sizeClass, size, connectionNumber. */
  emitGet(): void {
    this.#emitItem(EVENT.itemGet, 0)
  }

  /** WATCH.mutations. Fields: status, command, key, exptime, sizeClass, size, connectionNumber. */
  emitStore(): void {
    this.#emitItem(EVENT.itemStore, this.exptime === 0 ? 0 : this.#secondsLeft())
  }

  /** WATCH.evictions. Fields: key, fetched, exptime, lastAccess, sizeClass, size. */
  emitEviction(): void {
    this.#emitItem(EVENT.eviction, this.exptime === 0 ? -1 : this.exptime - this.now)
  }

  /** WATCH.deletions. Fields: command, key, sizeClass, size. */
  emitDeleted(): void {
    this.#emitItem(EVENT.deleted, 0)
  }

  /** WATCH.connevents. Fields: connectionNumber, address, port, local. */
  emitConnNew(): void {
    this.#emitConnection(EVENT.connectionNew)
  }

  /** WATCH.connevents. Fields: connectionNumber, address, port, local, reason. */
  emitConnClose(): void {
    this.#emitConnection(EVENT.connectionClose)
  }

  /** 0 is "never" in an item_store line, so what is over already shows as -1. */
  #secondsLeft(): number {
    const left = this.exptime - this.now
    return left <= 0 ? -1 : left
  }

  #emitItem(kind: number, ttl: number): void {
    const { words } = this.#ring
    const offset = this.#claim(kind, this.keyLength)
    if (offset < 0) return
    const at = offset >>> 2
    words[at + RECORD.status] = this.status
    words[at + RECORD.command] = this.command
    words[at + RECORD.keyLength] = this.keyLength
    words[at + RECORD.sizeClass] = this.sizeClass
    words[at + RECORD.size] = this.size
    words[at + RECORD.ttl] = ttl
    words[at + RECORD.age] = this.now - this.lastAccess
    words[at + RECORD.flag] = this.fetched ? 1 : 0
    words[at + RECORD.connectionNumber] = this.connectionNumber
    this.#copyKey(offset + RECORD.headerBytes)
    this.#publish(offset)
  }

  #emitConnection(kind: number): void {
    const { words } = this.#ring
    const length = Math.min(this.address.length, KEY_BYTES_MAX)
    const offset = this.#claim(kind, length)
    if (offset < 0) return
    const at = offset >>> 2
    words[at + RECORD.status] = this.reason
    words[at + RECORD.keyLength] = length
    words[at + RECORD.flag] = this.local ? 0 : 1
    words[at + RECORD.connectionNumber] = this.connectionNumber
    words[at + RECORD.port] = this.port
    this.#ring.bytes.write(this.address, offset + RECORD.headerBytes, length, 'latin1')
    this.#publish(offset)
  }

  #copyKey(at: number): void {
    const { buffer, keyStart, keyLength } = this
    const { bytes } = this.#ring
    for (let index = 0; index < keyLength; index++) {
      bytes[at + index] = buffer[keyStart + index] as number
    }
  }

  /** The offset of a new record with its size, kind and time filled in; -1 if there is no room. */
  #claim(kind: number, keyLength: number): number {
    const offset = this.#ring.claim(RECORD.headerBytes + keyLength, kind)
    if (offset < 0) {
      this.#counters[COUNTER.watchDropped] = (this.#counters[COUNTER.watchDropped] as number) + 1
      return -1
    }
    const time = performance.now() + this.#millisecondsOffset
    this.#ring.doubles[(offset >>> 3) + (RECORD.time >>> 1)] = time
    return offset
  }

  #publish(offset: number): void {
    this.#ring.publish(offset)
    this.#counters[COUNTER.watchWritten] = (this.#counters[COUNTER.watchWritten] as number) + 1
  }
}

/**
 * What takes performance.now(), which makes no garbage but counts from another moment in each
 * thread, to the clock that all threads share. A pause between the two readings makes the difference
 * smaller, so the largest of a few is the best.
 */
function clockOffset(): number {
  let offset = Number.NEGATIVE_INFINITY
  for (let sample = 0; sample < 16; sample++) {
    offset = Math.max(offset, monotonicMilliseconds() - performance.now())
  }
  return offset
}
