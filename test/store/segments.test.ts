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
    packed = eviction.pack(BASE, segment, L.SEGMENT_UNITS / 8)
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

test('a flush in the middle of packing ends what had been packed before it', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: 2 * MIB, shardCount: 1 })
    const { tables } = tiny.store.views
    const isPacking = (): boolean =>
      [L.LOG_TEMP, L.LOG_SMALL, L.LOG_MAIN].some((log) => {
        const at = segmentAt(tables[BASE + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_HEAD]!)
        return tables[at + L.SEGMENT_PHASE] === L.PHASE_PACK && tables[at + L.SEGMENT_PACK]! > 0
      })
    const keys: string[] = []
    while (tiny.store.figures().evictions === 0) {
      keys.push(`key-${keys.length}`)
      tiny.set(keys.at(-1)!, patterned(100, 1))
    }
    for (let round = 0; round < 3; round++) for (const key of keys) tiny.get(key)
    const { eviction } = partsOf(tiny.store)
    for (let slices = 0; !isPacking(); slices++) {
      assert.ok(slices < 1000, 'nothing is ever packed')
      tiny.store.lock(0)
      eviction.slice(BASE, 64, false)
      tiny.store.unlock(0)
    }
    tiny.store.flush()
    for (let index = 0; index < 3000; index++) tiny.set(`new-${index}`, patterned(100, 1))
    assert.deepEqual(
      keys.filter((key) => tiny.get(key) !== null),
      [],
      policy,
    )
    assert.equal(tables[BASE + L.SHARD_OLD_SEGMENTS], 0)
    tiny.store.check()
  }
})

test('a write waits for 48 slices of reclaiming, and then drops what is used as well', () => {
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
    // A segment of the smallest items takes five slices, and one may have been begun before.
    assert.ok(most > 48 && most <= 48 + 12, `${policy}: ${most} slices`)
    tiny.store.check()
  }
})

/** The most evictions for one of many writes of so many bytes, at full memory; and the slices waited for. */
function worstWrite(
  policy: 'lru' | 's3-fifo',
  bytes: number,
): { evictions: number; waits: number } {
  const tiny = tinyStore({ policy, memoryBytes: 8 * MIB, shardCount: 1 })
  const evictions = (): number => tiny.store.figures().evictions
  const waits = (): number => tiny.store.views.figures[L.FIGURE_RECLAIMS]!
  let count = 0
  while (evictions() === 0) tiny.set(`key-${count++}`, patterned(bytes, 1))
  // Once the main log begins, and has no segment of its own yet.
  for (let index = 0; index < 1000; index++) tiny.set(`first-${index}`, patterned(bytes, 1))
  const waited = waits()
  let most = 0
  for (let index = 0; index < 20_000; index++) {
    const before = evictions()
    assert.ok(tiny.set(`more-${index}`, patterned(bytes, 1)))
    most = Math.max(most, evictions() - before)
  }
  tiny.store.check()
  return { evictions: most, waits: waits() - waited }
}

test('no writer has to wait for a whole segment to be evicted', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    // A segment has 31 of 2000 bytes, 190 of 300 and 750 of 60: each writer drops what is due for his own.
    for (const [bytes, enough] of [
      [2000, 17],
      [300, 18],
      [60, 24],
    ] as const) {
      const { evictions, waits } = worstWrite(policy, bytes)
      assert.ok(evictions > 0 && evictions <= enough, `${policy}, ${bytes}: ${evictions} at once`)
      // Now and then what moves to the main log fills its segment before anybody could work ahead.
      assert.ok(waits <= 2, `${policy}, ${bytes}: ${waits} waits`)
    }
  }
})

test('large items are not evicted while there are enough free pages to be put together', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: 12 * MIB, shardCount: 1 })
    const { tables } = tiny.store.views
    const large = patterned(3 * L.PAGE_BYTES, 1)
    // Overwritten in any order, so that each page segment gets free pages as its items go.
    for (let index = 0; index < 426; index++) tiny.set(`large-${index}`, large)
    let random = 1
    for (let index = 0; index < 1300; index++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      tiny.set(`large-${Math.floor((random / 2 ** 32) * 426)}`, large)
    }
    for (let index = 0; index < 40_000; index++) {
      tiny.set(`small-${index}`, patterned(200, index))
      // So many free pages may be strewn over segments that are stuck or just being emptied.
      const free = tables[L.POOL_PAGES_FREE]!
      assert.ok(free <= 4 * L.PAGES_PER_SEGMENT, `${policy}: ${free} free pages after ${index}`)
    }
    assert.ok(tiny.store.figures().evictions > 0)
    tiny.store.check()
  }
})

test('dead space is found while a segment of large items is being evicted', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: 48 * MIB, shardCount: 1 })
    const large = patterned(4 * L.PAGE_BYTES, 1)
    const evictions = (): number => tiny.store.figures().evictions
    for (let index = 0; index < 600; index++) tiny.set(`large-${index}`, large)
    let small = 0
    while (evictions() === 0) tiny.set(`small-${small++}`, patterned(200, 1))
    // Two in three are dead, in all segments but the one at which eviction has begun.
    for (let index = 0; index < small; index++) {
      if (index % 3 !== 0) tiny.delete(`small-${index}`)
    }
    const before = evictions()
    for (let index = 600; index < 900; index++) tiny.set(`large-${index}`, large)
    assert.ok(evictions() - before <= 16, `${policy}: ${evictions() - before} evictions`)
    tiny.store.check()
  }
})
