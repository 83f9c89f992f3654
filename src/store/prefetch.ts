import { assert } from '../base/assert.ts'
import type { HashIndex } from './hash-index.ts'
import type { Items } from './item.ts'
import { wordAt } from './item.ts'
import * as L from './layout.ts'

/** Keys of one call. */
export const PREFETCH_KEYS_MAX = 32

/** Words of a line of the processor's cache. */
const CACHE_LINE_WORDS = 16
const ARENA_WORD_MASK = L.ARENA_BYTES / 4 - 1

/**
 * Touches the buckets and items of keys that are about to be asked for. A look-up waits for memory
 * twice or more, one access depending on the other; here the accesses of all keys go side by side,
 * since none depends on another's, so that many keys wait about as long as one.
 *
 * No lock is held, and nothing is decided: what is read may be old or torn, and is only good for
 * being in the cache. An address that makes no sense is passed over.
 */
export class Prefetcher {
  readonly #index: HashIndex
  readonly #words: Int32Array[]
  readonly #items = new Int32Array(PREFETCH_KEYS_MAX)
  /** Keeps the compiler from leaving the reads out. */
  touched = 0

  constructor(items: Items, index: HashIndex) {
    this.#index = index
    this.#words = items.words
  }

  run(hashes: Int32Array, count: number): void {
    assert(count <= PREFETCH_KEYS_MAX, 'no more keys than there are places')
    const items = this.#items
    const words = this.#words
    for (let key = 0; key < count; key++) {
      const bucket = this.#index.bucketOf(hashes[key]!)
      items[key] = words[bucket >>> L.ARENA_SHIFT]![wordAt(bucket)]!
    }
    let touched = 0
    for (let key = 0; key < count; key++) {
      const item = items[key]!
      const arena = words[item >>> L.ARENA_SHIFT]
      if (arena === undefined) continue
      const at = wordAt(item)
      const isOther = arena[at + L.RECORD_HASH]! !== hashes[key]!
      items[key] = isOther ? arena[at + L.RECORD_NEXT]! : 0
      touched ^= arena[(at + CACHE_LINE_WORDS) & ARENA_WORD_MASK]!
    }
    for (let key = 0; key < count; key++) {
      const item = items[key]!
      if (item === 0) continue
      const arena = words[item >>> L.ARENA_SHIFT]
      if (arena !== undefined) touched ^= arena[wordAt(item) + L.RECORD_HASH]!
    }
    this.touched = touched
  }
}
