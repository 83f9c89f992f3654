import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as L from '../../src/store/layout.ts'
import { CLASS_SIZES } from '../../src/store/size-class.ts'
import { tinyStore } from './tiny-store.ts'

/** Every class figure of every shard is set by hand, to numbers that tell class and shard apart. */
test('figures are sums over shards and classes, times are the longest', () => {
  const { store } = tinyStore()
  const { figures, shardCount } = store.views
  for (let shard = 0; shard < shardCount; shard++) {
    for (let sizeClass = 1; sizeClass < CLASS_SIZES.length; sizeClass++) {
      const at = shard * L.FIGURE_DOUBLES + L.FIGURE_CLASSES + sizeClass * L.CLASS_DOUBLES
      figures[at + L.CLASS_BYTES] = sizeClass * 2 ** 33
      figures[at + L.CLASS_EVICTED] = shard
      figures[at + L.CLASS_EVICTED_TIME] = sizeClass + shard
    }
  }
  const last = CLASS_SIZES.length - 1
  const read = store.figures()
  assert.equal(read.itemBytes, ((last * (last + 1)) / 2) * shardCount * 2 ** 33)
  assert.equal(read.evictions, ((shardCount * (shardCount - 1)) / 2) * last)
  assert.equal(read.classes.length, L.CLASS_COUNT)
  assert.equal(read.classes[last]!.bytes, last * shardCount * 2 ** 33)
  assert.equal(read.classes[3]!.evicted, (shardCount * (shardCount - 1)) / 2)
  assert.equal(read.classes[3]!.evictedTime, 3 + shardCount - 1)
  assert.equal(read.classes[0]!.bytes, 0)
})

test('a second reading starts from nothing, and so does one of another store', () => {
  const full = tinyStore()
  assert.ok(full.set('key', Buffer.alloc(100)))
  assert.equal(full.store.figures().items, 1)
  assert.equal(full.store.figures().items, 1)
  assert.equal(tinyStore().store.figures().items, 0)
})
