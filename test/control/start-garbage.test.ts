import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { collectStartGarbage } from '../../src/control/start-garbage.ts'

const holder = globalThis as { gc?: ((options: unknown) => void) | undefined }
const before = holder.gc

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
afterEach(() => {
  mock.timers.reset()
  holder.gc = before
})

test('the garbage of the start is collected once, when the start is over', () => {
  const calls: unknown[] = []
  holder.gc = (options) => calls.push(options)
  collectStartGarbage()
  mock.timers.tick(1500)
  assert.deepEqual(calls, [])
  mock.timers.tick(60_000)
  assert.deepEqual(calls, [{ type: 'major', execution: 'sync', flavor: 'last-resort' }])
})

test('a Node without the flag is left alone', () => {
  holder.gc = undefined
  collectStartGarbage()
  mock.timers.tick(60_000)
})
