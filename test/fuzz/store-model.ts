import assert from 'node:assert/strict'
import { hashBytes } from '../../src/base/hash.ts'
import type { ChainWriter, Store } from '../../src/store/store.ts'
import { PAGE_BYTES } from '../../src/store/store.ts'
import { MIB, patterned } from '../store/tiny-store.ts'

export interface ModelItem {
  length: number
  seed: number
  flags: number
  exptime: number
  casHigh: number
  casLow: number
}

/** A small generator (mulberry32): the same seed, the same run. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * A Map beside the store. The store tells it through onEvict what it forgets, so the model is exact.
 */
export class StoreModel {
  readonly store: Store
  readonly items = new Map<string, ModelItem>()
  readonly key = Buffer.alloc(250)
  readonly scratch = Buffer.alloc(4 * MIB)
  readonly random: () => number
  readonly evicts: boolean
  /** Uploads and downloads under way: what they hold cannot be evicted. */
  held = 0
  steps = 0

  constructor(store: Store, random: () => number, evicts: boolean) {
    this.store = store
    this.random = random
    this.evicts = evicts
    store.onEvict = (item) => this.evicted(item)
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound)
  }

  hash(key: string): number {
    return hashBytes(this.store.hashSeed, this.key, 0, this.key.write(key, 'latin1'))
  }

  find(hash: number, key: string): number {
    return this.store.find(hash, this.key, 0, key.length)
  }

  exptime(): number {
    const kind = this.below(8)
    if (kind < 4) return 0
    if (kind === 4) return 1
    return this.store.now + 1 + this.below(kind === 5 ? 500 : 60)
  }

  /** Live by the model; forgets what is over. */
  live(key: string): ModelItem | null {
    const item = this.items.get(key)
    if (item === undefined) return null
    if (item.exptime === 0 || item.exptime > this.store.now) return item
    this.items.delete(key)
    return null
  }

  evicted(item: number): void {
    const key = this.keyOf(item)
    assert.ok(this.evicts, 'nothing is evicted when evictions are off')
    assert.ok(this.live(key) !== null, `what is evicted was live: ${key}`)
    this.items.delete(key)
  }

  keyOf(item: number): string {
    const key = Buffer.alloc(250)
    this.store.copyKey(item, key, 0)
    return key.toString('latin1', 0, this.store.keyLength(item))
  }

  /** No memory: only when evictions are off, or others hold what cannot be evicted. */
  refused(small: boolean): void {
    assert.ok(!this.evicts || this.held > 0, 'no memory although there was something to evict')
    // A refused upload has given its pages back already.
    if (!small) return
    const { segmentsUsed, segmentsLimit } = this.store.figures()
    assert.ok(segmentsUsed >= segmentsLimit, 'no memory although the limit is not reached')
  }

  put(key: string, value: Buffer, writer: ChainWriter | null, seed = this.steps): void {
    const store = this.store
    const hash = this.hash(key)
    const flags = this.below(3) === 0 ? 0xfffffff0 : 0
    const room = store.lockForWrite(hash, store.recordBytes(key.length, value.length, flags))
    const old = this.find(hash, key)
    assert.equal(old !== 0, this.live(key) !== null, `find before set of ${key}`)
    if (!room) {
      store.unlock(hash)
      writer?.abort()
      this.refused(writer === null)
      return
    }
    const wide = this.below(8) === 0
    store.nextCas()
    const { draft } = store
    draft.hash = hash
    draft.key = this.key
    draft.keyStart = 0
    draft.keyLength = key.length
    draft.clientFlags = flags
    draft.exptime = this.exptime()
    draft.valueLength = value.length
    draft.casHigh = wide ? 0xffffffff : store.casNextHigh
    draft.casLow = store.casNextLow
    draft.binaryKey = false
    draft.stale = this.below(8) === 0
    draft.won = false
    draft.chain = writer === null ? 0 : writer.chain
    const item = store.replace(old, draft)
    if (writer === null) store.writeValue(item, 0, value, 0, value.length)
    else writer.finish(item)
    assert.equal(store.isStale(item), draft.stale)
    store.unlock(hash)
    this.items.set(key, {
      length: value.length,
      seed,
      flags,
      exptime: draft.exptime,
      casHigh: draft.casHigh,
      casLow: draft.casLow,
    })
  }

  compare(item: number, expected: ModelItem): void {
    const store = this.store
    assert.equal(store.valueLength(item), expected.length)
    assert.equal(store.clientFlags(item), expected.flags)
    assert.equal(store.exptime(item), expected.exptime)
    assert.equal(store.casHigh(item), expected.casHigh)
    assert.equal(store.casLow(item), expected.casLow)
    assert.equal(store.isLarge(item), expected.length >= PAGE_BYTES)
    const value = patterned(expected.length, expected.seed)
    store.copyValue(item, this.scratch, 5)
    assert.ok(value.equals(this.scratch.subarray(5, 5 + expected.length)), 'the bytes stored last')
    const from = this.below(expected.length + 1)
    const length = this.below(expected.length - from + 1)
    store.copyValueRange(item, from, length, this.scratch, 0)
    assert.ok(value.subarray(from, from + length).equals(this.scratch.subarray(0, length)))
  }
}
