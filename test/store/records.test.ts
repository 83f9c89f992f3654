import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as L from '../../src/store/layout.ts'
import { patterned, tinyStore } from './tiny-store.ts'

test('a record grows into the room behind it, but not while its segment is being evicted', () => {
  for (const phase of [L.PHASE_NONE, L.PHASE_DECIDE]) {
    const tiny = tinyStore({ shardCount: 1 })
    tiny.set('front', patterned(100, 1))
    tiny.set('middle', patterned(100, 2))
    tiny.set('behind', patterned(100, 3))
    tiny.store.lock(0)
    const front = tiny.find('front')
    const middle = tiny.find('middle')
    tiny.store.unlock(0)
    const segment = L.SEGMENTS_AT + (front >>> L.SEGMENT_SHIFT) * L.SEGMENT_WORDS
    const { tables } = tiny.store.views
    tables[segment + L.SEGMENT_PHASE] = phase
    tables[segment + L.SEGMENT_HAND] = middle & L.SEGMENT_UNIT_MASK
    tiny.delete('middle')
    tiny.set('front', patterned(180, 4))
    tiny.store.lock(0)
    assert.equal(tiny.find('front') === front, phase === L.PHASE_NONE)
    tiny.store.unlock(0)
    assert.deepEqual(tiny.get('front'), patterned(180, 4))
    assert.deepEqual(tiny.get('behind'), patterned(100, 3))
    if (phase !== L.PHASE_NONE) tiny.store.check()
  }
})

test('every change of size is in the figures', () => {
  const tiny = tinyStore({ shardCount: 1 })
  for (const length of [10, 500, 20, 499, 9000, 30]) {
    tiny.set('key', patterned(length, 1), length)
    const { items, itemBytes, itemsTotal } = tiny.store.figures()
    assert.deepEqual([items, itemBytes], [1, 59 + 3 + length + 4])
    assert.ok(itemsTotal > 0)
    tiny.store.check()
  }
  assert.equal(tiny.store.figures().itemsTotal, 6)
})
