import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ARENA_BYTES, DIRECTORIES_AT, UNIT_BYTES } from '../../src/store/layout.ts'
import { PREFETCH_KEYS_MAX } from '../../src/store/prefetch.ts'
import type { StoreMemory } from '../../src/store/store.ts'
import { createStoreMemory, Store } from '../../src/store/store.ts'
import { Random, testSeed } from '../support/seed.ts'
import { MIB, patterned, TinyStore, tinyOptions } from './tiny-store.ts'

/** The pool, and the shards with all they count. */
const TABLE_BYTES = DIRECTORIES_AT * 4
/** More than all segments of a store of 2 MiB. */
const USED_BYTES = 8 * MIB
const END_BYTES = 4096

function seeded(): Random {
  const seed = testSeed()
  console.log(`seed ${seed}`)
  return new Random(seed)
}

/**
 * Of the items and their index. The rest of an arena of a GiB and of the tables was never touched, and
 * would take seconds.
 */
function digest({ tables, arenas }: StoreMemory): string {
  const hash = createHash('sha256').update(new Uint8Array(tables, 0, TABLE_BYTES))
  hash.update(new Uint8Array(arenas[0]!, 0, USED_BYTES))
  hash.update(new Uint8Array(arenas[0]!, ARENA_BYTES - END_BYTES))
  return hash.digest('hex')
}

function hashes(random: Random, tiny: TinyStore, keys: number): Int32Array {
  return Int32Array.from({ length: PREFETCH_KEYS_MAX }, () =>
    random.chance(0.5) ? random.word() | 0 : tiny.hash(`key-${random.below(2 * keys)}`),
  )
}

for (const policy of ['lru', 's3-fifo'] as const) {
  test(`changes nothing: ${policy}`, () => {
    const random = seeded()
    const keys = 5000
    const memory = createStoreMemory(tinyOptions({ policy, memoryBytes: 2 * MIB }))
    const tiny = new TinyStore(new Store(memory))
    tiny.store.now = 100
    // Empty, while the index grows, and full: the numbers of buckets are no powers of two on the way.
    for (let key = 0; key < keys; key++) {
      if (key % 500 === 0) {
        tiny.store.check()
        const before = digest(memory)
        for (let count = 0; count <= PREFETCH_KEYS_MAX; count++) {
          tiny.store.prefetch(hashes(random, tiny, keys), count)
        }
        assert.equal(digest(memory), before, `with ${key} items`)
        tiny.store.check()
      }
      assert.ok(tiny.set(`key-${key}`, patterned(random.below(1500), key)))
    }
    assert.ok(tiny.store.figures().items < keys, 'memory was full')
    tiny.store.check()
  })
}

test('an index of one bucket, and one that has shrunk', () => {
  const random = seeded()
  const tiny = new TinyStore(new Store(createStoreMemory(tinyOptions({ shardCount: 1 }))))
  const look = (): void => {
    const { indexBuckets } = tiny.store.figures()
    for (let round = 0; round < 50; round++) {
      tiny.store.prefetch(hashes(random, tiny, 3000), PREFETCH_KEYS_MAX)
    }
    assert.equal(tiny.store.figures().indexBuckets, indexBuckets, 'the directory is as it was')
    tiny.store.check()
  }
  look()
  for (let key = 0; key < 3000; key++) tiny.set(`key-${key}`, patterned(20, key))
  look()
  for (let key = 0; key < 3000; key++) tiny.delete(`key-${key}`)
  look()
})

test('whatever words are found where items should be, it passes over them', () => {
  const random = seeded()
  const memory = createStoreMemory(tinyOptions())
  const tiny = new TinyStore(new Store(memory))
  for (let key = 0; key < 2000; key++) tiny.set(`key-${key}`, patterned(100, key))
  const arena = new Int32Array(memory.arenas[0]!)
  const unitsMax = ARENA_BYTES / UNIT_BYTES
  const words: (() => number)[] = [
    () => random.word() | 0,
    () => -1,
    () => 2 ** 31 - 1,
    // The last units of the arena, and what would be the first behind it.
    ...[3, 2, 1, 0].map((before) => () => unitsMax - before),
  ]
  for (const word of words) {
    // As the first of a chain, and as what comes behind it.
    for (let at = 0; at < USED_BYTES / 4; at++) arena[at] = word()
    for (let at = arena.length - END_BYTES / 4; at < arena.length; at++) arena[at] = word()
    const before = digest(memory)
    for (let round = 0; round < 200; round++) {
      tiny.store.prefetch(hashes(random, tiny, 2000), PREFETCH_KEYS_MAX)
    }
    assert.equal(digest(memory), before)
  }
})
