import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIB, patterned, tinyStore } from './tiny-store.ts'

test('a value that comes byte by byte is stored as one that comes at once', () => {
  const tiny = tinyStore()
  const value = patterned(20_000, 3)
  const writer = tiny.store.createWriter()
  assert.ok(writer.begin(value.length))
  for (let at = 0; at < value.length; at++) assert.ok(writer.write(value, at, at + 1))
  assert.equal(writer.received, value.length)
  const { draft } = tiny.store
  const hash = tiny.hash('key')
  assert.ok(tiny.store.lockForWrite(hash, tiny.store.recordBytes(3, value.length, 0)))
  Object.assign(draft, { hash, key: Buffer.from('key'), keyStart: 0, keyLength: 3, clientFlags: 0 })
  Object.assign(draft, { exptime: 0, valueLength: value.length, chain: writer.chain })
  writer.finish(tiny.store.replace(0, draft))
  tiny.store.unlock(hash)
  writer.abort()
  assert.deepEqual(tiny.get('key'), value, 'an abort after finish does no harm')
  assert.equal(tiny.store.check(), 0)
})

test('an upload that is given up leaves nothing behind', () => {
  const tiny = tinyStore()
  const before = tiny.store.figures().segmentsUsed
  const writer = tiny.store.createWriter()
  for (const received of [0, 100, 9000, 300_000]) {
    assert.ok(writer.begin(400_000))
    assert.ok(writer.write(patterned(400_000, 1), 0, received))
    writer.abort()
    assert.equal(tiny.store.check(), 0)
  }
  assert.equal(tiny.store.figures().segmentsUsed, before)
})

test('uploads that together exceed the memory fail, and the store goes on', () => {
  const tiny = tinyStore()
  tiny.set('key', patterned(100, 1))
  const value = patterned(MIB, 1)
  const first = tiny.store.createWriter()
  const second = tiny.store.createWriter()
  assert.ok(first.begin(MIB) && first.write(value, 0, MIB))
  assert.ok(!(second.begin(MIB) && second.write(value, 0, MIB)))
  assert.equal(second.chain, 0, 'a writer that failed has given its pages back')
  first.abort()
  assert.equal(tiny.store.check(), 0)
  assert.ok(tiny.set('key', value))
})
