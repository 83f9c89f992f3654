import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patterned, tinyStore } from './tiny-store.ts'

test('the index grows with the items and shrinks with them, bucket by bucket', () => {
  const tiny = tinyStore({ shardCount: 2 })
  const atStart = tiny.store.figures().indexBuckets
  for (let index = 0; index < 20_000; index++) {
    tiny.set(`key-${index}`, patterned(3, index))
    if (index % 2500 === 0) tiny.store.check()
  }
  const grown = tiny.store.figures()
  assert.ok(grown.indexBuckets >= 20_000 / 1.26, `${grown.indexBuckets} buckets`)
  assert.ok(grown.segmentsIndex >= 2)
  for (let index = 0; index < 20_000; index++) {
    assert.ok(tiny.delete(`key-${index}`))
    if (index % 2500 === 0) tiny.store.check()
  }
  assert.equal(tiny.store.figures().indexBuckets, atStart)
  assert.equal(tiny.store.figures().segmentsIndex, 2)
  tiny.store.check()
})

test('growth that was paused is caught up with', () => {
  const tiny = tinyStore({ shardCount: 1 })
  tiny.store.pauseGrowth(1)
  for (let index = 0; index < 2000; index++) tiny.set(`key-${index}`, patterned(3, index))
  const paused = tiny.store.figures().indexBuckets
  tiny.store.pauseGrowth(-1)
  for (let index = 2000; index < 5000; index++) tiny.set(`key-${index}`, patterned(3, index))
  assert.equal(paused, 64)
  assert.ok(tiny.store.figures().indexBuckets >= 4000 / 1.26)
  for (let index = 0; index < 5000; index++) assert.ok(tiny.get(`key-${index}`) !== null)
  tiny.store.check()
})

test('without memory for another chunk the chains get longer and everything is found', () => {
  const tiny = tinyStore({ shardCount: 1, memoryBytes: 2 ** 20, evict: false })
  let stored = 0
  while (tiny.set(`key-${stored}`, patterned(0, 0))) stored++
  assert.ok(stored > 15_000, `${stored} items`)
  for (let index = 0; index < stored; index++) assert.ok(tiny.get(`key-${index}`) !== null)
  tiny.store.check()
})

test('keys with the same hash are told apart by length and bytes', () => {
  const { store } = tinyStore()
  const key = Buffer.from('abcabx')
  const lengths = [1, 2, 3]
  const hash = 12345
  assert.ok(store.lockForWrite(hash, 1000))
  for (const length of lengths) {
    assert.equal(store.find(hash, key, 0, length), 0)
    Object.assign(store.draft, { hash, key, keyStart: 0, keyLength: length, valueLength: length })
    store.replace(0, store.draft)
  }
  for (const length of lengths) {
    assert.equal(store.valueLength(store.find(hash, key, 0, length)), length)
  }
  assert.equal(store.find(hash, key, 3, 3), 0, 'abx is not abc')
  assert.ok(store.find(hash, key, 3, 2) !== 0, 'ab is')
  store.unlock(hash)
  store.check()
})
