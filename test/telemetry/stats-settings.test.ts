import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { settingsStats } from '../../src/telemetry/stats-settings.ts'
import { readStats, testSource } from './stats-source.ts'

/**
 * `stats settings` of memcached 1.6.45 -p 6001 -t 2 -R 200, without the lines of its external
 * storage.
 */
const DEFAULTS = `
maxbytes 67108864|maxconns 1024|tcpport 6001|udpport 0|inter NULL|verbosity 0|oldest 0
evictions on|domain_socket NULL|umask 700|shutdown_command no|growth_factor 1.25|chunk_size 48
num_threads 2|num_threads_per_udp 2|stat_key_prefix :|detail_enabled no|reqs_per_event 200
cas_enabled yes|tcp_backlog 1024|binding_protocol auto-negotiate|auth_enabled_sasl no
auth_enabled_ascii no|item_size_max 1048576|maxconns_fast yes|hashpower_init 0|slab_reassign yes
slab_automove 1|slab_automove_ratio 0.80|slab_automove_window 10|slab_chunk_max 524288
lru_crawler yes|lru_crawler_sleep 100|lru_crawler_tocrawl 0|tail_repair_time 0|flush_enabled yes
dump_enabled yes|hash_algorithm murmur3|lru_maintainer_thread yes|lru_segmented yes
hot_lru_pct 20|warm_lru_pct 40|hot_max_factor 0.20|warm_max_factor 2.00|temp_lru no
temporary_ttl 61|idle_timeout 0|watcher_logbuf_size 262144|worker_logbuf_size 65536
read_buf_mem_limit 0|track_sizes no|inline_ascii_response no|num_napi_ids 0|memory_file (null)
client_flags_size 4
`
  .trim()
  .split(/[|\n]/)

test('with the standard settings it says what memcached says, in its order', async () => {
  const stats = readStats(settingsStats(await testSource()))
  assert.deepEqual(
    [...stats].map(([name, value]) => `${name} ${value}`),
    DEFAULTS,
  )
})

test('it shows what was given', async () => {
  const source = await testSource([
    ...['-A', '-C', '-F', '-X', '-M', '-R', '5', '-b', '99', '-B', 'ascii', '-I', '2m'],
    ...['-p', '7001', '-l', '127.0.0.1,[::1]:7002', '-o', 'idle_timeout=10,track_sizes'],
  ])
  const stats = readStats(settingsStats(source))
  const expected = {
    tcpport: '7001',
    inter: '127.0.0.1,[::1]:7002',
    evictions: 'off',
    shutdown_command: 'yes',
    reqs_per_event: '5',
    cas_enabled: 'no',
    tcp_backlog: '99',
    binding_protocol: 'ascii',
    item_size_max: '2097152',
    flush_enabled: 'no',
    dump_enabled: 'no',
    idle_timeout: '10',
    track_sizes: 'yes',
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(stats.get(name), value, name)
})

test('a unix socket shows by its path', async () => {
  const stats = readStats(settingsStats(await testSource(['-s', '/run/memc.sock', '-a', '755'])))
  assert.equal(stats.get('domain_socket'), '/run/memc.sock')
  assert.equal(stats.get('umask'), '755')
})

test('what changes while the server runs is shown as it is now', async () => {
  const source = await testSource()
  source.runtime[RUNTIME.verbosity] = 2
  source.runtime[RUNTIME.prefixStats] = 1
  source.figuresNow.limitBytes = 2 ** 33
  const stats = readStats(settingsStats(source))
  assert.equal(stats.get('verbosity'), '2')
  assert.equal(stats.get('detail_enabled'), 'yes')
  assert.equal(stats.get('maxbytes'), '8589934592')
})
