import { monotonicMilliseconds } from '../base/clock.ts'
import { WATCH } from '../base/runtime.ts'
import type { EventRing } from './event-ring.ts'
import { EVENT, eventRing, RECORD, RING_POSITION } from './event-ring.ts'
import { CLOSE_REASON_NAMES } from './events.ts'
import { percentEncode } from './percent.ts'

/** Takes the events of one drain in the order of their time. `line` ends in a line feed. */
export type EventSink = (kind: number, timeMilliseconds: number, line: string) => void

/**
 * The control thread's side of the event rings: empties them, puts the events of all workers into
 * one order, numbers them and makes memcached's text of them.
 */
export class EventReader {
  readonly #rings: readonly EventRing[]
  readonly #unixMillisecondsAtZero: number
  /** Events numbered so far; a double, since it must not wrap. */
  #eventNumber = 0

  constructor(shared: SharedArrayBuffer, workers: number, ringBytes: number) {
    this.#rings = Array.from({ length: workers }, (_, worker) =>
      eventRing(shared, worker, ringBytes),
    )
    this.#unixMillisecondsAtZero =
      performance.timeOrigin + performance.now() - monotonicMilliseconds()
  }

  /** Forgets what is in the rings: it was meant for watchers who have left. */
  discard(): void {
    for (const { positions } of this.#rings) {
      Atomics.store(positions, RING_POSITION.read, Atomics.load(positions, RING_POSITION.written))
    }
  }

  /**
   * Hands out all events made up to a moment, oldest first. A moment slightly in the past gives
   * workers time to publish what they have begun, so that the order is right across workers.
   *
   * @param untilMilliseconds on the clock of monotonicMilliseconds
   */
  drain(untilMilliseconds: number, sink: EventSink): void {
    const cursors = this.#rings.map((ring) => new RingCursor(ring))
    for (;;) {
      const oldest = oldestCursor(cursors)
      if (oldest === null || oldest.time > untilMilliseconds) break
      this.#eventNumber++
      sink(watchBit(oldest.kind), oldest.time, this.#line(oldest))
      oldest.advance()
    }
    for (const cursor of cursors) cursor.release()
  }

  #line(cursor: RingCursor): string {
    const time = timeText(this.#unixMillisecondsAtZero + cursor.time)
    return `ts=${time} gid=${this.#eventNumber} ${eventText(cursor)}\n`
  }
}

/** Seconds, point, six digits of microseconds. */
export function timeText(unixMilliseconds: number): string {
  const microseconds = Math.floor(unixMilliseconds * 1000)
  const seconds = Math.floor(microseconds / 1e6)
  return `${seconds}.${String(microseconds - seconds * 1e6).padStart(6, '0')}`
}

/** Walks the records that one ring held when the walk began. */
class RingCursor {
  readonly #ring: EventRing
  readonly #end: number
  #position: number
  /** Time and kind of the record at hand; time is Infinity when there is none. */
  time = Number.POSITIVE_INFINITY
  kind: number = EVENT.filler

  constructor(ring: EventRing) {
    this.#ring = ring
    this.#end = Atomics.load(ring.positions, RING_POSITION.written)
    this.#position = ring.positions[RING_POSITION.read] as number
    this.#look()
  }

  advance(): void {
    this.#position = (this.#position + this.field(RECORD.totalBytes)) | 0
    this.#look()
  }

  field(word: number): number {
    return this.#ring.words[(this.#offset >>> 2) + word] as number
  }

  /** The key or address behind the header. */
  bytes(): Uint8Array {
    const start = this.#offset + RECORD.headerBytes
    return this.#ring.bytes.subarray(start, start + this.field(RECORD.keyLength))
  }

  /** Gives the room of all records walked back to the worker. */
  release(): void {
    Atomics.store(this.#ring.positions, RING_POSITION.read, this.#position)
  }

  get #offset(): number {
    return this.#position & (this.#ring.bytes.length - 1)
  }

  #look(): void {
    this.time = Number.POSITIVE_INFINITY
    while (this.#position !== this.#end) {
      this.kind = this.field(RECORD.kind)
      if (this.kind !== EVENT.filler) {
        this.time = this.#ring.times[(this.#offset + RECORD.time * 4) >>> 3] as number
        return
      }
      this.#position = (this.#position + this.field(RECORD.totalBytes)) | 0
    }
  }
}

function oldestCursor(cursors: readonly RingCursor[]): RingCursor | null {
  let oldest: RingCursor | null = null
  for (const cursor of cursors) {
    if (cursor.time === Number.POSITIVE_INFINITY) continue
    if (oldest === null || cursor.time < oldest.time) oldest = cursor
  }
  return oldest
}

function watchBit(kind: number): number {
  if (kind === EVENT.itemGet) return WATCH.fetchers
  if (kind === EVENT.itemStore) return WATCH.mutations
  if (kind === EVENT.eviction) return WATCH.evictions
  if (kind === EVENT.deleted) return WATCH.deletions
  return WATCH.connevents
}

function eventText(cursor: RingCursor): string {
  if (cursor.kind === EVENT.itemGet) return getText(cursor)
  if (cursor.kind === EVENT.itemStore) return storeText(cursor)
  if (cursor.kind === EVENT.eviction) return evictionText(cursor)
  if (cursor.kind === EVENT.deleted) return deletedText(cursor)
  return connectionText(cursor)
}

/** Indexed by GET_STATUS. */
const GET_STATUS_NAMES = ['not_found', 'found', 'flushed', 'expired']
/** Indexed by STORE_STATUS. */
const STORE_STATUS_NAMES = ['not_stored', 'stored', 'exists', 'not_found', 'too_large', 'no_memory']
/** Indexed by EVENT_COMMAND. */
const COMMAND_NAMES = ['set', 'add', 'replace', 'append', 'prepend', 'cas', 'delete', 'md']

function getText(cursor: RingCursor): string {
  const status = GET_STATUS_NAMES[cursor.field(RECORD.status)]
  return `type=item_get key=${keyText(cursor)} status=${status} ${placeText(cursor)}`
}

function storeText(cursor: RingCursor): string {
  const status = STORE_STATUS_NAMES[cursor.field(RECORD.status)]
  const command = COMMAND_NAMES[cursor.field(RECORD.command)]
  const ttl = cursor.field(RECORD.ttl)
  return `type=item_store key=${keyText(cursor)} status=${status} cmd=${command} ttl=${ttl} ${placeText(cursor)}`
}

function evictionText(cursor: RingCursor): string {
  const fetched = cursor.field(RECORD.flag) === 1 ? 'yes' : 'no'
  const ttl = cursor.field(RECORD.ttl)
  const age = cursor.field(RECORD.age)
  return `type=eviction key=${keyText(cursor)} fetch=${fetched} ttl=${ttl} la=${age} ${sizeText(cursor)}`
}

function deletedText(cursor: RingCursor): string {
  const command = COMMAND_NAMES[cursor.field(RECORD.command)]
  return `type=deleted key=${keyText(cursor)} cmd=${command} ${sizeText(cursor)}`
}

function connectionText(cursor: RingCursor): string {
  const closed = cursor.kind === EVENT.connectionClose
  const address = Buffer.from(cursor.bytes()).toString('latin1')
  const port = cursor.field(RECORD.port)
  const transport = cursor.field(RECORD.flag) === 1 ? 'tcp' : 'local'
  const reason = closed ? ` reason=${CLOSE_REASON_NAMES[cursor.field(RECORD.status)]}` : ''
  const number = cursor.field(RECORD.connectionNumber)
  return `type=${closed ? 'conn_close' : 'conn_new'} rip=${address} rport=${port} transport=${transport}${reason} cfd=${number}`
}

function keyText(cursor: RingCursor): string {
  const bytes = cursor.bytes()
  return percentEncode(bytes, 0, bytes.length)
}

function placeText(cursor: RingCursor): string {
  const sizeClass = cursor.field(RECORD.sizeClass)
  const number = cursor.field(RECORD.connectionNumber)
  return `clsid=${sizeClass} cfd=${number} size=${cursor.field(RECORD.size)}`
}

function sizeText(cursor: RingCursor): string {
  return `clsid=${cursor.field(RECORD.sizeClass)} size=${cursor.field(RECORD.size)}`
}
