import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { generalStats } from '../../src/telemetry/stats.ts'
import { readStats, testSource } from './stats-source.ts'

/** What memcached 1.6.45 answers with -o no_lru_crawler,no_lru_maintainer. */
const CORE_KEYS = `
pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
curr_connections total_connections rejected_connections connection_structures response_obj_oom
response_obj_count response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free
read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses
get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits
cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large store_no_memory auth_cmds
auth_errors bytes_read bytes_written limit_maxbytes accepting_conns listen_disabled_num
time_in_listen_disabled_us threads conn_yields hash_power_level hash_bytes hash_is_expanding
slab_reassign_rescues slab_reassign_chunk_rescues slab_reassign_inline_reclaim
slab_reassign_busy_items slab_reassign_busy_deletes slab_reassign_busy_nomem
slab_reassign_last_busy_status slab_reassign_running slabs_moved malloc_fails log_worker_dropped
log_worker_written log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids
round_robin_fallback bytes curr_items total_items slab_global_page_pool expired_unfetched
evicted_unfetched evictions reclaimed crawler_reclaimed crawler_items_checked lrutail_reflocked
`
  .trim()
  .split(/\s+/)

test('without crawler and maintainer there are the 84 keys of memcached, in its order', async () => {
  const source = await testSource(['-o', 'no_lru_crawler,no_lru_maintainer'])
  const names = [...readStats(generalStats(source)).keys()]
  assert.deepEqual(names, CORE_KEYS)
  assert.equal(names.length, 84)
})

test('the standard settings add nine keys where memcached has them', async () => {
  const names = [...readStats(generalStats(await testSource())).keys()]
  assert.equal(names.length, 93)
  const after = (name: string): string[] => names.slice(names.indexOf(name) + 1)
  assert.deepEqual(after('slabs_moved').slice(0, 3), [
    'lru_crawler_running',
    'lru_crawler_starts',
    'lru_maintainer_juggles',
  ])
  assert.equal(after('evicted_unfetched')[0], 'evicted_active')
  assert.deepEqual(after('lrutail_reflocked'), [
    'moves_to_cold',
    'moves_to_warm',
    'moves_within_lru',
    'direct_reclaims',
    'lru_bumps_dropped',
  ])
})

test('keys that depend on an option come and go with it', async () => {
  const options = 'idle_timeout=10,no_slab_reassign,no_maxconns_fast'
  const names = [...readStats(generalStats(await testSource(['-o', options]))).keys()]
  assert.equal(names[names.indexOf('auth_errors') + 1], 'idle_kicks')
  assert.ok(!names.includes('rejected_connections'))
  assert.ok(!names.some((name) => name.startsWith('slab_reassign')))
  assert.ok(!names.includes('slabs_moved'))
})

test('every value but the few texts is a whole decimal number', async () => {
  const source = await testSource()
  source.counters[0]![COUNTER.bytesRead] = 2 ** 53 - 1
  const texts = ['version', 'libevent', 'slab_reassign_last_busy_status']
  const stats = readStats(generalStats(source))
  for (const [name, value] of stats) {
    if (texts.includes(name)) continue
    const pattern = name.startsWith('rusage_') ? /^\d+\.\d{6}$/ : /^\d+$/
    assert.match(value, pattern, name)
  }
  assert.equal(stats.get('bytes_read'), '9007199254740991')
})

test('counters are the sum over all workers and the control thread', async () => {
  const source = await testSource()
  source.counters[0]![COUNTER.getHits] = 3
  source.counters[1]![COUNTER.getHits] = 4
  source.counters[2]![COUNTER.watchSent] = 5
  source.counters[0]![COUNTER.connections] = 1
  source.counters[1]![COUNTER.connections] = 2
  const stats = readStats(generalStats(source))
  assert.equal(stats.get('get_hits'), '7')
  assert.equal(stats.get('log_watcher_sent'), '5')
  assert.equal(stats.get('curr_connections'), '3')
})

test('process figures are those of this process', async () => {
  const source = await testSource(['-m', '100', '-c', '77'])
  const stats = readStats(generalStats(source))
  assert.equal(stats.get('pid'), String(process.pid))
  assert.equal(stats.get('uptime'), '0')
  assert.ok(Math.abs(Number(stats.get('time')) - Date.now() / 1000) < 2)
  assert.equal(stats.get('version'), '1.6.45')
  assert.equal(stats.get('pointer_size'), '64')
  assert.equal(stats.get('threads'), '2')
  assert.equal(stats.get('max_connections'), '77')
  assert.equal(stats.get('limit_maxbytes'), String(100 * 1024 * 1024))
  assert.ok(Number(stats.get('rusage_user')) > 0)
})

test('accepting_conns is 0 while the listeners are paused', async () => {
  const source = await testSource()
  assert.equal(readStats(generalStats(source)).get('accepting_conns'), '1')
  source.runtime[RUNTIME.acceptPaused] = 1
  assert.equal(readStats(generalStats(source)).get('accepting_conns'), '0')
})

test('after a reset counters start at 0 again and levels stay', async () => {
  const source = await testSource()
  const [first, second] = source.counters as [Float64Array, Float64Array]
  first[COUNTER.getCommands] = 10
  second[COUNTER.getCommands] = 5
  second[COUNTER.connections] = 2
  Object.assign(source.figuresNow, { items: 7, itemsTotal: 9, itemBytes: 700, evictions: 4 })
  source.baseline.reset(source.counters, source.figures())
  first[COUNTER.getCommands]! += 1
  source.figuresNow.evictions += 2
  const stats = readStats(generalStats(source))
  assert.equal(stats.get('cmd_get'), '1')
  assert.equal(stats.get('evictions'), '2')
  assert.equal(stats.get('total_items'), '0')
  assert.equal(stats.get('curr_items'), '7')
  assert.equal(stats.get('bytes'), '700')
  assert.equal(stats.get('curr_connections'), '2')
  assert.equal(first[COUNTER.getCommands], 11, 'the counters themselves never go back')
})
