import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { OUTCOME } from '../../src/commands/context.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { readStats } from '../telemetry/stats-source.ts'
import { AdminBench } from './admin-bench.ts'

const USAGE = 'CLIENT_ERROR usage: stats detail on|off|dump\r\n'

function recordGet(bench: AdminBench, key: string, hit: boolean): void {
  bench.context.prefixes.recordGet(Buffer.from(key, 'latin1'), 0, key.length, hit)
}

test('each subcommand has its answer', async () => {
  const bench = await AdminBench.make()
  bench.put('key', 'value')
  assert.equal(readStats(bench.run('stats')).get('curr_items'), '1')
  assert.equal(readStats(bench.run('stats settings')).get('maxconns'), '1024')
  assert.equal(readStats(bench.run('stats items')).get('items:1:number'), '1')
  assert.equal(readStats(bench.run('stats slabs')).get('1:used_chunks'), '1')
})

test('a subcommand must be the whole word', async () => {
  const bench = await AdminBench.make()
  for (const word of ['r', 'set', 'foo', 'item', 'noreply', 'RESET']) {
    assert.equal(bench.run(`stats ${word}`), 'ERROR\r\n', word)
  }
})

test('noreply does not silence stats', async () => {
  const bench = await AdminBench.make()
  assert.match(bench.run('stats settings noreply'), /END\r\n$/)
})

test('an answer longer than one piece is sent whole', async () => {
  const bench = await AdminBench.make()
  for (let size = 1; size < 8000; size += 50) bench.put(`key-${size}`, 'v'.repeat(size))
  const text = bench.run('stats items')
  assert.equal(bench.outcome, OUTCOME.produce)
  assert.ok(text.length > 8192)
  assert.equal(readStats(text).size % 28, 0)
})

test('reset starts all counters over, also those by prefix', async () => {
  const bench = await AdminBench.make()
  bench.context.counters[COUNTER.getHits]! += 3
  bench.put('key', 'value')
  recordGet(bench, 'a:1', true)
  assert.equal(readStats(bench.run('stats')).get('total_items'), '1')
  assert.equal(bench.run('stats reset'), 'RESET\r\n')
  const stats = readStats(bench.run('stats'))
  assert.equal(stats.get('get_hits'), '0')
  assert.equal(stats.get('total_items'), '0')
  assert.equal(stats.get('curr_items'), '1')
  assert.equal(bench.run('stats detail dump'), 'END\r\n')
})

test('detail is switched for all threads and dumped', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('stats detail on'), 'OK\r\n')
  assert.equal(bench.context.runtime[RUNTIME.prefixStats], 1)
  assert.equal(bench.context.prefixStatsOn, true)
  recordGet(bench, 'a:1', true)
  recordGet(bench, 'a:2', false)
  recordGet(bench, '\xff:2', false)
  assert.equal(
    bench.run('stats detail dump'),
    'PREFIX a get 2 hit 1 set 0 del 0\r\nPREFIX \xff get 1 hit 0 set 0 del 0\r\nEND\r\n',
  )
  assert.equal(bench.run('stats detail off'), 'OK\r\n')
  assert.equal(bench.context.runtime[RUNTIME.prefixStats], 0)
  assert.equal(bench.context.prefixStatsOn, false)
  assert.equal(bench.run('stats detail'), USAGE)
  assert.equal(bench.run('stats detail x'), USAGE)
})

test('connections are for the control thread to collect', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('stats conns'), '')
  assert.equal(bench.outcome, OUTCOME.deferred)
  assert.deepEqual(bench.deferred, ['stats conns: '])
})

test('cachedump looks at its arguments as memcached does', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['stats cachedump', 'CLIENT_ERROR bad command line'],
    ['stats cachedump 1', 'CLIENT_ERROR bad command line'],
    ['stats cachedump a 1', 'CLIENT_ERROR bad command line format'],
    ['stats cachedump 1 a', 'CLIENT_ERROR bad command line format'],
    ['stats cachedump 64 1', 'CLIENT_ERROR Illegal slab id'],
    ['stats cachedump 0 0', 'END'],
    ['stats cachedump 63 0', 'END'],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
  }
})

test('with -X nothing is dumped', async () => {
  const bench = await AdminBench.make(['-X'])
  assert.equal(bench.run('stats detail on'), 'CLIENT_ERROR stats detail not allowed\r\n')
  assert.equal(bench.run('stats cachedump'), 'CLIENT_ERROR stats cachedump not allowed\r\n')
})
