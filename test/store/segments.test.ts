import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as L from '../../src/store/layout.ts'
import { partsOf, segmentAt } from './store-parts.ts'
import type { TinyStore } from './tiny-store.ts'
import { MIB, patterned, tinyStore } from './tiny-store.ts'

/** Of the only shard. */
const BASE = L.SHARDS_AT
const MAIN = BASE + L.SHARD_LOGS + (L.LOG_MAIN << L.LOG_SHIFT)

function segmentOf(tiny: TinyStore, key: string): number {
  tiny.store.lock(0)
  const segment = tiny.find(key) >>> L.SEGMENT_SHIFT
  tiny.store.unlock(0)
  return segment
}

test('a segment that is packed by halves is a proper one in between', () => {
  const tiny = tinyStore({ shardCount: 1 })
  const keys = Array.from({ length: 1500 }, (_, index) => `key-${index}`)
  for (const [index, key] of keys.entries()) tiny.set(key, patterned(20, index))
  const segment = segmentOf(tiny, 'key-0')
  assert.notEqual(segmentOf(tiny, 'key-1499'), segment, 'the first segment is closed')
  for (let index = 0; index < keys.length; index += 2) tiny.delete(`key-${index}`)
  const { eviction } = partsOf(tiny.store)
  const { tables } = tiny.store.views
  tables[segmentAt(segment) + L.SEGMENT_PHASE] = L.PHASE_CLEAN
  let slices = 0
  for (let packed = false; !packed; slices++) {
    tiny.store.lock(0)
    packed = eviction.pack(BASE, segment)
    tiny.store.unlock(0)
    tiny.store.check()
  }
  assert.ok(slices >= 3, `${slices} slices`)
  for (let index = 1; index < keys.length; index += 2) {
    assert.deepEqual(tiny.get(`key-${index}`), patterned(20, index))
  }
})

test('an empty segment is given back when another one becomes the open one of its log', () => {
  const tiny = tinyStore({ shardCount: 1 })
  for (let index = 0; index < 1500; index++) tiny.set(`key-${index}`, patterned(20, index))
  const { segments } = partsOf(tiny.store)
  const { tables } = tiny.store.views
  const closed = segmentOf(tiny, 'key-0')
  const open = tables[MAIN + L.LOG_OPEN]!
  for (let index = 0; index < 1500; index++) {
    if (segmentOf(tiny, `key-${index}`) === open) tiny.delete(`key-${index}`)
  }
  assert.equal(tables[segmentAt(open) + L.SEGMENT_LIVE], 0)
  const before = tables[L.POOL_IN_USE]!
  // As at the end of packing: what is left of the oldest segment becomes the newest.
  tiny.store.lock(0)
  segments.unlink(BASE, L.LOG_MAIN, closed)
  segments.pushOpen(BASE, L.LOG_MAIN, closed)
  tiny.store.unlock(0)
  while (tiny.store.views.owedSegments !== 0) tiny.set('settles', patterned(20, 1))
  assert.deepEqual([tables[MAIN + L.LOG_OPEN], tables[MAIN + L.LOG_SEGMENTS]], [closed, 1])
  assert.equal(before - tables[L.POOL_IN_USE]!, 1)
  tiny.store.check()
})

test('a flush gives an empty open segment back at once', () => {
  const tiny = tinyStore({ shardCount: 1 })
  tiny.set('key', patterned(20, 1))
  tiny.delete('key')
  const { tables } = tiny.store.views
  const before = tables[L.POOL_IN_USE]!
  tiny.store.flush()
  assert.equal(tables[MAIN + L.LOG_SEGMENTS], 0)
  assert.equal(before - tables[L.POOL_IN_USE]!, 1)
  tiny.store.check()
})

test('a write waits for 384 slices of reclaiming, and then drops what is used as well', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: 4 * MIB, shardCount: 1 })
    let count = 0
    while (tiny.store.figures().evictions === 0) tiny.set(`key-${count++}`, patterned(20, 1))
    for (let round = 0; round < 4; round++) {
      for (let index = 0; index < count; index++) tiny.get(`key-${index}`)
    }
    const slices = (): number => tiny.store.views.figures[L.FIGURE_RECLAIMS]!
    let most = 0
    for (let index = 0; index < 1500; index++) {
      const before = slices()
      assert.ok(tiny.set(`more-${index}`, patterned(20, 1)))
      most = Math.max(most, slices() - before)
    }
    // A segment of the smallest items takes forty slices, and one may have been begun before.
    assert.ok(most > 384 && most <= 384 + 96, `${policy}: ${most} slices`)
    tiny.store.check()
  }
})

test('no writer has to wait for a whole segment to be evicted', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: 8 * MIB, shardCount: 1 })
    const evictions = (): number => tiny.store.figures().evictions
    let count = 0
    while (evictions() === 0) tiny.set(`key-${count++}`, patterned(300, 1))
    const each: number[] = []
    for (let index = 0; index < 20_000; index++) {
      const before = evictions()
      assert.ok(tiny.set(`more-${index}`, patterned(300, 1)))
      each.push(evictions() - before)
    }
    // A segment has 190 of these items. The first slices come when the first segment is nearly full.
    each.sort((a, b) => b - a)
    const [most = 0] = each
    assert.ok(most > 0 && most <= 64, `${policy}: ${most} evictions for one write`)
    tiny.store.check()
  }
})
