import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminBench } from './admin-bench.ts'

test('lru tune answers as memcached does and shows in stats settings', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['lru tune 10 25 0.1 2.0', 'OK'],
    ['lru tune 10 75 0.1 2.0', 'ERROR hot and warm pcts must not exceed 80'],
    ['lru tune 10 25 0 2.0', 'ERROR hot/warm age factors must be greater than 0'],
    ['lru tune 10 25 0.1 -1', 'ERROR hot/warm age factors must be greater than 0'],
    ['lru tune a 25 0.1 2.0', 'ERROR'],
    ['lru tune 10 25 0.1', 'ERROR'],
    ['lru tune', 'ERROR'],
    ['lru tune 11 26 1e2 2.5 9', 'OK'],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
  }
  const settings = bench.run('stats settings')
  assert.match(
    settings,
    /hot_lru_pct 11\r\nSTAT warm_lru_pct 26\r\nSTAT hot_max_factor 100.00\r\nSTAT warm_max_factor 2.50\r\n/,
  )
})

test('lru mode and temp_ttl are kept', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['lru mode flat', 'OK'],
    ['lru mode x', 'ERROR'],
    ['lru mode', 'ERROR'],
    ['lru temp_ttl 5', 'OK'],
    ['lru temp_ttl x', 'ERROR'],
    ['lru temp_ttl', 'ERROR'],
    ['lru foo', 'ERROR'],
    ['lru', 'ERROR'],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
  }
  const settings = bench.run('stats settings')
  assert.match(settings, /lru_segmented no\r\n/)
  assert.match(settings, /temp_lru yes\r\nSTAT temporary_ttl 5\r\n/)
  assert.equal(bench.run('lru mode segmented'), 'OK\r\n')
  assert.equal(bench.run('lru temp_ttl -1'), 'OK\r\n')
  const later = bench.run('stats settings')
  assert.match(later, /lru_segmented yes\r\n/)
  assert.match(later, /temp_lru no\r\nSTAT temporary_ttl 5\r\n/)
})

test('without the maintainer only lru tune is left', async () => {
  const bench = await AdminBench.make(['-o', 'no_lru_maintainer'])
  assert.equal(bench.run('lru mode flat'), 'ERROR\r\n')
  assert.equal(bench.run('lru temp_ttl 5'), 'ERROR\r\n')
  assert.equal(bench.run('lru tune 10 25 0.1 2.0'), 'OK\r\n')
})

test('noreply silences success and failure, and what was asked is done', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('lru mode flat noreply'), '')
  assert.equal(bench.run('lru noreply'), '')
  assert.match(bench.run('stats settings'), /lru_segmented no\r\n/)
})
