import { assert } from '../base/assert.ts'
import { COUNTER } from '../telemetry/counters.ts'

/** Bytes that stashes may hold in one process, over all workers. */
export const STASH_BYTES_MAX = 16 * 1024 * 1024

/** Smallest stash; sizes double from here. */
const STASH_BYTES_MIN = 512

/** Stashes of up to this size are kept for the next connection that needs one. */
const KEPT_SMALL_BYTES = 16 * 1024
const KEPT_COUNT_MAX = 64

/**
 * Larger ones, up to this size, are kept as well, but all of them together hold only so much. A read
 * that ends within a value may leave up to 64 KiB, and buffers that come and go with each read are
 * memory which V8 does not see but counts, and collects its whole heap for.
 */
const KEPT_LARGE_BYTES = 128 * 1024
const KEPT_LARGE_BYTES_SUM = 1024 * 1024

/**
 * The bytes of connections that wait for the rest of a command, or for their turn. An idle
 * connection has none. The sum over a worker's connections is limited.
 */
export class StashPool {
  readonly #free = new Map<number, Buffer[]>()
  readonly #bytesMax: number
  readonly #counters: Float64Array
  #bytes = 0
  #count = 0
  /** Of the free stashes, bytes in large ones. */
  #largeBytesFree = 0

  constructor(bytesMax: number, counters: Float64Array) {
    this.#bytesMax = bytesMax
    this.#counters = counters
  }

  /** Less than half is left. */
  get crowded(): boolean {
    return this.#bytes * 2 > this.#bytesMax
  }

  /** Room for at least `bytes`, or null when the limit is reached. */
  take(bytes: number): Buffer | null {
    let size = STASH_BYTES_MIN
    while (size < bytes) size *= 2
    if (this.#bytes + size > this.#bytesMax) {
      this.#counters[COUNTER.readBufferRefused]!++
      return null
    }
    this.#bytes += size
    this.#count++
    this.#report()
    const reused = this.#free.get(size)?.pop()
    if (reused === undefined) return Buffer.allocUnsafeSlow(size)
    if (size > KEPT_SMALL_BYTES) this.#largeBytesFree -= size
    return reused
  }

  give(buffer: Buffer, stillRead = false): void {
    const size = buffer.length
    this.#bytes -= size
    this.#count--
    assert(this.#bytes >= 0, 'more stash bytes came back than were taken')
    this.#report()
    if (size > KEPT_SMALL_BYTES) {
      if (size > KEPT_LARGE_BYTES || this.#largeBytesFree + size > KEPT_LARGE_BYTES_SUM) {
        if (!stillRead) this.#giveBack(buffer)
        return
      }
      this.#largeBytesFree += size
    }
    let kept = this.#free.get(size)
    if (kept === undefined) {
      kept = []
      this.#free.set(size, kept)
    }
    if (kept.length < KEPT_COUNT_MAX) kept.push(buffer)
    else if (!stillRead) this.#giveBack(buffer)
  }

  /** A large buffer would only go when the collector next looks at all of the heap. */
  #giveBack(buffer: Buffer): void {
    if (buffer.buffer instanceof ArrayBuffer) buffer.buffer.transfer(0)
  }

  #report(): void {
    this.#counters[COUNTER.readBuffers] = this.#count
    this.#counters[COUNTER.readBufferBytes] = this.#bytes
  }
}

/** One connection's stash: bytes [start, end) of a buffer from the pool, or nothing. */
export class InputStash {
  readonly #pool: StashPool
  buffer: Buffer | null = null
  start = 0
  end = 0

  constructor(pool: StashPool) {
    this.#pool = pool
  }

  get length(): number {
    return this.end - this.start
  }

  /** Add source[from, to) at the end. False when there is no memory for it. */
  append(source: Buffer, from: number, to: number): boolean {
    const added = to - from
    if (added === 0) return true
    const buffer = this.#roomFor(added)
    if (buffer === null) return false
    source.copy(buffer, this.end, from, to)
    this.end += added
    return true
  }

  /** Bytes before `offset` (an offset into the stash's buffer) have been dealt with. */
  consume(offset: number): void {
    assert(offset >= this.start && offset <= this.end, 'a stash is consumed within its bounds')
    this.start = offset
    if (this.start === this.end) this.release()
  }

  /** @param stillRead somebody up the stack may read from the buffer yet: then the collector frees it */
  release(stillRead = false): void {
    if (this.buffer !== null) this.#pool.give(this.buffer, stillRead)
    this.buffer = null
    this.start = 0
    this.end = 0
  }

  /** The buffer, with room for `added` bytes after `end`; null when there is no memory. */
  #roomFor(added: number): Buffer | null {
    const old = this.buffer
    if (old !== null && this.end + added <= old.length) return old
    if (old !== null && this.length + added <= old.length && this.start >= this.length) {
      old.copyWithin(0, this.start, this.end)
      this.end -= this.start
      this.start = 0
      return old
    }
    // Doubling keeps the copying linear in what arrives.
    const taken = this.#pool.take(Math.max(this.length + added, this.length * 2))
    if (taken === null) return null
    if (old !== null) {
      old.copy(taken, 0, this.start, this.end)
      this.#pool.give(old)
    }
    this.end -= this.start
    this.start = 0
    this.buffer = taken
    return taken
  }
}
