import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patterned, tinyStore } from './tiny-store.ts'

test('page segments that are mostly free are emptied when memory is wanted', () => {
  const tiny = tinyStore({ evict: false })
  let stored = 0
  while (tiny.set(`key-${stored}`, patterned(8192, stored))) stored++
  const full = tiny.store.figures()
  for (let index = 0; index < stored; index++) {
    if (index % 8 !== 0) tiny.delete(`key-${index}`)
  }
  assert.equal(tiny.store.figures().segmentsPages, full.segmentsPages, 'one page holds a segment')
  let small = 0
  while (tiny.set(`small-${small}`, patterned(1000, small))) small++
  const { segmentsPages, segmentsUsed, segmentsLimit } = tiny.store.figures()
  assert.ok(segmentsPages <= full.segmentsPages / 4, `${segmentsPages} page segments`)
  assert.equal(segmentsUsed, segmentsLimit)
  for (let index = 0; index < stored; index += 8) {
    assert.deepEqual(tiny.get(`key-${index}`), patterned(8192, index))
  }
  assert.equal(tiny.store.check(), 0)
})

test('the pages of a value that somebody reads stay where they are', () => {
  const tiny = tinyStore({ evict: false, shardCount: 1 })
  let stored = 0
  while (tiny.set(`key-${stored}`, patterned(8192, stored))) stored++
  const readers = []
  for (let index = 0; index < stored; index += 8) {
    const reader = tiny.store.createReader()
    tiny.store.lock(0)
    reader.open(tiny.store, tiny.find(`key-${index}`))
    tiny.store.unlock(0)
    readers.push({ reader, index })
  }
  for (let index = 0; index < stored; index++) {
    if (index % 8 !== 0) tiny.delete(`key-${index}`)
  }
  for (let small = 0; tiny.set(`small-${small}`, patterned(1000, small)); ) small++
  for (const { reader, index } of readers) {
    const value = Buffer.alloc(8192)
    assert.equal(reader.read(value, 0, 8192), 8192)
    assert.deepEqual(value, patterned(8192, index))
    reader.close()
  }
  assert.equal(tiny.store.check(), 0)
})
