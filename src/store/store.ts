import { assert } from '../base/assert.ts'
import { ChainReader as Reader } from './chain-reader.ts'
import { ChainWriter as Writer } from './chain-writer.ts'
import { checkStore } from './check.ts'
import { Cleaner } from './cleaner.ts'
import { createPolicy } from './eviction/create-policy.ts'
import { Eviction } from './eviction/eviction.ts'
import type { Figures as AllFigures, ClassFigures as OneClass } from './figures.ts'
import { readFigures } from './figures.ts'
import { HashIndex } from './hash-index.ts'
import type { ItemDraft as Draft } from './item.ts'
import { copyBytes, createDraft, Items, inlineLength, wordAt } from './item.ts'
import * as L from './layout.ts'
import type { StoreMemory as Memory, StoreOptions as Options } from './memory.ts'
import { capacityOf, createMemory, growMemory, limitSegments, Views } from './memory.ts'
import { PageMover } from './page-mover.ts'
import { chainAt, Pages, pageAddress, pageAt } from './pages.ts'
import { Pool } from './pool.ts'
import { Prefetcher } from './prefetch.ts'
import { Reclaimer } from './reclaimer.ts'
import { DROP_EXPIRED, DROP_REMOVED, Records, recordBytesFor } from './records.ts'
import { Segments } from './segments.ts'
import { Shards } from './shards.ts'
import { sizeClassOf } from './size-class.ts'
import { Sweep } from './sweep.ts'

/**
 * The front door. Items live in segments of shared memory, each shard of which has one lock, and
 * every thread works on them directly through a Store of its own. README.md has the byte map and
 * the rules; in short: lock, find, look or change, unlock, and hold one lock at a time.
 */
export type StoreMemory = Memory
export type StoreOptions = Options
export type ItemDraft = Draft
export type ChainWriter = Writer
export type ChainReader = Reader
export type Figures = AllFigures
export type ClassFigures = OneClass

/** Why find() returned 0. */
export const MISS_ABSENT = 0
export const MISS_EXPIRED = 1
export const MISS_FLUSHED = 2

/** Values of this many bytes or more are large: they are written through a ChainWriter. */
export const PAGE_BYTES = L.PAGE_BYTES
/** Upper bound of what recordBytes() can return. */
export const RECORD_BYTES_MAX = L.RECORD_BYTES_MAX

/** Creates the shared memory; call once, on the control thread. */
export function createStoreMemory(options: StoreOptions): StoreMemory {
  return createMemory(options)
}

/** More arenas for a later resize(); control thread. Post the result to all workers, then resize. */
export function growStoreMemory(memory: StoreMemory, bytes: number): StoreMemory {
  return growMemory(memory, bytes)
}

/**
 * One instance per thread. An item is named by its address, an opaque int32 that is never 0 and is
 * good until the lock is given back. lockForWrite may let go of the lock before it returns, so find
 * after it, not before. Fields of an item: see Items in item.ts, which this class extends.
 */
export class Store extends Items {
  readonly hashSeed: number
  readonly shardCount: number
  readonly casEnabled: boolean
  readonly itemBytesMax: number
  /** The one reusable record for replace(). Set every field. */
  readonly draft: ItemDraft
  /** For the control thread: reaps expired and flushed items. */
  readonly sweep: Sweep
  missReason: number
  casNextHigh: number
  casNextLow: number
  readonly #tables: Int32Array
  readonly #shardMask: number
  readonly #pool: Pool
  readonly #segments: Segments
  readonly #pages: Pages
  readonly #index: HashIndex
  readonly #prefetcher: Prefetcher
  readonly #records: Records
  readonly #shards: Shards
  readonly #reclaimer: Reclaimer

  constructor(memory: StoreMemory) {
    const views = new Views(memory)
    super(views)
    const { options } = memory
    this.hashSeed = options.hashSeed
    this.shardCount = memory.shardCount
    this.casEnabled = options.casEnabled
    this.itemBytesMax = options.itemBytesMax
    this.draft = createDraft()
    this.missReason = MISS_ABSENT
    this.casNextHigh = 0
    this.casNextLow = 0
    this.#tables = views.tables
    this.#shardMask = views.shardMask
    this.#pool = new Pool(views)
    this.#segments = new Segments(views, options.policy === 'lru' ? L.LOG_MAIN : L.LOG_SMALL)
    this.#pages = new Pages(views, this.#pool)
    this.#index = new HashIndex(this, this.#segments)
    this.#prefetcher = new Prefetcher(this, this.#index)
    const policy = createPolicy(this, this.#index)
    this.#records = new Records(this, this.#index, this.#segments, this.#pages, policy)
    this.#shards = new Shards(views, this.#pool, this.#pages)
    const eviction = new Eviction(this, this.#index, this.#segments, this.#records, policy)
    const cleaner = new Cleaner(views, this.#segments, this.#records, eviction)
    const mover = new PageMover(this, this.#pool, this.#pages, this.#shards)
    const parts = { cleaner, eviction, mover }
    this.#reclaimer = new Reclaimer(views, this.#pool, this.#segments, this.#shards, parts)
    this.sweep = new Sweep(views, this.#shards, cleaner)
  }

  // -- Locks -----------------------------------------------------------------------------------

  lock(hash: number): void {
    this.#shards.enter(L.SHARDS_AT + (hash & this.#shardMask) * L.SHARD_WORDS)
  }

  unlock(hash: number): void {
    this.#shards.leave(L.SHARDS_AT + (hash & this.#shardMask) * L.SHARD_WORDS)
  }

  /**
   * Locks. True: one record of recordBytes will fit while the lock is held. False: no memory, and
   * STILL LOCKED. May evict, and let go of the lock meanwhile.
   */
  lockForWrite(hash: number, recordBytes: number): boolean {
    const base = L.SHARDS_AT + (hash & this.#shardMask) * L.SHARD_WORDS
    this.#shards.enter(base)
    const units = (recordBytes + L.UNIT_BYTES - 1) >>> L.UNIT_SHIFT
    return units <= this.#tables[base + L.SHARD_ROOM]! || this.#makeRoom(base, units)
  }

  // -- Items, under the lock -------------------------------------------------------------------

  /** Address or 0 (then missReason says why). Removes what is expired or flushed. */
  find(hash: number, key: Uint8Array, start: number, length: number): number {
    const item = this.#index.find(hash, key, start, length)
    if (item === 0) {
      this.missReason = MISS_ABSENT
      return 0
    }
    const base = L.SHARDS_AT + (hash & this.#shardMask) * L.SHARD_WORDS
    const death = this.#records.deathOf(base, item)
    if (death === DROP_REMOVED) return item
    this.missReason = death === DROP_EXPIRED ? MISS_EXPIRED : MISS_FLUSHED
    this.#records.dropAndReap(item, death)
    return 0
  }

  /** Without a lock: brings the items of up to 32 keys into the cache that are asked for next. */
  prefetch(hashes: Int32Array, count: number): void {
    this.#prefetcher.run(hashes, count)
  }

  /** Makes the item of the draft in place of `old` (0: none). Returns its address. Write the value next. */
  replace(old: number, draft: ItemDraft): number {
    return this.#records.replace(old, draft)
  }

  remove(item: number): void {
    this.#records.dropAndReap(item, DROP_REMOVED)
  }

  /** What lockForWrite needs for such an item (large values: without their pages). */
  recordBytes(keyLength: number, valueLength: number, clientFlags: number): number {
    return recordBytesFor(keyLength, valueLength, clientFlags)
  }

  setExptime(item: number, exptime: number): void {
    this.#records.setExptime(item, exptime)
  }

  /**
   * Sets the CAS. Returns the item's address, which differs if a CAS over 48 bits needed a wider
   * record (hold lockForWrite(hash, RECORD_BYTES_MAX) for that); 0 when there was no room and
   * nothing changed. With high <= 0xffff it never moves nor fails.
   */
  setCas(item: number, high: number, low: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    const head = words[at]!
    if ((words[at + L.RECORD_VALUE]! & L.BIT_WIDE_CAS) !== 0) {
      words[at + L.HEADER_WORDS + ((head >>> L.FLAGS_SHIFT) & 1)] = high
    } else if (high <= L.CAS_HIGH_NARROW_MAX) {
      words[at] = (head & ~(L.CAS_HIGH_NARROW_MAX << L.CAS_HIGH_SHIFT)) | (high << L.CAS_HIGH_SHIFT)
    } else {
      return this.#records.widen(item, high, low)
    }
    words[at + L.RECORD_CAS] = low
    return item
  }

  /** Sets casNextHigh and casNextLow (uint32) to the next unique number, or to 0 without CAS. */
  nextCas(): void {
    if (!this.casEnabled) return
    const tables = this.#tables
    const low = (Atomics.add(tables, L.CAS_LOW, 1) + 1) | 0
    if ((low & 0x7fffffff) === 0) Atomics.add(tables, L.CAS_EPOCH, 1)
    let epoch = tables[L.CAS_EPOCH]!
    // Whoever took the number at a half crossing may not have counted it yet (then we are just
    // behind it and the count is short by one), or another has already (we are just before it).
    if ((epoch & 1) !== low >>> 31) epoch += (low & 0x40000000) === 0 ? 1 : -1
    this.casNextHigh = epoch >>> 1
    this.casNextLow = low >>> 0
  }

  /** The whole value, large ones too, when the target has room for it. */
  copyValue(item: number, target: Buffer, at: number): void {
    const words = this.arena(item)
    const word = wordAt(item)
    if ((words[word]! & L.BIT_LARGE) !== 0) {
      this.copyValueRange(item, 0, this.valueLength(item), target, at)
      return
    }
    const source = this.bytes[item >>> L.ARENA_SHIFT]!
    copyBytes(
      source,
      this.valueOffset(item),
      target,
      at,
      words[word + L.RECORD_VALUE]! & L.VALUE_LENGTH_MASK,
    )
  }

  copyValueRange(item: number, from: number, length: number, target: Buffer, at: number): void {
    const words = this.arena(item)
    const word = wordAt(item)
    const inline = inlineLength(words[word]!, words[word + L.RECORD_VALUE]!)
    let done = Math.max(0, Math.min(length, inline - from))
    if (done > 0) {
      const source = this.bytes[item >>> L.ARENA_SHIFT]!
      copyBytes(source, this.valueOffset(item) + from, target, at, done)
    }
    if (done === length) return
    let offset = from + done - inline
    let page = this.#tables[chainAt(this.chainOf(item)) + L.CHAIN_FIRST]!
    for (; offset >= PAGE_BYTES; offset -= PAGE_BYTES) page = this.#nextPage(page)
    while (done < length) {
      const part = Math.min(length - done, PAGE_BYTES - offset)
      const address = pageAddress(page)
      const source = ((address & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT) + offset
      copyBytes(this.bytes[address >>> L.ARENA_SHIFT]!, source, target, at + done, part)
      done += part
      offset = 0
      page = this.#nextPage(page)
    }
  }

  sizeClass(item: number): number {
    return sizeClassOf(this.itemBytes(item))
  }

  sizeClassFor(itemBytes: number): number {
    return sizeClassOf(itemBytes)
  }

  // -- Large values ----------------------------------------------------------------------------

  /** Uploads and downloads of large values. Reuse them: a reader owns 8 KiB of buffer once used. */
  createWriter(): ChainWriter {
    return new Writer(this, this.#pages, this.#reclaimer)
  }

  createReader(): ChainReader {
    return new Reader(this.#pages)
  }

  // -- The whole store -------------------------------------------------------------------------

  /** Called under the lock before a live item is evicted (watch). It must not take a lock. */
  get onEvict(): ((item: number) => void) | null {
    return this.#records.onEvict
  }

  set onEvict(listener: ((item: number) => void) | null) {
    this.#records.onEvict = listener
  }

  /** Everything stored before is gone at once, in all shards; the memory follows by and by. */
  flush(): void {
    for (let shard = 0; shard < this.shardCount; shard++) {
      this.lock(shard)
      this.#segments.startEpoch(L.SHARDS_AT + shard * L.SHARD_WORDS)
      this.unlock(shard)
    }
  }

  /** New limit; a lower one is reached by shrink(). False: more arenas first (growStoreMemory). */
  resize(bytes: number): boolean {
    return this.#pool.setLimit(limitSegments(bytes))
  }

  /** More is in use than a lower limit allows. */
  get isOverLimit(): boolean {
    return this.#tables[L.POOL_LIMIT]! > this.#tables[L.POOL_TARGET]!
  }

  /** Evicts what a lower limit has no room for, for so long. One thread. False: nothing can be freed now. */
  shrink(budgetMicroseconds: number): boolean {
    return this.#reclaimer.shrinkPool(budgetMicroseconds)
  }

  /** Called in each thread with the memory of growStoreMemory, before resize. */
  attachArenas(memory: StoreMemory): void {
    this.views.attach(memory)
    this.#pool.raiseCapacity(capacityOf(memory.arenas))
  }

  figures(): Figures {
    return readFigures(this.views)
  }

  /** While paused no bucket splits or merges, so a walk sees no item twice. 1 begins a pause, -1 ends it. */
  pauseGrowth(change: 1 | -1): void {
    for (let shard = 0; shard < this.shardCount; shard++) {
      const at = L.SHARDS_AT + shard * L.SHARD_WORDS + L.SHARD_PAUSED
      this.lock(shard)
      this.#tables[at] = this.#tables[at]! + change
      this.unlock(shard)
    }
  }

  /** There were no pages for a value: counted as lockForWrite counts a record without room. */
  countOutOfMemory(hash: number, itemBytes: number): void {
    this.lock(hash)
    this.#records.countOutOfMemory(hash & this.#shardMask, itemBytes >>> L.UNIT_SHIFT)
    this.unlock(hash)
  }

  /**
   * Visits the live items of buckets [from, from+count) of a shard under its lock, which the method
   * takes and gives back. Returns the next bucket, or -1 after the last. visit must be short.
   */
  dumpBuckets(shard: number, from: number, count: number, visit: (item: number) => void): number {
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    this.#shards.enter(base)
    const buckets = this.#tables[base + L.SHARD_BUCKETS]!
    const end = Math.min(from + count, buckets)
    for (let bucket = from; bucket < end; bucket++) {
      const place = this.#index.bucketAddress(shard, bucket)
      let item = this.arena(place)[wordAt(place)]!
      while (item !== 0) {
        const next = this.arena(item)[wordAt(item) + L.RECORD_NEXT]!
        if (this.#records.deathOf(base, item) === DROP_REMOVED) visit(item)
        item = next
      }
    }
    this.#shards.leave(base)
    return end >= buckets ? -1 : end
  }

  /**
   * Asserts every invariant. Nobody else may work on the store meanwhile. Returns the pages that
   * belong to no item (uploads, and replaced values somebody still reads).
   */
  check(): number {
    return checkStore(this, this.#index, this.#segments)
  }

  #nextPage(page: number): number {
    return this.#tables[pageAt(page) + L.PAGE_NEXT]!
  }

  /** Under the lock, which is let go of and taken again until a record of `units` fits. */
  #makeRoom(base: number, units: number): boolean {
    const tables = this.#tables
    assert(units <= L.SEGMENT_UNITS, 'a record fits into a segment')
    const shard = tables[base + L.SHARD_NUMBER]!
    if (this.#segments.isNearItsEnd(base)) {
      this.#shards.leave(base)
      this.#reclaimer.workAhead(shard, this.#segments.sliceAhead(units))
      this.#shards.enter(base)
    }
    for (let attempt = 0; ; attempt++) {
      if (tables[base + L.SHARD_INDEX_WANTS] !== 0) this.#index.grow(base)
      this.#segments.computeRoom(base, units)
      const wants = tables[base + L.SHARD_INDEX_WANTS] !== 0
      if (units <= tables[base + L.SHARD_ROOM]! && !wants) return true
      this.#shards.leave(base)
      const progress = this.#reclaimer.supply(shard, attempt)
      this.#shards.enter(base)
      if (progress) continue
      // There is nothing left to free: any log will do, and the index grows another time.
      if (units <= this.#segments.roomAnywhere(base) || tables[base + L.SHARD_SPARE] !== 0)
        return true
      this.#records.countOutOfMemory(shard, units)
      return false
    }
  }
}
