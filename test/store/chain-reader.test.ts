import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChainReader } from '../../src/store/store.ts'
import type { TinyStore } from './tiny-store.ts'
import { MIB, patterned, tinyStore } from './tiny-store.ts'

function openReader(tiny: TinyStore, key: string): ChainReader {
  const hash = tiny.hash(key)
  const reader = tiny.store.createReader()
  tiny.store.lock(hash)
  reader.open(tiny.store, tiny.find(key))
  tiny.store.unlock(hash)
  return reader
}

function readAll(reader: ChainReader, piece: number): Buffer {
  const value = Buffer.alloc(reader.remaining)
  for (let at = 0; reader.remaining > 0; ) at += reader.read(value, at, piece)
  assert.equal(reader.read(value, 0, 10), 0, 'nothing comes after the end')
  return value
}

test('a value is read in pieces of any size', () => {
  const tiny = tinyStore()
  for (const length of [0, 1, 8191, 8192, 8193, 16_384, 100_001]) {
    tiny.set('key', patterned(length, length))
    for (const piece of [1 + (length >> 6), 8192, 50_000]) {
      const reader = openReader(tiny, 'key')
      assert.deepEqual(readAll(reader, piece), patterned(length, length))
      reader.close()
    }
  }
  assert.equal(tiny.store.check(), 0)
})

test('what a reader has open stays whole when the item is replaced, removed, flushed or evicted', () => {
  const tiny = tinyStore()
  const readers: ChainReader[] = []
  for (let index = 0; index < 4; index++) {
    tiny.set(`key-${index}`, patterned(60_000 + index, index))
    readers.push(openReader(tiny, `key-${index}`))
  }
  tiny.set('key-0', patterned(60_000, 99))
  tiny.delete('key-1')
  tiny.store.flush()
  for (let index = 0; index < 3000; index++) tiny.set(`fill-${index}`, patterned(3000, index))
  assert.ok(tiny.store.check() > 0, 'pinned pages belong to no item')
  for (const [index, reader] of readers.entries()) {
    assert.deepEqual(readAll(reader, 7000), patterned(60_000 + index, index))
    reader.close()
  }
  assert.equal(tiny.store.check(), 0, 'the last reader gives the pages back')
})

test('a reader can be closed early, twice, and used again', () => {
  const tiny = tinyStore()
  tiny.set('key', patterned(30_000, 1))
  const reader = openReader(tiny, 'key')
  reader.read(Buffer.alloc(100), 0, 100)
  reader.close()
  reader.close()
  const hash = tiny.hash('key')
  tiny.store.lock(hash)
  reader.open(tiny.store, tiny.find('key'))
  tiny.store.unlock(hash)
  assert.deepEqual(readAll(reader, MIB), patterned(30_000, 1))
  reader.close()
})

test('views are the same bytes where they lie, and stay while the item goes', () => {
  const tiny = tinyStore()
  for (const length of [0, 1, 8191, 8192, 8193, 100_001, 300_000]) {
    tiny.set('key', patterned(length, length))
    for (const piece of [1 + (length >> 6), 8192, 50_000, 2 ** 20]) {
      const reader = openReader(tiny, 'key')
      const chunks: Buffer[] = []
      let viewed = 0
      while (reader.remaining > 0) viewed += reader.view(chunks, piece)
      assert.equal(reader.view(chunks, 10), 0, 'nothing comes after the end')
      assert.equal(viewed, length)
      // Replaced and the memory asked for again: what is pinned stays as it was.
      tiny.set('key', Buffer.from('small'))
      for (let other = 0; other < 20; other++) tiny.set(`other-${other}`, patterned(60_000, other))
      assert.ok(Buffer.concat(chunks).equals(patterned(length, length)), `${length} in ${piece}`)
      reader.close()
      tiny.set('key', patterned(length, length))
    }
  }
  assert.equal(tiny.store.check(), 0)
})

test('pages that lie behind each other are one view', () => {
  const tiny = tinyStore()
  tiny.set('key', patterned(300_000, 5))
  const reader = openReader(tiny, 'key')
  const chunks: Buffer[] = []
  reader.view(chunks, 300_000)
  // The bytes before the first page, and then whole segments of eight pages.
  assert.ok(chunks.length <= 1 + Math.ceil(300_000 / 65_536) + 1, `${chunks.length} views`)
  reader.close()
})

test('views and copies take turns on one value', () => {
  const tiny = tinyStore()
  tiny.set('key', patterned(100_000, 3))
  const reader = openReader(tiny, 'key')
  const parts: Buffer[] = []
  for (let turn = 0; reader.remaining > 0; turn++) {
    if (turn % 2 === 0) reader.view(parts, 7000)
    else {
      const copied = Buffer.alloc(9001)
      parts.push(copied.subarray(0, reader.read(copied, 0, copied.length)))
    }
  }
  assert.ok(Buffer.concat(parts).equals(patterned(100_000, 3)))
  reader.close()
})
