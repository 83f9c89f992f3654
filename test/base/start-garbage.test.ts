import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { collectStartGarbage } from '../../src/base/start-garbage.ts'

const holder = globalThis as { gc?: ((options: unknown) => void) | undefined }
const before = holder.gc

afterEach(() => {
  holder.gc = before
})

test('the collection is a thorough one, at once', () => {
  const calls: unknown[] = []
  holder.gc = (options) => calls.push(options)
  collectStartGarbage()
  assert.deepEqual(calls, [{ type: 'major', execution: 'sync', flavor: 'last-resort' }])
})

test('a Node without the flag is left alone', () => {
  holder.gc = undefined
  collectStartGarbage()
})
