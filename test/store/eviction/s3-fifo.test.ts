import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TinyStore } from '../tiny-store.ts'
import { MIB, patterned, tinyStore } from '../tiny-store.ts'

const OPTIONS = { policy: 's3-fifo', memoryBytes: 4 * MIB, shardCount: 1 } as const

/** How many of `count` keys are still there; asking counts as a use. */
function foundOf(tiny: TinyStore, name: string, count: number): number {
  let found = 0
  for (let index = 0; index < count; index++) found += tiny.get(`${name}-${index}`) ? 1 : 0
  return found
}

test('s3-fifo: of items nobody asked for, the small ones stay longer', () => {
  const tiny = tinyStore(OPTIONS)
  for (let index = 0; index < 6000; index++) {
    if (index < 1000) tiny.set(`small-${index}`, patterned(50, index))
    tiny.set(`other-${index}`, patterned(1500, index))
  }
  const small = foundOf(tiny, 'small', 1000)
  assert.ok(small > 300, `${small} of 1000 small ones`)
  assert.ok(small < 1000, 'but not for ever')
  assert.ok(foundOf(tiny, 'other', 1000) === 0)
  tiny.store.check()
})

test('s3-fifo: small items that are never used go in the end', () => {
  const tiny = tinyStore(OPTIONS)
  // Others as small as them fill the main log, too.
  for (let index = 0; index < 100_000; index++) {
    tiny.set(`small-${index}`, patterned(50, index))
    if (index % 2 === 0) tiny.set(`other-${index}`, patterned(1500, index))
  }
  const small = foundOf(tiny, 'small', 1000)
  assert.ok(small < 400, `${small} of 1000 small ones`)
  tiny.store.check()
})

test('s3-fifo: a large item that is always in use stays, one that was used once does not', () => {
  const tiny = tinyStore(OPTIONS)
  tiny.set('hot', patterned(200_000, 1))
  tiny.set('warm', patterned(200_000, 2))
  tiny.get('warm')
  for (let index = 0; index < 60_000; index++) {
    tiny.set(`other-${index}`, patterned(300, index))
    if (index % 100 === 0) assert.ok(tiny.get('hot') !== null, `lost after ${index}`)
  }
  assert.ok(tiny.get('warm') === null)
  tiny.store.check()
})

test('s3-fifo: items of short life get no second chance for being small', () => {
  const tiny = tinyStore(OPTIONS)
  for (let index = 0; index < 6000; index++) {
    if (index < 1000) tiny.set(`small-${index}`, patterned(50, index), 0, tiny.store.now + 50)
    tiny.set(`other-${index}`, patterned(1500, index))
  }
  assert.equal(foundOf(tiny, 'small', 1000), 0)
  tiny.store.check()
})

test('s3-fifo: where all items are equally large none is kept for its size', () => {
  const tiny = tinyStore(OPTIONS)
  for (let index = 10_000; index < 60_000; index++) tiny.set(`k-${index}`, patterned(300, index))
  const { moved, evictions } = tiny.store.figures()
  assert.ok(evictions > 30_000)
  assert.ok(moved < evictions / 100, `${moved} moved of ${evictions} evicted`)
})
