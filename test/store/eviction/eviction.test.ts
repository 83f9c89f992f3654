import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIB, patterned, tinyStore } from '../tiny-store.ts'

test('lru: items that are used stay, the others go, oldest first', () => {
  const tiny = tinyStore({ policy: 'lru' })
  for (let index = 0; index < 100; index++) tiny.set(`hot-${index}`, patterned(300, index))
  for (let index = 0; index < 30_000; index++) {
    tiny.set(`cold-${index}`, patterned(300, index))
    tiny.get(`hot-${index % 100}`)
  }
  for (let index = 0; index < 100; index++) assert.ok(tiny.get(`hot-${index}`) !== null)
  let found = 0
  for (let index = 29_000; index < 30_000; index++) found += tiny.get(`cold-${index}`) ? 1 : 0
  assert.equal(found, 1000, 'the newest are all there')
  assert.equal(tiny.get('cold-0'), null)
  tiny.store.check()
})

test('s3-fifo: a scan does not push out what is asked for again', () => {
  const tiny = tinyStore({ policy: 's3-fifo' })
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 1000; index++) {
      const key = `hot-${index}`
      if (tiny.get(key) === null) tiny.set(key, patterned(300, index))
    }
  }
  for (let index = 0; index < 30_000; index++) tiny.set(`scan-${index}`, patterned(300, index))
  let found = 0
  for (let index = 0; index < 1000; index++) found += tiny.get(`hot-${index}`) ? 1 : 0
  assert.ok(found >= 990, `${found} of 1000`)
  tiny.store.check()
})

test('s3-fifo: an item that comes back soon after it was dropped goes to the main log', () => {
  const tiny = tinyStore({ policy: 's3-fifo', shardCount: 1 })
  let index = 0
  for (; tiny.store.figures().evictions === 0; index++) tiny.set(`key-${index}`, patterned(300, 1))
  const before = tiny.store.figures().segmentsMain
  for (let again = 0; again < 100; again++) tiny.set(`key-${again}`, patterned(300, 1))
  for (let more = 0; more < 100; more++) tiny.set(`more-${more}`, patterned(300, 1))
  assert.deepEqual([before, tiny.store.figures().segmentsMain], [0, 1])
  tiny.store.check()
})

test('when everything is used, room is made all the same', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: MIB })
    for (let index = 0; index < 6000; index++) {
      assert.ok(tiny.set(`key-${index}`, patterned(400, index)))
      for (let back = 0; back < 8; back++) tiny.get(`key-${(index * 31 + back * 97) % (index + 1)}`)
    }
    tiny.store.check()
  }
})

test('one large item more drops few others', () => {
  const tiny = tinyStore({ memoryBytes: 4 * MIB, shardCount: 1 })
  for (let index = 0; index < 300; index++) tiny.set(`key-${index}`, patterned(16_384, index))
  const { evictions, items } = tiny.store.figures()
  assert.ok(items > 200)
  tiny.set('one-more', patterned(16_384, 1))
  assert.ok(tiny.store.figures().evictions - evictions <= 8, 'a slice of a segment, not all of it')
  tiny.store.check()
})

test('what is evicted is counted by what it was', () => {
  const tiny = tinyStore({ memoryBytes: MIB })
  for (let index = 0; index < 4000; index++) {
    tiny.set(`key-${index}`, patterned(500, 1), 0, index % 2 === 0 ? 0 : 900)
  }
  const { evictions, evictedUnfetched, evictedNonzero, classes } = tiny.store.figures()
  assert.ok(evictions > 1000)
  assert.equal(evictedUnfetched, evictions)
  assert.ok(Math.abs(evictedNonzero - evictions / 2) < evictions / 10)
  const sizeClass = tiny.store.sizeClassFor(tiny.store.itemBytesFor(8, 500, 0))
  assert.equal(classes[sizeClass]?.evicted, evictions)
})

test('s3-fifo: large items that are used again move to the main log with their pages', () => {
  const tiny = tinyStore({ policy: 's3-fifo', shardCount: 1 })
  for (let index = 0; index < 400; index++) {
    tiny.set(`key-${index}`, patterned(12_000, index))
    tiny.get(`key-${index}`)
    tiny.get(`key-${index}`)
    if (index % 20 === 0) tiny.store.check()
  }
  const { segmentsMain, evictions } = tiny.store.figures()
  assert.ok(segmentsMain >= 2 && evictions > 0)
  tiny.store.check()
})
