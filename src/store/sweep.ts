import type { Cleaner } from './cleaner.ts'
import * as L from './layout.ts'
import type { Views } from './memory.ts'
import type { Shards } from './shards.ts'

/**
 * Takes back the memory of items whose time is over, ahead of need. Walks the segment table without
 * a lock, round after round, and looks under the shard's lock only at segments that may have
 * something: each look is one bounded slice.
 */
/** Flushed items stay findable as flushed for so long, for the figures of misses. */
const FLUSHED_KEPT_SECONDS = 10
const SEGMENTS_PER_LOOK_AT_CLOCK = 256

export class Sweep {
  readonly #views: Views
  readonly #shards: Shards
  readonly #cleaner: Cleaner
  readonly #tables: Int32Array
  #next: number
  /** Segments that this round has not come by yet; 0 between two rounds. */
  #left: number

  constructor(views: Views, shards: Shards, cleaner: Cleaner) {
    this.#views = views
    this.#shards = shards
    this.#cleaner = cleaner
    this.#tables = views.tables
    this.#next = 1
    this.#left = 0
  }

  get isMidRound(): boolean {
    return this.#left > 0
  }

  /** Begins a round, or goes on where the last call ran out of time. Returns the number of items reaped. */
  run(budgetMicroseconds: number): number {
    const deadline = performance.now() + budgetMicroseconds / 1000
    const count = this.#tables[L.POOL_FRESH]! - 1
    if (this.#left === 0) this.#left = count
    this.#cleaner.dropped = 0
    this.#cleaner.sweeping = true
    for (let seen = 0; this.#left > 0; seen++) {
      if (seen % SEGMENTS_PER_LOOK_AT_CLOCK === 0 && performance.now() >= deadline) break
      if (this.#next > count) this.#next = 1
      const isDue = this.#isDue(this.#next)
      if (!isDue || this.#sweepSegment(this.#next)) {
        this.#next++
        this.#left--
      }
      if (isDue && performance.now() >= deadline) break
    }
    this.#cleaner.sweeping = false
    return this.#cleaner.dropped
  }

  #isDue(segment: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const kind = tables[at]! & L.KIND_MASK
    if (kind < L.KIND_LOG || kind >= L.KIND_INDEX) return false
    if (tables[at + L.SEGMENT_MIN_EXPIRE]! <= this.#views.now) return true
    const base = L.SHARDS_AT + (tables[at]! >>> L.KIND_SHARD_SHIFT) * L.SHARD_WORDS
    if (tables[base + L.SHARD_OLD_SEGMENTS] === 0) return false
    if (tables[at + L.SEGMENT_EPOCH] === tables[base + L.SHARD_EPOCH]) return false
    return tables[base + L.SHARD_FLUSHED_AT]! + FLUSHED_KEPT_SECONDS <= this.#views.now
  }

  /** True when the segment is done with. */
  #sweepSegment(segment: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const base = L.SHARDS_AT + (tables[at]! >>> L.KIND_SHARD_SHIFT) * L.SHARD_WORDS
    this.#shards.enter(base)
    // Between the look and the lock it may have become another shard's, or nobody's.
    const same =
      L.SHARDS_AT + (tables[at]! >>> L.KIND_SHARD_SHIFT) * L.SHARD_WORDS === base &&
      this.#isDue(segment)
    const done = !same || this.#cleaner.expire(base, segment)
    this.#shards.leave(base)
    return done
  }
}
