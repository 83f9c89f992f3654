import assert from 'node:assert/strict'
import type { Config } from '../../src/base/config.ts'
import { hashBytes } from '../../src/base/hash.ts'
import { createStoreMemory, Store } from '../../src/store/store.ts'

export const HASH_SEED = 7

/** What `now` is in a fresh test store. */
export const TEST_NOW = 1000

export interface PutOptions {
  readonly clientFlags: number
  /** Relative seconds. */
  readonly exptime: number
  readonly binaryKey: boolean
  readonly cas: bigint
}

export function testStore(config: Config): Store {
  const store = new Store(
    createStoreMemory({
      memoryBytes: config.memory.limit,
      evict: config.memory.evict,
      casEnabled: config.items.cas,
      policy: config.memory.policy,
      promoteThreshold: config.memory.promoteThreshold,
      itemBytesMax: config.items.maxSize,
      hashSeed: HASH_SEED,
    }),
  )
  store.now = TEST_NOW
  return store
}

/** Stores a small value without going through a command. */
export function putItem(
  store: Store,
  key: string,
  value: string,
  options: Partial<PutOptions> = {},
): void {
  const { clientFlags = 0, exptime = 0, binaryKey = false, cas } = options
  const keyBytes = Buffer.from(key, 'latin1')
  const hash = hashBytes(HASH_SEED, keyBytes, 0, keyBytes.length)
  const { draft } = store
  assert.ok(store.lockForWrite(hash, store.recordBytes(key.length, value.length, clientFlags)))
  const old = store.find(hash, keyBytes, 0, keyBytes.length)
  store.nextCas()
  Object.assign(draft, {
    hash,
    key: keyBytes,
    keyStart: 0,
    keyLength: keyBytes.length,
    clientFlags,
    exptime,
    valueLength: value.length,
    casHigh: cas === undefined ? store.casNextHigh : Number(cas >> 32n),
    casLow: cas === undefined ? store.casNextLow : Number(cas & 0xffffffffn),
    binaryKey,
    stale: false,
    won: false,
    chain: 0,
  })
  const item = store.replace(old, draft)
  store.writeValue(item, 0, Buffer.from(value, 'latin1'), 0, value.length)
  store.unlock(hash)
}

/** Marks an item as read by a client. */
export function hitItem(store: Store, key: string): void {
  const keyBytes = Buffer.from(key, 'latin1')
  const hash = hashBytes(HASH_SEED, keyBytes, 0, keyBytes.length)
  store.lock(hash)
  const item = store.find(hash, keyBytes, 0, keyBytes.length)
  assert.notEqual(item, 0)
  store.hit(item)
  store.unlock(hash)
}
