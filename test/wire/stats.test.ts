import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { runTranscript } from '../support/transcript.ts'

/** The names of `stats` without crawler and maintainer threads, in memcached's order. */
const GENERAL = `pid uptime time version libevent pointer_size rusage_user rusage_system
  max_connections curr_connections total_connections rejected_connections connection_structures
  response_obj_oom response_obj_count response_obj_bytes read_buf_count read_buf_bytes
  read_buf_bytes_free read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta
  get_hits get_misses get_expired get_flushed delete_misses delete_hits incr_misses incr_hits
  decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large
  store_no_memory auth_cmds auth_errors bytes_read bytes_written limit_maxbytes accepting_conns
  listen_disabled_num time_in_listen_disabled_us threads conn_yields hash_power_level hash_bytes
  hash_is_expanding slab_reassign_rescues slab_reassign_chunk_rescues slab_reassign_inline_reclaim
  slab_reassign_busy_items slab_reassign_busy_deletes slab_reassign_busy_nomem
  slab_reassign_last_busy_status slab_reassign_running slabs_moved malloc_fails log_worker_dropped
  log_worker_written log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids
  round_robin_fallback bytes curr_items total_items slab_global_page_pool expired_unfetched
  evicted_unfetched evictions reclaimed crawler_reclaimed crawler_items_checked
  lrutail_reflocked`.split(/\s+/)

const WITH_THREADS = `lru_crawler_running lru_crawler_starts lru_maintainer_juggles evicted_active
  moves_to_cold moves_to_warm moves_within_lru direct_reclaims lru_bumps_dropped`.split(/\s+/)

const SETTINGS = `maxbytes maxconns tcpport udpport inter verbosity oldest evictions domain_socket
  umask shutdown_command growth_factor chunk_size num_threads num_threads_per_udp stat_key_prefix
  detail_enabled reqs_per_event cas_enabled tcp_backlog binding_protocol auth_enabled_sasl
  auth_enabled_ascii item_size_max maxconns_fast hashpower_init slab_reassign slab_automove
  slab_automove_ratio slab_automove_window slab_chunk_max lru_crawler lru_crawler_sleep
  lru_crawler_tocrawl tail_repair_time flush_enabled dump_enabled hash_algorithm
  lru_maintainer_thread lru_segmented hot_lru_pct warm_lru_pct hot_max_factor warm_max_factor
  temp_lru temporary_ttl idle_timeout watcher_logbuf_size worker_logbuf_size read_buf_mem_limit
  track_sizes inline_ascii_response num_napi_ids memory_file client_flags_size`.split(/\s+/)

const CLASS_ITEMS = `number number_hot number_warm number_cold age_hot age_warm age mem_requested
  evicted evicted_nonzero evicted_time outofmemory tailrepairs reclaimed expired_unfetched
  evicted_unfetched evicted_active crawler_reclaimed crawler_items_checked lrutail_reflocked
  moves_to_cold moves_to_warm moves_within_lru direct_reclaims hits_to_hot hits_to_warm
  hits_to_cold hits_to_temp`.split(/\s+/)

const CLASS_SLABS = `chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks
  free_chunks_end get_hits cmd_set delete_hits incr_hits decr_hits cas_hits cas_badval
  touch_hits`.split(/\s+/)

for (const threads of [1, 4]) {
  describe(`stats, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', String(threads)] })
    })

    test('the general names are there, in order, with their kinds of value', async () => {
      const client = await server.connect(scope)
      const stats = await client.stats()
      const names = [...stats.keys()]
      assert.deepEqual(
        names.filter((name) => GENERAL.includes(name)),
        GENERAL,
      )
      assert.deepEqual(
        names.filter((name) => !GENERAL.includes(name)),
        WITH_THREADS,
      )
      for (const [name, value] of stats) {
        if (name === 'version') assert.equal(value, '1.6.45')
        else if (name.startsWith('rusage_')) assert.match(value, /^\d+\.\d{6}$/, name)
        else if (name === 'slab_reassign_last_busy_status') assert.equal(value, 'none')
        else if (name !== 'libevent') assert.match(value, /^\d+$/, name)
      }
      assert.equal(stats.get('pid'), String(server.pid))
      assert.equal(stats.get('pointer_size'), '64')
      assert.equal(stats.get('threads'), String(threads))
      assert.equal(stats.get('limit_maxbytes'), '67108864')
      assert.equal(stats.get('max_connections'), '1024')
      assert.equal(stats.get('accepting_conns'), '1')
      assert.equal(stats.get('hash_power_level'), '16')
      const seconds = Number(stats.get('time')) - Math.floor(Date.now() / 1000)
      assert.ok(Math.abs(seconds) <= 2, `time is ${seconds} s off`)
    })

    test('the settings are there, in order', async () => {
      const client = await server.connect(scope)
      const settings = await client.stats('settings')
      const names = [...settings.keys()].filter(
        (name) => !isMemcached || !/^ext_|^ssl_|freeratio$/.test(name),
      )
      assert.deepEqual(names, SETTINGS)
      const expected: Record<string, string> = {
        maxbytes: '67108864',
        maxconns: '1024',
        udpport: '0',
        verbosity: '0',
        evictions: 'on',
        domain_socket: 'NULL',
        umask: '700',
        shutdown_command: 'no',
        growth_factor: '1.25',
        chunk_size: '48',
        num_threads: String(threads),
        stat_key_prefix: ':',
        detail_enabled: 'no',
        reqs_per_event: isMemcached ? '20' : '200',
        cas_enabled: 'yes',
        tcp_backlog: '1024',
        auth_enabled_sasl: 'no',
        auth_enabled_ascii: 'no',
        item_size_max: '1048576',
        maxconns_fast: 'yes',
        slab_automove_ratio: '0.80',
        slab_chunk_max: '524288',
        flush_enabled: 'yes',
        dump_enabled: 'yes',
        hash_algorithm: 'murmur3',
        hot_max_factor: '0.20',
        warm_max_factor: '2.00',
        idle_timeout: '0',
        watcher_logbuf_size: '262144',
        worker_logbuf_size: '65536',
        track_sizes: 'no',
        inline_ascii_response: 'no',
        memory_file: '(null)',
        client_flags_size: '4',
      }
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(settings.get(name), value, name)
      }
      assert.match(settings.get('binding_protocol') ?? '', /^(auto-negotiate|ascii)$/)
    })

    test('items and slabs by class', async () => {
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['set class-small 0 0 1\n1', 'STORED'],
        [`set class-large 0 0 5000\n${'x'.repeat(5_000)}`, 'STORED'],
        ['get class-small', 'VALUE class-small 0 1\n1\nEND'],
      ])
      const items = await client.stats('items')
      for (const number of ['1', '19']) {
        const names = [...items.keys()].filter((name) => name.startsWith(`items:${number}:`))
        assert.deepEqual(
          names,
          CLASS_ITEMS.map((name) => `items:${number}:${name}`),
        )
      }
      assert.equal(items.get('items:19:number'), '1')
      assert.equal(items.get('items:19:mem_requested'), String(48 + 11 + 1 + 5_000 + 2 + 8))
      const slabs = await client.stats('slabs')
      for (const number of ['1', '19']) {
        const names = [...slabs.keys()].filter((name) => name.startsWith(`${number}:`))
        assert.deepEqual(
          names,
          CLASS_SLABS.map((name) => `${number}:${name}`),
        )
      }
      assert.equal(slabs.get('1:chunk_size'), '96')
      assert.equal(slabs.get('19:chunk_size'), '5680')
      assert.equal(slabs.get('19:used_chunks'), '1')
      assert.deepEqual([...slabs.keys()].slice(-2), ['active_slabs', 'total_malloced'])
      await runTranscript(client, [['delete class-large', 'DELETED']])
      const afterwards = await client.stats('items')
      assert.equal(
        [...afterwards.keys()].some((name) => name.startsWith('items:19:')),
        false,
      )
    })

    test('conns tells of every connection and of the listeners', async () => {
      const client = await server.connect(scope)
      const waiting = await server.connect(scope)
      waiting.send('set conns-waiting 0 0 10\r\nabc')
      let conns = await client.stats('conns')
      const of = (state: string): string[] =>
        [...conns].filter(([, value]) => value === state).map(([name]) => name.split(':')[0] ?? '')
      await until(
        async () => {
          conns = await client.stats('conns')
          return of('conn_nread').length === 1
        },
        () => [...conns].join('\n'),
      )
      const [me] = of('conn_parse_cmd')
      assert.ok(me !== undefined, [...conns].join('\n'))
      const local = client.socket.address() as { port: number }
      assert.equal(conns.get(`${me}:addr`), `tcp:127.0.0.1:${local.port}`)
      assert.equal(conns.get(`${me}:listen_addr`), `tcp:127.0.0.1:${server.port}`)
      assert.match(conns.get(`${me}:secs_since_last_cmd`) ?? '', /^\d+$/)
      const listener = of('conn_listening').find(
        (number) => conns.get(`${number}:addr`) === `tcp:127.0.0.1:${server.port}`,
      )
      assert.ok(listener !== undefined, [...conns].join('\n'))
      assert.equal(conns.get(`${listener}:listen_addr`), undefined)
    })
  })
}

describe('stats of servers started otherwise', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('without crawler and maintainer there are exactly 84 names', async () => {
    const server = await Server.start(scope, {
      flags: ['-t', '1', '-o', 'no_lru_crawler,no_lru_maintainer'],
    })
    const client = await server.connect(scope)
    const names = [...(await client.stats()).keys()]
    assert.equal(names.length, 84)
    assert.deepEqual(names, GENERAL)
  })

  test('hash_power_level grows with the items', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'] })
    const client = await server.connect(scope)
    const sets = Array.from({ length: 131_072 }, (_, index) => `ms k${index} 1 q\r\n1\r\n`)
    client.send(`${sets.join('')}mn\r\n`)
    await client.expect('MN\r\n')
    await until(
      async () => (await client.stats()).get('hash_power_level') === '17',
      () => 'hash_power_level is not 17',
    )
  })

  test('settings follow the flags', async () => {
    const flags = '-t 3 -c 123 -b 77 -R 5 -I 2m -m 32 -f 1.5 -n 64 -A -F -X -M -C -D /'.split(' ')
    const server = await Server.start(scope, {
      flags: [...flags, '-o', 'idle_timeout=100,watcher_logbuf_size=128,no_maxconns_fast'],
    })
    const client = await server.connect(scope)
    const settings = await client.stats('settings')
    const expected: Record<string, string> = {
      num_threads: '3',
      maxconns: '123',
      tcp_backlog: '77',
      reqs_per_event: '5',
      item_size_max: '2097152',
      maxbytes: '33554432',
      growth_factor: '1.50',
      chunk_size: '64',
      shutdown_command: 'yes',
      flush_enabled: 'no',
      dump_enabled: 'no',
      evictions: 'off',
      cas_enabled: 'no',
      stat_key_prefix: '/',
      detail_enabled: 'yes',
      idle_timeout: '100',
      watcher_logbuf_size: '131072',
      maxconns_fast: 'no',
    }
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(settings.get(name), value, name)
    }
    assert.equal((await client.stats()).get('idle_kicks'), '0')
    assert.equal((await client.stats()).has('rejected_connections'), false)
  })
})
