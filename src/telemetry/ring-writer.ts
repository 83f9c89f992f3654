import type { EventRing } from './event-ring.ts'
import { RECORD, RING_POSITION } from './event-ring.ts'

/**
 * The writing side of a ring of records (event-ring.ts, trace-ring.ts). Every record begins with its
 * size and its kind; kind 0 is the unused end of the ring. Nothing is allocated and nothing waits.
 */
export class RingWriter {
  readonly words: Int32Array
  /** The same memory as doubles: index = offset / 8. */
  readonly doubles: Float64Array
  readonly bytes: Buffer
  readonly #positions: Int32Array

  constructor(ring: EventRing) {
    this.words = ring.words
    this.doubles = ring.times
    this.bytes = ring.bytes
    this.#positions = ring.positions
  }

  /**
   * The offset of a new record with its size and kind filled in; -1 when there is no room.
   *
   * @param bytes of the record; its size is that, rounded up to 8
   * @param keep bytes of the ring that are for records of other kinds
   */
  claim(bytes: number, kind: number, keep = 0): number {
    const words = this.words
    const ringBytes = this.bytes.length
    const total = (bytes + 7) & ~7
    const written = this.#positions[RING_POSITION.written] as number
    const used = (written - Atomics.load(this.#positions, RING_POSITION.read)) | 0
    let offset = written & (ringBytes - 1)
    const untilEnd = ringBytes - offset
    const needed = total > untilEnd ? total + untilEnd : total
    if (used + needed + keep > ringBytes) return -1
    if (total > untilEnd) {
      words[(offset >>> 2) + RECORD.totalBytes] = untilEnd
      words[(offset >>> 2) + RECORD.kind] = FILLER
      // Published together with the record that follows, since the reader steps over it.
      offset = 0
    }
    words[(offset >>> 2) + RECORD.totalBytes] = total
    words[(offset >>> 2) + RECORD.kind] = kind
    return offset
  }

  /** The atomic store comes after all plain ones, so the reader sees a whole record or none. */
  publish(offset: number): void {
    const positions = this.#positions
    const written = positions[RING_POSITION.written] as number
    const ringBytes = this.bytes.length
    const total = this.words[(offset >>> 2) + RECORD.totalBytes] as number
    const skipped = (offset - (written & (ringBytes - 1)) + ringBytes) & (ringBytes - 1)
    Atomics.store(positions, RING_POSITION.written, (written + skipped + total) | 0)
  }
}

const FILLER = 0
