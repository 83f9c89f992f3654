import assert from 'node:assert/strict'
import { hashBytes } from '../../src/base/hash.ts'
import type { StoreOptions } from '../../src/store/store.ts'
import { createStoreMemory, PAGE_BYTES, Store } from '../../src/store/store.ts'

/** A small store for tests, with string keys and whole values, on the path a command takes. */
export const MIB = 2 ** 20

export function tinyOptions(options: Partial<StoreOptions> = {}): StoreOptions {
  const memoryBytes = options.memoryBytes ?? 2 * MIB
  return {
    memoryBytes,
    memoryBytesMax: options.memoryBytesMax ?? memoryBytes * 2,
    evict: true,
    casEnabled: true,
    policy: 'lru',
    promoteThreshold: 2,
    itemBytesMax: memoryBytes / 2,
    hashSeed: 7,
    ...options,
  }
}

export function tinyStore(options: Partial<StoreOptions> = {}): TinyStore {
  const store = new Store(createStoreMemory(tinyOptions(options)))
  store.now = 100
  return new TinyStore(store)
}

export class TinyStore {
  readonly store: Store
  readonly #key: Buffer

  constructor(store: Store) {
    this.store = store
    this.#key = Buffer.alloc(250)
  }

  hash(key: string): number {
    const length = this.#key.write(key, 'latin1')
    return hashBytes(this.store.hashSeed, this.#key, 0, length)
  }

  /** Address of the item; the caller holds its lock. */
  find(key: string): number {
    return this.store.find(this.hash(key), this.#key, 0, key.length)
  }

  /** Stores; false when there was no memory. */
  set(key: string, value: Buffer, flags = 0, exptime = 0): boolean {
    const { store } = this
    const hash = this.hash(key)
    const writer = value.length >= PAGE_BYTES ? store.createWriter() : null
    if (writer !== null && !writer.begin(value.length)) return false
    if (writer !== null && !writer.write(value, 0, value.length)) return false
    const room = store.lockForWrite(hash, store.recordBytes(key.length, value.length, flags))
    const old = this.find(key)
    if (!room) {
      store.unlock(hash)
      writer?.abort()
      return false
    }
    const { draft } = store
    store.nextCas()
    draft.hash = hash
    draft.key = this.#key
    draft.keyStart = 0
    draft.keyLength = key.length
    draft.clientFlags = flags
    draft.exptime = exptime
    draft.valueLength = value.length
    draft.casHigh = store.casNextHigh
    draft.casLow = store.casNextLow
    draft.binaryKey = false
    draft.stale = false
    draft.won = false
    draft.chain = writer === null ? 0 : writer.chain
    const item = store.replace(old, draft)
    if (writer === null) store.writeValue(item, 0, value, 0, value.length)
    else writer.finish(item)
    store.unlock(hash)
    return true
  }

  /** The value, or null; counts as a hit. */
  get(key: string): Buffer | null {
    const { store } = this
    const hash = this.hash(key)
    store.lock(hash)
    const item = this.find(key)
    let value: Buffer | null = null
    if (item !== 0) {
      store.hit(item)
      value = Buffer.alloc(store.valueLength(item))
      store.copyValue(item, value, 0)
    }
    store.unlock(hash)
    return value
  }

  delete(key: string): boolean {
    const hash = this.hash(key)
    this.store.lock(hash)
    const item = this.find(key)
    if (item !== 0) this.store.remove(item)
    this.store.unlock(hash)
    return item !== 0
  }
}

const NOISE_STARTS = MIB

/** Values are cut out of one noise, each seed's from a place of its own. */
const noise = makeNoise(5 * MIB)

/** A value whose bytes depend on the seed and on where they are, so that a misplaced byte shows. */
export function patterned(length: number, seed: number): Buffer {
  const start = Math.imul(seed, 2654435761) >>> 12
  assert.ok(length <= noise.length - NOISE_STARTS)
  return noise.subarray(start, start + length)
}

function makeNoise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 16
  }
  return bytes
}
