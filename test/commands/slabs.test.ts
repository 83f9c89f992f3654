import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { AdminBench } from './admin-bench.ts'

const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
const NO_SPARE = 'NOSPARE source class has no spare pages'
const BAD_CLASS = 'BADCLASS invalid src or dst class id'

test('slabs automove answers as memcached does', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['slabs', 'ERROR'],
    ['slabs foo', 'ERROR'],
    ['slabs automove', 'ERROR'],
    ['slabs automove 0', 'OK'],
    ['slabs automove 2', 'OK'],
    ['slabs automove 3', 'ERROR'],
    ['slabs automove x', BAD_FORMAT],
    ['slabs automove window 5', 'OK'],
    ['slabs automove window 2', 'CLIENT_ERROR automove window too low or too high'],
    ['slabs automove window 1801', 'CLIENT_ERROR automove window too low or too high'],
    ['slabs automove window', BAD_FORMAT],
    ['slabs automove ratio 0.5', 'OK'],
    ['slabs automove ratio x', 'ERROR'],
    ['slabs automove ratio', 'ERROR'],
    ['slabs automove freeratio .5', 'OK'],
    ['slabs automove freeratio', 'ERROR'],
    ['slabs automove 3 noreply', ''],
  ] as const) {
    assert.equal(bench.run(line), reply === '' ? '' : `${reply}\r\n`, line)
  }
  assert.match(
    bench.run('stats settings'),
    /slab_automove 2\r\nSTAT slab_automove_ratio 0.50\r\nSTAT slab_automove_window 5\r\n/,
  )
})

test('slabs reassign never finds a page to spare', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['slabs reassign 1 2', NO_SPARE],
    ['slabs reassign 0 1', NO_SPARE],
    ['slabs reassign 5 0', NO_SPARE],
    ['slabs reassign 1 39', NO_SPARE],
    ['slabs reassign 1 1', 'SAME src and dst class are identical'],
    ['slabs reassign 1 40', BAD_CLASS],
    ['slabs reassign 70 1', BAD_CLASS],
    ['slabs reassign -1 2', BAD_CLASS],
    ['slabs reassign x 2', BAD_FORMAT],
    ['slabs reassign 1', 'ERROR'],
    ['slabs reassign 1 2 3', 'ERROR'],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
  }
})

test('with -o no_slab_reassign it says so', async () => {
  const bench = await AdminBench.make(['-o', 'no_slab_reassign'])
  assert.equal(bench.run('slabs reassign x 2'), 'CLIENT_ERROR slab reassignment disabled\r\n')
  assert.equal(bench.run('slabs automove 1'), 'OK\r\n')
})

test("a client's mistakes are counted", async () => {
  const bench = await AdminBench.make()
  bench.run('slabs')
  bench.run('slabs automove x')
  bench.run('slabs automove 1')
  bench.run('slabs reassign 1 2')
  assert.equal(bench.context.counters[COUNTER.adminErrors], 2)
})
