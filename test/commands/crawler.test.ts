import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminBench } from './admin-bench.ts'

const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
const BAD_CLASS = 'BADCLASS invalid class id'
const DISABLED = 'CLIENT_ERROR lru crawler disabled'

test('lru_crawler answers as memcached does', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['lru_crawler', 'ERROR'],
    ['lru_crawler foo', 'ERROR'],
    ['lru_crawler foo bar', 'ERROR'],
    ['lru_crawler crawl', 'ERROR'],
    ['lru_crawler metadump', 'ERROR'],
    ['lru_crawler crawl all', 'OK'],
    ['lru_crawler crawl 1', 'OK'],
    ['lru_crawler crawl 1,2,63', 'OK'],
    ['lru_crawler crawl 0', BAD_CLASS],
    ['lru_crawler crawl 64', BAD_CLASS],
    ['lru_crawler crawl 1,x', BAD_CLASS],
    ['lru_crawler metadump 0', BAD_CLASS],
    ['lru_crawler metadump x', BAD_CLASS],
    ['lru_crawler mgdump 64', BAD_CLASS],
    ['lru_crawler tocrawl 5', 'OK'],
    ['lru_crawler tocrawl 4294967295', 'OK'],
    ['lru_crawler tocrawl x', BAD_FORMAT],
    ['lru_crawler sleep 5', 'OK'],
    ['lru_crawler sleep 1000000', 'OK'],
    ['lru_crawler sleep 1000001', 'CLIENT_ERROR sleep must be one second or less'],
    ['lru_crawler sleep -1', BAD_FORMAT],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
  }
  assert.match(
    bench.run('stats settings'),
    /lru_crawler yes\r\nSTAT lru_crawler_sleep 1000000\r\nSTAT lru_crawler_tocrawl 4294967295\r\n/,
  )
  assert.match(bench.run('stats'), /STAT lru_crawler_starts 3\r\n/)
})

test('the crawler may be switched off and on, and then dumps are refused', async () => {
  const bench = await AdminBench.make()
  for (const [line, reply] of [
    ['lru_crawler enable', 'ERROR failed to start lru crawler thread'],
    ['lru_crawler disable', 'OK'],
    ['lru_crawler disable', 'OK'],
    ['lru_crawler crawl all', DISABLED],
    ['lru_crawler metadump all', DISABLED],
    ['lru_crawler mgdump all', DISABLED],
  ] as const) {
    assert.equal(bench.run(line), `${reply}\r\n`, line)
  }
  assert.match(bench.run('stats settings'), /lru_crawler no\r\n/)
  assert.doesNotMatch(bench.run('stats'), /lru_crawler_running/)
  assert.equal(bench.run('lru_crawler enable'), 'OK\r\n')
  assert.equal(bench.run('lru_crawler metadump all'), 'OK\r\nEND\r\n')
})

test('with -X there are no dumps', async () => {
  const bench = await AdminBench.make(['-X'])
  assert.equal(bench.run('lru_crawler metadump all'), 'ERROR metadump not allowed\r\n')
  assert.equal(bench.run('lru_crawler mgdump all'), 'ERROR key dump not allowed\r\n')
  assert.equal(bench.run('lru_crawler crawl all'), 'OK\r\n')
})

test('behind commands whose replies are not sent a dump is refused', async () => {
  const bench = await AdminBench.make()
  bench.session.repliesPending = true
  for (const word of ['metadump', 'mgdump']) {
    assert.equal(
      bench.run(`lru_crawler ${word} all`),
      `ERROR cannot pipeline other commands before ${word}\r\n`,
    )
  }
})

test('noreply silences everything, dumps too', async () => {
  const bench = await AdminBench.make()
  assert.equal(bench.run('lru_crawler sleep 7 noreply'), '')
  assert.equal(bench.run('lru_crawler foo noreply'), '')
  assert.equal(bench.run('lru_crawler metadump all noreply'), '')
  assert.match(bench.run('stats settings'), /lru_crawler_sleep 7\r\n/)
})
