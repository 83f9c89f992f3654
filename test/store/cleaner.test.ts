import assert from 'node:assert/strict'
import { test } from 'node:test'
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
