import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OUTCOME } from '../../src/commands/context.ts'
import { AdminBench } from './admin-bench.ts'

test('a limit that cannot be meant is refused at once', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['cache_memlimit', 'ERROR'],
    ['cache_memlimit x', 'ERROR'],
    ['cache_memlimit -8', 'ERROR'],
    ['cache_memlimit 5000000000', 'ERROR'],
    ['cache_memlimit 7', 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m'],
    ['cache_memlimit 1000000001', 'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes'],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
    assert.equal(bench.outcome, OUTCOME.done)
  }
  assert.equal(bench.run('cache_memlimit 7 noreply'), '')
  assert.deepEqual(bench.deferred, [])
})

test('a good limit goes to the control thread, in bytes', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('cache_memlimit 8'), '')
  assert.equal(bench.outcome, OUTCOME.deferred)
  bench.run('cache_memlimit 100 200')
  bench.run('cache_memlimit 100000 noreply')
  assert.deepEqual(bench.deferred, [
    'cache_memlimit: 8388608',
    'cache_memlimit: 104857600',
    'cache_memlimit: 104857600000 noreply',
  ])
})
