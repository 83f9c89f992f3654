import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as L from '../../src/store/layout.ts'
import { partsOf, segmentAt } from './store-parts.ts'
import type { TinyStore } from './tiny-store.ts'
import { MIB, patterned, tinyStore } from './tiny-store.ts'

test('values that change their size push nothing out while all of them fit', () => {
  for (const policy of ['lru', 's3-fifo'] as const) {
    const tiny = tinyStore({ policy, memoryBytes: 4 * MIB })
    const keys = 6000
    for (let index = 0; index < 60_000; index++) {
      const key = (index * 7919) % keys
      tiny.set(`key-${key}`, patterned((index * 31) % 700, index))
    }
    const { evictions, items, moved } = tiny.store.figures()
    assert.equal(evictions, 0)
    assert.equal(items, keys)
    assert.ok(moved > 0, 'neighbours were merged')
    tiny.store.check()
  }
})

const MAIN = L.SHARDS_AT + L.SHARD_LOGS + (L.LOG_MAIN << L.LOG_SHIFT)
/** With a key of four bytes a record of 1028 units; one without a value has 4. */
const LARGE_BYTES = 8191

/** Keys of four bytes, which belong to the first shard. */
function* namesOf(tiny: TinyStore): Generator<string> {
  for (let index = 0; ; index++) {
    const name = index.toString(36).padStart(4, '0')
    if ((tiny.hash(name) & (tiny.store.shardCount - 1)) === 0) yield name
  }
}

/** Full segments with large items first and small ones behind them; what is not to stay is deleted. */
function fill(
  tiny: TinyStore,
  names: Generator<string>,
  segments: { large: number; small: number; largeLeft: number; smallLeft: number }[],
): void {
  const dead: string[] = []
  for (const { large, small, largeLeft, smallLeft } of segments) {
    assert.equal(large * 1028 + small * 4, L.SEGMENT_UNITS)
    for (let index = 0; index < large + small; index++) {
      const key = names.next().value as string
      assert.ok(tiny.set(key, patterned(index < large ? LARGE_BYTES : 0, index)))
      if (index < large ? index >= largeLeft : index - large >= smallLeft) dead.push(key)
    }
  }
  // The last of them is closed, and the open one is no neighbour to merge with.
  assert.ok(tiny.set(names.next().value as string, patterned(LARGE_BYTES, 1)))
  for (const key of dead) tiny.delete(key)
}

/** Five of them hold what four could, if small items are taken that are behind large ones. */
const FIVE_FOR_FOUR = Array(5).fill({ large: 6, small: 506, largeLeft: 5, smallLeft: 300 })

function cleanToTheEnd(tiny: TinyStore): number {
  const { cleaner } = partsOf(tiny.store)
  let slices = 0
  for (let more = true; more; slices++) {
    assert.ok(slices < 2000, 'it never ends')
    tiny.store.lock(0)
    more = cleaner.clean(L.SHARDS_AT, L.SEGMENT_UNITS)
    tiny.store.unlock(0)
    tiny.store.check()
  }
  return slices
}

test('what does not fit is passed over for smaller records behind it', () => {
  const tiny = tinyStore({ memoryBytes: 4 * MIB, shardCount: 1 })
  fill(tiny, namesOf(tiny), FIVE_FOR_FOUR)
  const { tables } = tiny.store.views
  assert.equal(tables[MAIN + L.LOG_SEGMENTS], 6)
  cleanToTheEnd(tiny)
  assert.equal(tables[MAIN + L.LOG_SEGMENTS], 5)
})

test('a window that merging did not make smaller is remembered', () => {
  const tiny = tinyStore({ memoryBytes: 4 * MIB, shardCount: 1 })
  // 29 large ones, of which seven fit into a segment; by the mean size of a record there is room.
  const most = { large: 7, small: 249, largeLeft: 7, smallLeft: 83 }
  const one = { large: 7, small: 249, largeLeft: 1, smallLeft: 0 }
  fill(tiny, namesOf(tiny), [most, most, most, most, one])
  const { tables } = tiny.store.views
  const first = segmentAt(tables[MAIN + L.LOG_HEAD]!)
  cleanToTheEnd(tiny)
  assert.equal(tables[MAIN + L.LOG_SEGMENTS], 6)
  const last = tables[segmentAt(tables[MAIN + L.LOG_TAIL]!) + L.SEGMENT_PREV]!
  assert.equal(tables[first + L.SEGMENT_VAIN_LAST], last)
  assert.equal(tables[first + L.SEGMENT_VAIN_LIVE], 29 * 1028 + 4 * 83 * 4)
})

test('such a window is left alone until less of it is live', () => {
  const tiny = tinyStore({ memoryBytes: 4 * MIB, shardCount: 1 })
  fill(tiny, namesOf(tiny), FIVE_FOR_FOUR)
  const { tables } = tiny.store.views
  const first = segmentAt(tables[MAIN + L.LOG_HEAD]!)
  const live = 5 * (5 * 1028 + 300 * 4)
  tables[first + L.SEGMENT_VAIN_LAST] =
    tables[segmentAt(tables[MAIN + L.LOG_TAIL]!) + L.SEGMENT_PREV]!
  tables[first + L.SEGMENT_VAIN_LIVE] = live + L.SEGMENT_UNITS / 16 - 1
  assert.equal(cleanToTheEnd(tiny), 1, 'one look')
  assert.equal(tiny.store.figures().moved, 0)
  tables[first + L.SEGMENT_VAIN_LIVE] = live + L.SEGMENT_UNITS / 16
  cleanToTheEnd(tiny)
  assert.equal(tables[MAIN + L.LOG_SEGMENTS], 5)
})

test('without eviction, what is dead in one shard is found for another', () => {
  const tiny = tinyStore({ memoryBytes: 2 * MIB, shardCount: 2, evict: false })
  const names = namesOf(tiny)
  fill(tiny, names, FIVE_FOR_FOUR)
  const others: string[] = []
  for (let index = 0; ; index++) {
    const key = `other-${index}`
    if ((tiny.hash(key) & 1) === 0) continue
    if (!tiny.set(key, patterned(300, index))) break
    others.push(key)
  }
  for (const [index, key] of others.entries()) if (index % 10 < 6) tiny.delete(key)
  for (let stored = 0; stored < 1000; stored++) {
    assert.ok(tiny.set(names.next().value as string, patterned(300, 1)), `${stored} are stored`)
  }
  tiny.store.check()
})

test('a segment whose last records expire while they are packed is given back at once', () => {
  const tiny = tinyStore({ shardCount: 1 })
  const keys = Array.from({ length: 700 }, (_, index) => `key-${index}`)
  for (const key of keys) {
    tiny.set(key, patterned(100, 1), 0, 300)
    tiny.get(key)
  }
  const { tables } = tiny.store.views
  const { eviction } = partsOf(tiny.store)
  const head = tables[MAIN + L.LOG_HEAD]!
  const step = (): void => {
    tiny.store.lock(0)
    eviction.work(L.SHARDS_AT, L.LOG_MAIN, head, 64, false)
    tiny.store.unlock(0)
    tiny.store.check()
  }
  while (tables[segmentAt(head) + L.SEGMENT_PHASE] !== L.PHASE_PACK) step()
  let left = 3
  for (const key of keys) {
    tiny.store.lock(0)
    const item = tiny.find(key)
    tiny.store.unlock(0)
    if (item >>> L.SEGMENT_SHIFT === head && left-- <= 0) tiny.delete(key)
  }
  tiny.store.now = 300
  step()
  assert.notEqual(tables[MAIN + L.LOG_HEAD], head)
})

test('a write that is refused does not look again where nothing has changed', () => {
  const tiny = tinyStore({ memoryBytes: 2 * MIB, shardCount: 1, evict: false })
  let count = 0
  while (tiny.set(`key-${count}`, patterned(300, count))) count++
  assert.ok(!tiny.set('refused', patterned(300, 1)))
  const { tables } = tiny.store.views
  const at = segmentAt(tables[MAIN + L.LOG_HEAD]!) + L.SEGMENT_MIN_EXPIRE
  // A look would find that nothing is due there, and say so.
  const looksAtHead = (): boolean => {
    tables[at] = 1
    assert.ok(!tiny.set('refused', patterned(300, 1)))
    return tables[at] !== 1
  }
  assert.ok(!looksAtHead())
  tiny.store.now++
  assert.ok(looksAtHead(), 'something may have expired')
  assert.ok(!tiny.set('refused', patterned(300, 1)))
  assert.ok(!looksAtHead())
  tiny.delete(`key-${count - 1}`)
  assert.ok(looksAtHead(), 'something is dead')
})
