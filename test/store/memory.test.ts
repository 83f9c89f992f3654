import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStoreMemory, growStoreMemory, Store } from '../../src/store/store.ts'
import { MIB, patterned, TinyStore, tinyOptions } from './tiny-store.ts'

test('a store of 32 GiB is made in no time and touches next to nothing', () => {
  const before = process.memoryUsage.rss()
  const start = performance.now()
  const memory = createStoreMemory(
    tinyOptions({ memoryBytes: 32 * 1024 * MIB, memoryBytesMax: 32 * 1024 * MIB }),
  )
  const store = new Store(memory)
  const milliseconds = performance.now() - start
  assert.ok(milliseconds < 100, `${milliseconds} ms`)
  assert.ok(process.memoryUsage.rss() - before < 16 * MIB)
  assert.equal(store.shardCount, 32)
  const tiny = new TinyStore(store)
  tiny.store.now = 5
  for (let index = 0; index < 1000; index++) tiny.set(`key-${index}`, patterned(index, 1))
  store.check()
})

test('small limits have fewer shards', () => {
  for (const [mebibytes, shards] of [
    [1, 1],
    [2, 2],
    [4, 4],
    [8, 8],
    [64, 8],
    [1024, 32],
  ] as const) {
    const memory = createStoreMemory(tinyOptions({ memoryBytes: mebibytes * MIB }))
    assert.equal(memory.shardCount, shards, `${mebibytes} MiB`)
  }
})

test('addresses above 2^31 work like others', () => {
  const memory = createStoreMemory(
    tinyOptions({ memoryBytes: 32 * 1024 * MIB, memoryBytesMax: 32 * 1024 * MIB }),
  )
  // The fresh segments begin in the last arenas, where addresses are negative as int32.
  new Int32Array(memory.tables)[35] = 24 * 16384
  const tiny = new TinyStore(new Store(memory))
  tiny.store.now = 5
  for (let index = 0; index < 30_000; index++) {
    assert.ok(tiny.set(`key-${index % 9000}`, patterned(index % 500, index)))
  }
  assert.ok(tiny.set('large', patterned(100_000, 1)))
  assert.deepEqual(tiny.get('large'), patterned(100_000, 1))
  assert.deepEqual(tiny.get('key-1'), patterned(27_001 % 500, 27_001))
  const hash = tiny.hash('key-1')
  tiny.store.lock(hash)
  assert.ok(tiny.find('key-1') < 0)
  tiny.store.unlock(hash)
})

test('a limit beyond the arenas works once all threads have attached more', () => {
  const memory = createStoreMemory(
    tinyOptions({ memoryBytes: 512 * MIB, memoryBytesMax: 512 * MIB }),
  )
  const store = new Store(memory)
  assert.ok(store.resize(1000 * MIB), 'an arena is reserved whole')
  assert.ok(!store.resize(2048 * MIB))
  store.attachArenas(growStoreMemory(memory, 2048 * MIB))
  assert.ok(store.resize(2048 * MIB))
  assert.equal(store.figures().limitBytes, 2048 * MIB)
})
