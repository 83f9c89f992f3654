import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patterned, tinyStore } from './tiny-store.ts'

test('the sweep takes back what expired and leaves the rest', () => {
  const tiny = tinyStore({ shardCount: 2 })
  for (let index = 0; index < 4000; index++) {
    tiny.set(`key-${index}`, patterned(100, index), 0, index % 2 === 0 ? 0 : 110 + (index % 300))
  }
  assert.equal(tiny.store.sweep.run(1e6), 0, 'nothing has expired')
  tiny.store.now = 110 + 300
  let reaped = 0
  for (let last = 1; last > 0; reaped += last) last = tiny.store.sweep.run(1e6)
  assert.equal(reaped, 2000)
  const { items, expired, expiredUnfetched } = tiny.store.figures()
  assert.deepEqual([items, expired, expiredUnfetched], [2000, 2000, 2000])
  tiny.store.check()
})

test('items of short life expire with their whole segments', () => {
  const tiny = tinyStore()
  for (let index = 0; index < 4000; index++) {
    tiny.set(`brief-${index}`, patterned(200, index), 0, 130)
    tiny.set(`long-${index % 500}`, patterned(200, index))
  }
  assert.ok(tiny.store.figures().segmentsTemp >= 14)
  tiny.store.now = 130
  while (tiny.store.sweep.run(1e6) > 0) {}
  const { segmentsTemp, items, moved } = tiny.store.figures()
  assert.ok(segmentsTemp <= tiny.store.shardCount, 'only the open ones are left')
  assert.deepEqual([items, moved], [500, 0])
  tiny.store.check()
})

test('a deadline that was moved is kept', () => {
  const tiny = tinyStore()
  tiny.set('sooner', Buffer.from('x'))
  tiny.set('later', Buffer.from('x'), 0, 110)
  for (const [key, exptime] of [
    ['sooner', 120],
    ['later', 0],
  ] as const) {
    const hash = tiny.hash(key)
    tiny.store.lock(hash)
    tiny.store.setExptime(tiny.find(key), exptime)
    tiny.store.unlock(hash)
  }
  tiny.store.now = 120
  assert.equal(tiny.store.sweep.run(1e6), 1)
  assert.equal(tiny.get('sooner'), null)
  assert.ok(tiny.get('later') !== null)
  tiny.store.check()
})

test('a small budget is kept: the next call goes on', () => {
  const tiny = tinyStore()
  for (let index = 0; index < 5000; index++) tiny.set(`key-${index}`, patterned(100, 1), 0, 105)
  tiny.store.now = 105
  const { sweep } = tiny.store
  const first = sweep.run(1)
  assert.ok(first < 2500, `${first} items in one microsecond`)
  assert.ok(sweep.isMidRound)
  while (sweep.isMidRound) sweep.run(1000)
  assert.equal(tiny.store.figures().items, 0)
  assert.equal(sweep.run(1e6), 0)
  assert.ok(!sweep.isMidRound, 'a call with time enough is a whole round')
})
