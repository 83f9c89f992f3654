import { assert } from '../base/assert.ts'
import type { Items } from './item.ts'
import { optionalWords, wordAt } from './item.ts'
import * as L from './layout.ts'
import type { Segments } from './segments.ts'

/**
 * A linear-hashing table for each shard. A bucket is one unit of memory in a chunk (a segment taken
 * from the pool): the head of a chain of records linked by RECORD_NEXT, and a ghost word that
 * belongs to the eviction policy. It grows and shrinks by one bucket at a time, so no operation
 * ever pays for a whole table. Since a bucket is a unit, bucket places are addresses like items.
 */
const GROW_ITEMS = 5
const GROW_BUCKETS = 4
/** Shrink when items < buckets / 2: far from the point of growth, so that it does not swing. */
const SHRINK_FACTOR = 2
/** Two steps for an item: growth catches up after it was blocked, and shrinking keeps its ratio. */
const STEPS_MAX = 2

export class HashIndex {
  readonly #segments: Segments
  readonly #tables: Int32Array
  readonly #words: Int32Array[]
  readonly #bytes: Buffer[]
  readonly #shardMask: number

  constructor(items: Items, segments: Segments) {
    this.#segments = segments
    this.#tables = items.views.tables
    this.#words = items.words
    this.#bytes = items.bytes
    this.#shardMask = items.views.shardMask
  }

  /** Address of the bucket that the hash belongs to. */
  bucketOf(hash: number): number {
    const shard = hash & this.#shardMask
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    const mask = this.#tables[base + L.SHARD_MASK]!
    let bucket = (hash >>> L.SHARD_BITS) & mask
    if (bucket >= this.#tables[base + L.SHARD_BUCKETS]!) bucket &= mask >>> 1
    return this.bucketAddress(shard, bucket)
  }

  bucketAddress(shard: number, bucket: number): number {
    const entry = L.DIRECTORIES_AT + shard * L.DIRECTORY_WORDS + (bucket >>> L.CHUNK_SHIFT)
    return (this.#tables[entry]! << L.SEGMENT_SHIFT) | (bucket & L.CHUNK_BUCKET_MASK)
  }

  /** Address of the item with this key, or 0. Says nothing about whether it is still live. */
  find(hash: number, key: Uint8Array, start: number, length: number): number {
    const bucket = this.bucketOf(hash)
    let item = this.#words[bucket >>> L.ARENA_SHIFT]![wordAt(bucket)]!
    while (item !== 0) {
      const words = this.#words[item >>> L.ARENA_SHIFT]!
      const at = wordAt(item)
      if (words[at + L.RECORD_HASH] === hash) {
        const head = words[at]!
        if ((head & L.KEY_LENGTH_MASK) === length) {
          const optional = optionalWords(head, words[at + L.RECORD_VALUE]!)
          const bytes = this.#bytes[item >>> L.ARENA_SHIFT]!
          const keyAt = (at + L.HEADER_WORDS + optional) << 2
          if (equalBytes(bytes, keyAt, key, start, length)) return item
        }
      }
      item = words[at + L.RECORD_NEXT]!
    }
    return 0
  }

  insert(hash: number, item: number): void {
    const bucket = this.bucketOf(hash)
    const heads = this.#words[bucket >>> L.ARENA_SHIFT]!
    const headAt = wordAt(bucket)
    this.#words[item >>> L.ARENA_SHIFT]![wordAt(item) + L.RECORD_NEXT] = heads[headAt]!
    heads[headAt] = item
    const base = L.SHARDS_AT + (hash & this.#shardMask) * L.SHARD_WORDS
    const items = this.#tables[base + L.SHARD_ITEMS]! + 1
    this.#tables[base + L.SHARD_ITEMS] = items
    if (items * GROW_BUCKETS > this.#tables[base + L.SHARD_BUCKETS]! * GROW_ITEMS) this.grow(base)
  }

  /** Takes the item out of its chain. */
  remove(item: number): void {
    const words = this.#words[item >>> L.ARENA_SHIFT]!
    const at = wordAt(item)
    const hash = words[at + L.RECORD_HASH]!
    this.#repoint(hash, item, words[at + L.RECORD_NEXT]!)
    const base = L.SHARDS_AT + (hash & this.#shardMask) * L.SHARD_WORDS
    const items = this.#tables[base + L.SHARD_ITEMS]! - 1
    this.#tables[base + L.SHARD_ITEMS] = items
    if (items * SHRINK_FACTOR < this.#tables[base + L.SHARD_BUCKETS]!) this.shrink(base)
  }

  /** The record moved (or was made anew) from `source` to `target`, which gets its place in the chain. */
  relink(source: number, target: number): void {
    const words = this.#words[source >>> L.ARENA_SHIFT]!
    const at = wordAt(source)
    this.#words[target >>> L.ARENA_SHIFT]![wordAt(target) + L.RECORD_NEXT] =
      words[at + L.RECORD_NEXT]!
    this.#repoint(words[at + L.RECORD_HASH]!, source, target)
  }

  /** As relink, when the bytes of the source may be overwritten already (packing in place). */
  repointMoved(hash: number, source: number, target: number): void {
    this.#repoint(hash, source, target)
  }

  /** Splits up to STEPS_MAX buckets. A new chunk comes out of the shard's spare segment. */
  grow(base: number): void {
    const tables = this.#tables
    tables[base + L.SHARD_INDEX_WANTS] = 0
    if (tables[base + L.SHARD_PAUSED] !== 0) return
    for (let splits = 0; splits < STEPS_MAX; splits++) {
      const buckets = tables[base + L.SHARD_BUCKETS]!
      if (tables[base + L.SHARD_ITEMS]! * GROW_BUCKETS <= buckets * GROW_ITEMS) return
      if (buckets >= L.BUCKET_COUNT_MAX) return
      if ((buckets & L.CHUNK_BUCKET_MASK) === 0 && !this.#addChunk(base, buckets)) return
      this.#split(base, buckets)
    }
  }

  /** Merges up to STEPS_MAX buckets into their parents. */
  shrink(base: number): void {
    const tables = this.#tables
    if (tables[base + L.SHARD_PAUSED] !== 0) return
    for (let merges = 0; merges < STEPS_MAX; merges++) {
      const buckets = tables[base + L.SHARD_BUCKETS]!
      if (tables[base + L.SHARD_ITEMS]! * SHRINK_FACTOR >= buckets) return
      if (buckets <= L.BUCKETS_AT_START) return
      this.#mergeLast(base, buckets - 1)
    }
  }

  /** The last bucket goes into its parent; a chunk left empty goes back. */
  #mergeLast(base: number, last: number): void {
    const tables = this.#tables
    const shard = tables[base + L.SHARD_NUMBER]!
    let mask = tables[base + L.SHARD_MASK]!
    if (last < (mask + 1) >>> 1) mask >>>= 1
    tables[base + L.SHARD_BUCKETS] = last
    tables[base + L.SHARD_MASK] = mask
    this.#merge(this.bucketAddress(shard, last), this.bucketAddress(shard, last & (mask >>> 1)))
    tables[base + L.SHARD_INDEX_WANTS] = 0
    if ((last & L.CHUNK_BUCKET_MASK) === 0) {
      const entry = L.DIRECTORIES_AT + shard * L.DIRECTORY_WORDS + (last >>> L.CHUNK_SHIFT)
      this.#segments.oweSegment(tables[entry]!)
      tables[entry] = 0
    }
  }

  #addChunk(base: number, buckets: number): boolean {
    const tables = this.#tables
    const chunk = this.#segments.takeSpare(base, L.KIND_INDEX)
    if (chunk === 0) {
      // The next writer brings a spare segment (see lockForWrite); until then chains get longer.
      tables[base + L.SHARD_INDEX_WANTS] = 1
      tables[base + L.SHARD_ROOM] = 0
      return false
    }
    const shard = tables[base + L.SHARD_NUMBER]!
    const entry = L.DIRECTORIES_AT + shard * L.DIRECTORY_WORDS + (buckets >>> L.CHUNK_SHIFT)
    assert(tables[entry] === 0, 'the directory entry of a new chunk is free')
    tables[entry] = chunk
    return true
  }

  #split(base: number, created: number): void {
    const tables = this.#tables
    let mask = tables[base + L.SHARD_MASK]!
    if (created > mask) mask = mask * 2 + 1
    const parent = created & (mask >>> 1)
    tables[base + L.SHARD_MASK] = mask
    tables[base + L.SHARD_BUCKETS] = created + 1
    const shard = tables[base + L.SHARD_NUMBER]!
    const source = this.bucketAddress(shard, parent)
    const target = this.bucketAddress(shard, created)
    const sourceWords = this.#words[source >>> L.ARENA_SHIFT]!
    const targetWords = this.#words[target >>> L.ARENA_SHIFT]!
    let item = sourceWords[wordAt(source)]!
    let stay = 0
    let move = 0
    while (item !== 0) {
      const words = this.#words[item >>> L.ARENA_SHIFT]!
      const at = wordAt(item)
      const next = words[at + L.RECORD_NEXT]!
      if (((words[at + L.RECORD_HASH]! >>> L.SHARD_BITS) & mask) === created) {
        words[at + L.RECORD_NEXT] = move
        move = item
      } else {
        words[at + L.RECORD_NEXT] = stay
        stay = item
      }
      item = next
    }
    sourceWords[wordAt(source)] = stay
    targetWords[wordAt(target)] = move
    // A ghost matches by its own fingerprint, so both halves may keep it.
    targetWords[wordAt(target) + 1] = sourceWords[wordAt(source) + 1]!
  }

  #merge(source: number, target: number): void {
    const sourceWords = this.#words[source >>> L.ARENA_SHIFT]!
    const targetWords = this.#words[target >>> L.ARENA_SHIFT]!
    const moved = sourceWords[wordAt(source)]!
    sourceWords[wordAt(source)] = 0
    if (moved === 0) return
    let last = moved
    for (;;) {
      const next = this.#words[last >>> L.ARENA_SHIFT]![wordAt(last) + L.RECORD_NEXT]!
      if (next === 0) break
      last = next
    }
    this.#words[last >>> L.ARENA_SHIFT]![wordAt(last) + L.RECORD_NEXT] =
      targetWords[wordAt(target)]!
    targetWords[wordAt(target)] = moved
  }

  /** Makes whatever points to `source` point to `target`. */
  #repoint(hash: number, source: number, target: number): void {
    const bucket = this.bucketOf(hash)
    let words = this.#words[bucket >>> L.ARENA_SHIFT]!
    let at = wordAt(bucket)
    for (;;) {
      const item = words[at]!
      if (item === source) {
        words[at] = target
        return
      }
      assert(item !== 0, 'an item is in the chain of its bucket')
      words = this.#words[item >>> L.ARENA_SHIFT]!
      at = wordAt(item) + L.RECORD_NEXT
    }
  }
}

function equalBytes(
  bytes: Uint8Array,
  at: number,
  key: Uint8Array,
  start: number,
  length: number,
): boolean {
  for (let index = 0; index < length; index++) {
    if (bytes[at + index] !== key[start + index]) return false
  }
  return true
}
