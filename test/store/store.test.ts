import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  MISS_ABSENT,
  MISS_EXPIRED,
  MISS_FLUSHED,
  PAGE_BYTES,
  RECORD_BYTES_MAX,
} from '../../src/store/store.ts'
import type { TinyStore } from './tiny-store.ts'
import { MIB, patterned, tinyStore } from './tiny-store.ts'

const POLICIES = ['lru', 's3-fifo'] as const

/** What find says about a key: 'hit' or the reason of the miss. */
function lookUp(tiny: TinyStore, key: string): number | 'hit' {
  const hash = tiny.hash(key)
  tiny.store.lock(hash)
  const item = tiny.find(key)
  tiny.store.unlock(hash)
  return item === 0 ? tiny.store.missReason : 'hit'
}

test('an item is found with the bytes and fields it was stored with', () => {
  const tiny = tinyStore()
  for (const length of [0, 1, 39, 40, 1000, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 100_000]) {
    const key = `length-${length}`
    assert.ok(tiny.set(key, patterned(length, length), length === 40 ? 0xffffffff : 0, 0))
    assert.deepEqual(tiny.get(key), patterned(length, length))
    const hash = tiny.hash(key)
    tiny.store.lock(hash)
    const item = tiny.find(key)
    assert.equal(tiny.store.clientFlags(item), length === 40 ? 0xffffffff : 0)
    assert.equal(tiny.store.isLarge(item), length >= PAGE_BYTES)
    assert.equal(tiny.store.itemBytes(item), 59 + key.length + length + (length === 40 ? 4 : 0))
    assert.equal(tiny.store.lastAccess(item), 100)
    tiny.store.unlock(hash)
  }
  assert.equal(tiny.store.check(), 0)
})

test('a hit sets FETCHED and the last access, and the frequency stops at 3', () => {
  const tiny = tinyStore()
  tiny.set('key', Buffer.from('value'))
  tiny.store.now = 150
  for (let hits = 0; hits < 5; hits++) tiny.get('key')
  const hash = tiny.hash('key')
  tiny.store.lock(hash)
  const item = tiny.find('key')
  assert.equal(tiny.store.frequency(item), 3)
  assert.ok(tiny.store.isFetched(item))
  assert.equal(tiny.store.lastAccess(item), 150)
  assert.equal(tiny.store.keyLength(item), 3)
  tiny.store.unlock(hash)
})

test('an item is gone once its deadline is the clock, and the miss says why', () => {
  const tiny = tinyStore()
  tiny.set('key', Buffer.from('value'), 0, 110)
  tiny.store.now = 109
  assert.equal(lookUp(tiny, 'key'), 'hit')
  tiny.store.now = 110
  assert.equal(lookUp(tiny, 'key'), MISS_EXPIRED)
  assert.equal(lookUp(tiny, 'key'), MISS_ABSENT)
  assert.equal(tiny.store.figures().expired, 1)
  assert.equal(tiny.store.figures().items, 0)
})

test('a flush ends what was stored before it and nothing stored after it', () => {
  const tiny = tinyStore()
  for (let index = 0; index < 2000; index++) tiny.set(`key-${index}`, patterned(200, index))
  tiny.store.flush()
  tiny.set('key-7', Buffer.from('new'))
  assert.equal(lookUp(tiny, 'key-8'), MISS_FLUSHED)
  assert.equal(lookUp(tiny, 'key-7'), 'hit')
  tiny.store.check()
  tiny.store.now += 9
  tiny.store.sweep.run(1e6)
  assert.ok(tiny.store.figures().items > 1000, 'kept for ten seconds, so that misses can be told')
  tiny.store.now += 1
  while (tiny.store.sweep.run(1e6) > 0) {}
  assert.equal(tiny.store.figures().items, 1)
  tiny.store.check()
})

test('the memory of flushed items is taken before any live item', () => {
  const tiny = tinyStore()
  for (let index = 0; index < 6000; index++) tiny.set(`old-${index}`, patterned(200, index))
  tiny.store.flush()
  for (let index = 0; index < 3000; index++) tiny.set(`new-${index}`, patterned(200, index))
  assert.equal(tiny.store.figures().evictions, 0)
  for (let index = 0; index < 3000; index++) assert.ok(tiny.get(`new-${index}`) !== null)
})

for (const policy of POLICIES) {
  test(`${policy}: nothing is refused while something can be evicted, whatever the sizes`, () => {
    const tiny = tinyStore({ policy, memoryBytes: 4 * MIB })
    const half = 2 * MIB - 300
    for (let index = 0; index < 60_000; index++) {
      assert.ok(tiny.set(`tiny-${index}`, patterned(10 + (index % 40), index)))
    }
    for (let round = 0; round < 4; round++) {
      assert.ok(tiny.set(`giant-${round % 2}`, patterned(half, round)))
      assert.deepEqual(tiny.get(`giant-${round % 2}`), patterned(half, round))
    }
    for (let index = 0; index < 3000; index++) {
      assert.ok(tiny.set(`middle-${index}`, patterned((index * 37) % PAGE_BYTES, index), 0, 120))
    }
    for (let index = 0; index < 60_000; index++) {
      assert.ok(tiny.set(`tiny-${index}`, patterned(10 + (index % 40), index)))
    }
    tiny.store.check()
    const { segmentsUsed, segmentsLimit, outOfMemory } = tiny.store.figures()
    assert.ok(segmentsUsed <= segmentsLimit)
    assert.equal(outOfMemory, 0)
  })

  test(`${policy}: a store of 1 MiB works`, () => {
    const tiny = tinyStore({ policy, memoryBytes: MIB })
    for (let index = 0; index < 30_000; index++) {
      assert.ok(tiny.set(`key-${index % 5000}`, patterned(index % 900, index), 0, index % 300))
    }
    assert.ok(tiny.set('half', patterned(MIB / 2 - 100, 1)))
    assert.deepEqual(tiny.get('half'), patterned(MIB / 2 - 100, 1))
    tiny.store.check()
  })
}

test('without evictions a full store refuses and keeps what it has', () => {
  const tiny = tinyStore({ evict: false })
  let stored = 0
  while (tiny.set(`key-${stored}`, patterned(500, stored))) stored++
  assert.ok(stored > 2500, `${stored} items of 500 bytes in 2 MiB`)
  assert.ok(!tiny.set('large', patterned(100_000, 1)))
  for (let index = 0; index < stored; index++) {
    assert.deepEqual(tiny.get(`key-${index}`), patterned(500, index))
  }
  assert.equal(tiny.store.figures().evictions, 0)
  assert.ok(tiny.store.figures().outOfMemory > 0)
  for (let index = 0; index < stored; index += 2) tiny.delete(`key-${index}`)
  assert.ok(tiny.set('again', patterned(500, 1)), 'removed items make room')
  tiny.store.check()
})

test('without evictions dead space is merged until it is used', () => {
  const tiny = tinyStore({ evict: false })
  let stored = 0
  while (tiny.set(`key-${stored}`, patterned(500, stored))) stored++
  for (let index = 0; index < stored; index += 2) tiny.delete(`key-${index}`)
  let again = 0
  while (tiny.set(`again-${again}`, patterned(480, again))) again++
  assert.ok(again > stored * 0.35, `${again} of ${stored / 2} places were used again`)
  tiny.store.check()
})

test('an overwritten value is rewritten in place when it fits', () => {
  const tiny = tinyStore({ shardCount: 1 })
  tiny.set('key', patterned(300, 1))
  tiny.set('behind', patterned(300, 2))
  const { liveRecordBytes } = tiny.store.figures()
  for (const length of [200, 250, 300, 10, 300]) {
    tiny.set('key', patterned(length, length))
    assert.deepEqual(tiny.get('key'), patterned(length, length))
    tiny.store.check()
  }
  const { items, liveRecordBytes: after, deadBytes } = tiny.store.figures()
  assert.deepEqual([items, after, deadBytes], [2, liveRecordBytes, 0])
})

test('a CAS of more than 48 bits widens the record and keeps the rest', () => {
  const tiny = tinyStore()
  for (const length of [5, 100, PAGE_BYTES + 77]) {
    tiny.set('key', patterned(length, length), 12345, 400)
    tiny.set('behind', patterned(100, 1))
    const hash = tiny.hash('key')
    assert.ok(tiny.store.lockForWrite(hash, RECORD_BYTES_MAX))
    let item = tiny.find('key')
    assert.equal(tiny.store.setCas(item, 0xffff, 0xffffffff), item)
    assert.equal(tiny.store.casHigh(item), 0xffff)
    item = tiny.store.setCas(item, 0xfedcba98, 0x87654321)
    assert.ok(item !== 0)
    assert.equal(tiny.store.casHigh(item), 0xfedcba98)
    assert.equal(tiny.store.casLow(item), 0x87654321)
    assert.equal(tiny.store.clientFlags(item), 12345)
    assert.equal(tiny.store.exptime(item), 400)
    tiny.store.unlock(hash)
    assert.deepEqual(tiny.get('key'), patterned(length, length))
    tiny.store.check()
  }
})

test('CAS numbers begin at 1, have no gaps, and carry into the high word', () => {
  const { store } = tinyStore()
  store.nextCas()
  assert.deepEqual([store.casNextHigh, store.casNextLow], [0, 1])
  const tables = store.views.tables
  for (const [start, high] of [
    [0x7ffffffd, 0],
    [0xfffffffd, 0],
    [0x7ffffffd, 1],
    [0xfffffffd, 1],
  ] as const) {
    tables[96] = start
    for (let step = 1; step <= 5; step++) {
      store.nextCas()
      const value = start + step
      assert.equal(store.casNextLow, value >>> 0)
      assert.equal(store.casNextHigh, high + (value > 0xffffffff ? 1 : 0))
    }
  }
})

test('without CAS the number is 0 and the formula has no room for it', () => {
  const { store } = tinyStore({ casEnabled: false })
  store.nextCas()
  assert.deepEqual([store.casNextHigh, store.casNextLow], [0, 0])
  assert.equal(store.itemBytesFor(3, 2, 0), 48 + 3 + 1 + 2 + 2)
})

test('a smaller limit is reached by evicting, a larger one is used', () => {
  const tiny = tinyStore({ memoryBytes: 4 * MIB, memoryBytesMax: 8 * MIB })
  const fill = (): number => {
    for (let index = 0; index < 20_000; index++) tiny.set(`key-${index}`, patterned(400, index))
    return tiny.store.figures().items
  }
  const before = fill()
  assert.ok(tiny.store.resize(2 * MIB))
  assert.ok(tiny.store.isOverLimit)
  let slices = 0
  for (; tiny.store.isOverLimit; slices++) assert.ok(tiny.store.shrink(1))
  assert.ok(slices > 8, `${slices} slices`)
  tiny.store.check()
  assert.ok(tiny.store.figures().segmentsUsed <= 32)
  assert.ok(tiny.store.resize(8 * MIB))
  assert.ok(fill() > before * 1.7)
  tiny.store.check()
  assert.ok(!tiny.store.resize(1024 * MIB), 'more arenas first')
})

for (const policy of POLICIES) {
  test(`${policy}: a smaller limit takes what is dead, and nothing that is used`, () => {
    const tiny = tinyStore({ policy, memoryBytes: 8 * MIB })
    for (let index = 0; index < 16_000; index++) tiny.set(`key-${index}`, patterned(400, index))
    const used = (index: number): boolean => index % 10 < 4
    for (let index = 0; index < 16_000; index++) {
      for (let hits = 0; used(index) && hits < 3; hits++) tiny.get(`key-${index}`)
      if (!used(index)) tiny.delete(`key-${index}`)
    }
    const { items, evictions } = tiny.store.figures()
    assert.ok(tiny.store.resize(5 * MIB))
    while (tiny.store.isOverLimit) assert.ok(tiny.store.shrink(1000))
    const after = tiny.store.figures()
    assert.deepEqual([after.evictions - evictions, after.items], [0, items])
    assert.ok(after.segmentsUsed <= 80)
    tiny.store.check()
  })
}

test('a dump visits every live item once while nothing splits', () => {
  const tiny = tinyStore()
  for (let index = 0; index < 3000; index++) tiny.set(`key-${index}`, patterned(20, index))
  tiny.set('over', Buffer.from('x'), 0, 101)
  tiny.store.now = 200
  tiny.store.pauseGrowth(1)
  let visited = 0
  for (let shard = 0; shard < tiny.store.shardCount; shard++) {
    for (let bucket = 0; bucket !== -1; ) {
      bucket = tiny.store.dumpBuckets(shard, bucket, 10, () => visited++)
      // Writers go on between the slices.
      tiny.set(`key-${bucket % 3000}`, patterned(20, 1))
    }
  }
  tiny.store.pauseGrowth(-1)
  assert.ok(visited >= 3000 && visited <= 3001, `${visited}`)
  tiny.store.check()
})

test('the watcher of evictions sees each evicted item while it can be read', () => {
  const tiny = tinyStore()
  const { store } = tiny
  let seen = 0
  const key = Buffer.alloc(250)
  store.onEvict = (item) => {
    store.copyKey(item, key, 0)
    assert.match(key.toString('latin1', 0, store.keyLength(item)), /^key-\d+$/)
    seen++
  }
  for (let index = 0; index < 10_000; index++) tiny.set(`key-${index}`, patterned(300, index))
  assert.ok(seen > 0)
  assert.equal(store.figures().evictions, seen)
  store.check()
})

test('small items cost at most 40 bytes beyond key and value, all included', () => {
  const tiny = tinyStore({ memoryBytes: 64 * MIB, memoryBytesMax: 64 * MIB })
  let payload = 0
  let count = 0
  for (; tiny.store.figures().evictions === 0; ) {
    for (let batch = 0; batch < 2000; batch++, count++) {
      const length = 10 + ((count * 7919) % 241)
      const key = `key-${count}`
      tiny.set(key, patterned(length, 1))
      payload += key.length + length
    }
  }
  const { items, limitBytes } = tiny.store.figures()
  const each = (limitBytes - (payload * items) / count) / items
  assert.ok(each <= 40, `${each.toFixed(1)} bytes per item`)
})
