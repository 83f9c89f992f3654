import type { HashIndex } from '../hash-index.ts'
import { wordAt } from '../item.ts'
import * as L from '../layout.ts'

/**
 * Remembers the hashes of items that were dropped from the small log. One word in each bucket of
 * the index: the upper 24 bits of the hash and an age of 8 bits. The age ticks 16 times in a run of
 * as many ghosts as there are buckets, so a ghost is believed for about as many evictions as the
 * shard holds items. An overwritten ghost is forgotten early, an age that came round late; both
 * only cost a little of the hit ratio.
 */
const FINGERPRINT_MASK = ~0xff
const AGE_MASK = 0xff
const TICKS_BELIEVED = 16

export class Ghost {
  readonly #index: HashIndex
  readonly #tables: Int32Array
  readonly #words: Int32Array[]

  constructor(index: HashIndex, tables: Int32Array, words: Int32Array[]) {
    this.#index = index
    this.#tables = tables
    this.#words = words
  }

  remember(base: number, hash: number): void {
    const tables = this.#tables
    const count = tables[base + L.SHARD_GHOST_COUNT]! + 1
    if (count * TICKS_BELIEVED >= tables[base + L.SHARD_BUCKETS]!) {
      tables[base + L.SHARD_GHOST_COUNT] = 0
      tables[base + L.SHARD_GHOST_TICK] = (tables[base + L.SHARD_GHOST_TICK]! + 1) & AGE_MASK
    } else {
      tables[base + L.SHARD_GHOST_COUNT] = count
    }
    const bucket = this.#index.bucketOf(hash)
    this.#words[bucket >>> L.ARENA_SHIFT]![wordAt(bucket) + 1] =
      (hash & FINGERPRINT_MASK) | tables[base + L.SHARD_GHOST_TICK]!
  }

  /** Whether the hash is remembered; it is forgotten by the question. */
  recall(base: number, hash: number): boolean {
    const bucket = this.#index.bucketOf(hash)
    const words = this.#words[bucket >>> L.ARENA_SHIFT]!
    const at = wordAt(bucket) + 1
    const ghost = words[at]!
    if (((ghost ^ hash) & FINGERPRINT_MASK) !== 0 || ghost === 0) return false
    words[at] = 0
    const age = (this.#tables[base + L.SHARD_GHOST_TICK]! - ghost) & AGE_MASK
    return age <= TICKS_BELIEVED
  }
}
