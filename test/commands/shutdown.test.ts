import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OUTCOME } from '../../src/commands/context.ts'
import { AdminBench } from './admin-bench.ts'

test('without -A shutdown is refused', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('shutdown'), 'SERVER_ERROR: shutdown not enabled\r\n')
  assert.equal(bench.run('shutdown x'), 'SERVER_ERROR: shutdown not enabled\r\n')
  assert.deepEqual(bench.deferred, [])
})

test('with -A it closes the connection and tells the control thread', async () => {
  const bench = await AdminBench.make(['-A'])
  assert.equal(bench.run('shutdown'), '')
  assert.equal(bench.outcome, OUTCOME.close)
  assert.equal(bench.run('shutdown graceful'), '')
  assert.equal(bench.outcome, OUTCOME.close)
  assert.deepEqual(bench.deferred, ['shutdown: now', 'shutdown: graceful'])
})

test('any other word is an error', async () => {
  const bench = await AdminBench.make(['-A'])
  assert.equal(bench.run('shutdown now'), 'CLIENT_ERROR invalid shutdown mode\r\n')
  assert.equal(bench.run('shutdown graceful now'), 'CLIENT_ERROR invalid shutdown mode\r\n')
  assert.equal(bench.outcome, OUTCOME.done)
  assert.deepEqual(bench.deferred, [])
})
