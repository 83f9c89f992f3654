import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WATCH } from '../../src/base/runtime.ts'
import { OUTCOME } from '../../src/commands/context.ts'
import { AdminBench } from './admin-bench.ts'

test('the words become a mask for the control thread', async () => {
  const bench = await AdminBench.make()
  for (const line of [
    'watch',
    'watch mutations',
    'watch fetchers evictions connevents deletions mutations',
    'watch rawcmds sysevents proxyreqs proxyevents proxyuser',
  ]) {
    assert.equal(bench.run(line), '', line)
    assert.equal(bench.outcome, OUTCOME.deferred)
  }
  assert.deepEqual(bench.deferred, [
    `watch: ${WATCH.fetchers}`,
    `watch: ${WATCH.mutations}`,
    'watch: 31',
    'watch: 0',
  ])
})

test('an unknown word is an error', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('watch fetchers foo'), 'ERROR\r\n')
  assert.equal(bench.run('watch fetch'), 'ERROR\r\n')
  assert.deepEqual(bench.deferred, [])
})

test('with -W nobody watches', async () => {
  const bench = await AdminBench.make(['-W'])
  assert.equal(bench.run('watch'), 'CLIENT_ERROR watch commands not allowed\r\n')
})

test('behind commands whose replies are not sent it is refused', async () => {
  const bench = await AdminBench.make()
  bench.session.repliesPending = true
  assert.equal(bench.run('watch'), 'ERROR cannot pipeline other commands before watch\r\n')
  assert.deepEqual(bench.deferred, [])
})
