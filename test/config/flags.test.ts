import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, settingOf } from './load-with.ts'

/** Command line → what it sets. Each of memcached's flags, short and long. */
const MEANINGS: readonly (readonly [argv: string, settings: Record<string, unknown>])[] = [
  ['-p 11211', { 'listen.port': 11211 }],
  ['-p11211', { 'listen.port': 11211 }],
  ['--port=11211', { 'listen.port': 11211 }],
  ['--port 11211', { 'listen.port': 11211 }],
  ['-p -1', { 'listen.port': -1 }],
  ['-p 0', { 'listen.port': 0 }],
  ['-s /tmp/x.sock', { 'listen.unixSocket': '/tmp/x.sock' }],
  ['--unix-socket=/tmp/x.sock', { 'listen.unixSocket': '/tmp/x.sock' }],
  ['-a 777', { 'listen.unixMask': 0o777 }],
  ['-a 0700', { 'listen.unixMask': 0o700 }],
  ['--unix-mask=660', { 'listen.unixMask': 0o660 }],
  ['-b 8675', { 'listen.backlog': 8675 }],
  ['--listen-backlog=5', { 'listen.backlog': 5 }],
  ['-m 128', { 'memory.limit': 128 * 2 ** 20 }],
  ['-m 1g', { 'memory.limit': 2 ** 30 }],
  ['--memory-limit=3', { 'memory.limit': 3 * 2 ** 20 }],
  ['-M', { 'memory.evict': false }],
  ['--disable-evictions', { 'memory.evict': false }],
  ['-I 2097152', { 'items.maxSize': 2097152 }],
  ['-I 512k', { 'items.maxSize': 512 * 1024 }],
  ['-I 1024', { 'items.maxSize': 1024 }],
  ['-m 256 -I 32m', { 'items.maxSize': 32 * 2 ** 20 }],
  ['-m 256 --max-item-size=128m', { 'items.maxSize': 128 * 2 ** 20 }],
  ['-C', { 'items.cas': false }],
  ['--disable-cas', { 'items.cas': false }],
  ['-c 10', { 'connections.max': 10 }],
  ['--conn-limit=10', { 'connections.max': 10 }],
  ['-R 500', { 'connections.requestsPerTurn': 500 }],
  ['--max-reqs-per-event=500', { 'connections.requestsPerTurn': 500 }],
  ['-t 32', { 'workers.count': 32 }],
  ['--threads=2', { 'workers.count': 2 }],
  ['-B ascii', { 'protocol.binding': 'ascii' }],
  ['-B auto', { 'protocol.binding': 'auto' }],
  ['--protocol=binary', { 'protocol.binding': 'binary' }],
  ['-A', { 'commands.shutdown': true }],
  ['--enable-shutdown', { 'commands.shutdown': true }],
  ['-F', { 'commands.flushAll': false }],
  ['--disable-flush-all', { 'commands.flushAll': false }],
  ['-X', { 'commands.dump': false }],
  ['--disable-dumping', { 'commands.dump': false }],
  ['-W', { 'commands.watch': false }],
  ['--disable-watch', { 'commands.watch': false }],
  ['-Y /etc/users', { 'auth.file': '/etc/users' }],
  ['--auth-file=/etc/users', { 'auth.file': '/etc/users' }],
  ['-D /', { 'stats.prefixDelimiter': '/', 'stats.detail': true }],
  ['-v', { 'log.verbosity': 1 }],
  ['-vv', { 'log.verbosity': 2 }],
  ['-vvv', { 'log.verbosity': 3 }],
  ['-v -v', { 'log.verbosity': 2 }],
  ['-vvvvv', { 'log.verbosity': 3 }],
  ['--verbose', { 'log.verbosity': 1 }],
  ['--verbose=2', { 'log.verbosity': 2 }],
  ['-vMCp 5', { 'log.verbosity': 1, 'memory.evict': false, 'items.cas': false, 'listen.port': 5 }],
  ['-U 0', { 'listen.port': 6001, 'compat.udpPort': 0 }],
  ['-U 4444', { 'listen.port': 4444, 'compat.udpPort': 4444 }],
  ['-U 4444 -p 5', { 'listen.port': 5, 'compat.udpPort': 4444 }],
  ['-f 1.1 -n 100', { 'compat.growthFactor': 1.1, 'compat.chunkSize': 100 }],
  ['-d', { 'process.daemon': true }],
  ['--daemon', { 'process.daemon': true }],
  ['-d -P /x.pid', { 'process.daemon': true, 'process.pidFile': '/x.pid' }],
  ['-N 3', { 'compat.napiIds': 3 }],
  ['-o maxconns_fast', { 'connections.maxFast': true }],
  ['-o no_maxconns_fast', { 'connections.maxFast': false }],
  ['-o idle_timeout=3', { 'connections.idleTimeout': 3000 }],
  ['--extended=idle_timeout=0', { 'connections.idleTimeout': 0 }],
  ['-o watcher_logbuf_size=8', { 'watch.bufferSize': 8192 }],
  ['-o worker_logbuf_size=32', { 'compat.workerLogBufferSize': 32768 }],
  ['-o track_sizes', { 'stats.trackSizes': true }],
  ['-o slab_chunk_max=16', { 'compat.slabChunkMax': 16384 }],
  ['-o slab_automove', { 'compat.slabAutomove': 1 }],
  ['-o slab_automove=2', { 'compat.slabAutomove': 2 }],
  ['-o no_slab_automove', { 'compat.slabAutomove': 0 }],
  [
    '-o slab_reassign,no_slab_automove -m 8',
    { 'compat.slabReassign': true, 'compat.slabAutomove': 0 },
  ],
  [
    '-o slab_automove_ratio=0.5,slab_automove_window=3',
    { 'compat.slabAutomoveRatio': 0.5, 'compat.slabAutomoveWindow': 3 },
  ],
  [
    '-o no_lru_crawler,no_lru_maintainer',
    { 'compat.lruCrawler': false, 'compat.lruMaintainer': false, 'compat.lruSegmented': false },
  ],
  [
    '-o lru_maintainer,lru_crawler,temporary_ttl=61',
    { 'compat.lruMaintainer': true, 'compat.tempLru': true, 'compat.temporaryTtl': 61 },
  ],
  [
    '-o lru_crawler_sleep=1000,lru_crawler_tocrawl=5',
    { 'compat.lruCrawlerSleep': 1000, 'compat.lruCrawlerTocrawl': 5 },
  ],
  [
    '-o hot_lru_pct=10,warm_lru_pct=30',
    { 'compat.hotLruPercent': 10, 'compat.warmLruPercent': 30 },
  ],
  [
    '-o hot_max_factor=0.7,warm_max_factor=3',
    { 'compat.hotMaxFactor': 0.7, 'compat.warmMaxFactor': 3 },
  ],
  [
    '-o hashpower=20,hash_algorithm=jenkins,tail_repair_time=20',
    { 'compat.hashpowerInit': 20, 'compat.hashAlgorithm': 'jenkins', 'compat.tailRepairTime': 20 },
  ],
  [
    '-o read_buf_mem_limit=1 -t 32 -R 500',
    { 'compat.readBufferMemoryLimit': 2 ** 20, 'workers.count': 32 },
  ],
  [
    '-o no_modern',
    {
      'compat.slabReassign': false,
      'compat.lruCrawler': false,
      'connections.maxFast': false,
      'compat.hashAlgorithm': 'jenkins',
    },
  ],
  [
    '-Z -o ssl_chain_cert=/c,ssl_key=/k,ssl_ca_cert=/a,ssl_verify_mode=2,ssl_keyformat=2,ssl_ciphers=A:B,ssl_min_version=3',
    {
      'tls.enabled': true,
      'tls.certFile': '/c',
      'tls.keyFile': '/k',
      'tls.caFile': '/a',
      'tls.verify': 'require',
      'tls.keyFormat': 'der',
      'tls.ciphers': 'A:B',
      'tls.minVersion': 'tlsv1.3',
    },
  ],
  [
    '-o ssl_session_cache,ssl_wbuf_size=32,ssl_kernel_tls',
    { 'tls.sessionTickets': true, 'tls.writeBufferSize': 32_768 },
  ],
  ['--set memory.policy=lru', { 'memory.policy': 'lru' }],
  ['--memory.policy=lru', { 'memory.policy': 'lru' }],
  ['--memory.policy lru', { 'memory.policy': 'lru' }],
  ['--set workers.heartbeatTimeout=1m', { 'workers.heartbeatTimeout': 60_000 }],
]

for (const [argv, expected] of MEANINGS) {
  test(`${argv} sets ${Object.keys(expected).join(', ')}`, async () => {
    const settings = await load({ argv })
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(settingOf(settings, key), value, key)
    }
  })
}

test('a unique beginning of a long name is enough, as with getopt_long', async () => {
  assert.equal(settingOf(await load({ argv: '--por=5' }), 'listen.port'), 5)
})

test('of two equal flags the later one counts', async () => {
  assert.equal(settingOf(await load({ argv: '-p 5 -p 6' }), 'listen.port'), 6)
})

test("-l adds up, and takes all of memcached's forms", async () => {
  const argv =
    '-l 127.0.0.1 -l 127.0.0.2:5;[::1]:6,[fe80::1] --listen=tag_x_:proto[ascii]:*,notls:localhost,::1'
  assert.deepEqual(settingOf(await load({ argv }), 'listen.addresses'), [
    { host: '127.0.0.1', port: 0, protocol: 'auto', tag: '', tls: 'default' },
    { host: '127.0.0.2', port: 5, protocol: 'auto', tag: '', tls: 'default' },
    { host: '::1', port: 6, protocol: 'auto', tag: '', tls: 'default' },
    { host: 'fe80::1', port: 0, protocol: 'auto', tag: '', tls: 'default' },
    { host: '*', port: 0, protocol: 'ascii', tag: 'x', tls: 'default' },
    { host: 'localhost', port: 0, protocol: 'auto', tag: '', tls: 'notls' },
    { host: '::1', port: 0, protocol: 'auto', tag: '', tls: 'default' },
  ])
})

const NOTED = [
  '-P /x.pid',
  '--pidfile=/x.pid',
  '-u root',
  '--user=nobody',
  '-k',
  '--lock-memory',
  '-L',
  '--enable-largepages',
  '-r',
  '--enable-coredumps',
  '-f 1.5',
  '--slab-growth-factor=1.5',
  '-n 5',
  '--slab-min-size=5',
  '-N 2',
  '--napi-ids=2',
  '-U 5',
  '--udp-port=-1',
  '-o hashpower=16',
  '-o no_hashexpand',
  '-o modern',
  '-o no_modern',
  '-o slab_sizes=100-200',
  '-o no_chunked_items',
  '-o inline_ascii_resp',
  '-o no_inline_ascii_resp',
  '-o resp_obj_mem_limit=5',
  '-o drop_privileges',
  '-o no_drop_privileges',
  '-o relaxed_privileges',
  '-o sock_cookie_id=5',
  '-o slab_automove_freeratio=0.1',
  '-o slab_reassign',
]

for (const argv of NOTED) {
  test(`${argv} is accepted with a note`, async () => {
    assert.equal((await load({ argv })).notes.length, 1)
  })
}

test('flags that mean what they say leave no note', async () => {
  const argv = '-p 5 -m 64 -c 10 -t 2 -v -U 0 -o idle_timeout=5,maxconns_fast,track_sizes'
  assert.deepEqual((await load({ argv })).notes, [])
})
