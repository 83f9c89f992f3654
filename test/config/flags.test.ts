import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, refusal, settingOf } from './load-with.ts'

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

/** Command line → the whole line it is refused with. */
const REFUSALS: readonly (readonly [argv: string, message: string])[] = [
  ['-Q', 'unknown flag -Q; see memc-kv -h'],
  ['-vQ', 'unknown flag -Q; see memc-kv -h'],
  ['--prt=5', 'unknown flag --prt; did you mean --port?'],
  ['--quux', 'unknown flag --quux; see memc-kv -h'],
  [
    '--enable=1',
    'flag --enable could be any of --enable-shutdown, --enable-ssl, --enable-largepages, --enable-coredumps, --enable-sasl',
  ],
  ['foo', '"foo" is not a flag; see memc-kv -h'],
  ['-- -p 5', '"-p" is not a flag; see memc-kv -h'],
  ['-', '"-" is not a flag; see memc-kv -h'],
  ['-p', 'flag -p: it needs <num>'],
  ['--port', 'flag --port: it needs <num>'],
  ['--help=3', 'flag --help: it takes no value'],
  ['--verbose=x', 'flag --verbose: the level is 0 to 3'],
  [
    '-p abc',
    'listen.port (flag -p): "abc" is not allowed; allowed is a whole number from -1 to 65535 (0 none, -1 any free one)',
  ],
  [
    '-p 65536',
    'listen.port (flag -p): "65536" is not allowed; allowed is a whole number from -1 to 65535 (0 none, -1 any free one)',
  ],
  [
    '-m 0',
    'memory.limit (flag -m): "0" is not allowed; allowed is a size such as 64mb or 1g, from 1mb to 32gb',
  ],
  [
    '-m -5',
    'memory.limit (flag -m): "-5" is not allowed; allowed is a size such as 64mb or 1g, from 1mb to 32gb',
  ],
  [
    '-m lots',
    'memory.limit (flag -m): "lots" is not allowed; allowed is a size such as 64mb or 1g, from 1mb to 32gb',
  ],
  [
    '-I 1000',
    'items.maxSize (flag -I): "1000" is not allowed; allowed is a size such as 64mb or 1g, from 1kb to 1gb',
  ],
  [
    '-I 256m',
    'items.maxSize (flag -I): 256mb is not allowed; allowed is at most half of memory.limit (default: 64mb)',
  ],
  [
    '-m 1',
    'items.maxSize (default): 1mb is not allowed; allowed is at most half of memory.limit (flag -m: 1mb)',
  ],
  [
    '-c 0',
    'connections.max (flag -c): "0" is not allowed; allowed is a whole number from 1 to 1000000',
  ],
  [
    '-c -1',
    'connections.max (flag -c): "-1" is not allowed; allowed is a whole number from 1 to 1000000',
  ],
  [
    '-t 0',
    'workers.count (flag -t): "0" is not allowed; allowed is auto, or a whole number from 1 to 128',
  ],
  [
    '-R 0',
    'connections.requestsPerTurn (flag -R): "0" is not allowed; allowed is a whole number from 1 to 1000000',
  ],
  [
    '-b 0',
    'listen.backlog (flag -b): "0" is not allowed; allowed is a whole number from 1 to 65535',
  ],
  [
    '-a 999',
    'listen.unixMask (flag -a): "999" is not allowed; allowed is permissions in octal, from 0 to 777',
  ],
  [
    '-B http',
    'protocol.binding (flag -B): "http" is not allowed; allowed is auto, ascii or binary',
  ],
  [
    '-D ::',
    'stats.prefixDelimiter (flag -D): "::" is not allowed; allowed is one printable ASCII character',
  ],
  [
    '-Y x -B binary',
    'protocol.binding (flag -B): "binary" is not allowed; allowed is auto or ascii when auth.file is set: clients authenticate in the text protocol',
  ],
  [
    '-Z',
    'tls.enabled (flag -Z): it needs tls.certFile (-o ssl_chain_cert), the file of the certificate',
  ],
  [
    '--enable-ssl -o ssl_chain_cert=x -p 0',
    'tls.enabled (flag --enable-ssl): there is no TLS without a TCP port (listen.port, listen.addresses)',
  ],
  [
    '-Z -o ssl_chain_cert=x -s /tmp/x',
    'tls.enabled (flag -Z): there is no TLS without a TCP port (listen.port, listen.addresses)',
  ],
  [
    '-Z -o ssl_chain_cert=x,ssl_verify_mode=1',
    'tls.verify (flag -o ssl_verify_mode): certificates of clients need tls.caFile (-o ssl_ca_cert) to be verified against',
  ],
  [
    '-Z -o ssl_chain_cert=x -l mtls:*',
    'listen.addresses (flag -l): certificates of clients need tls.caFile (-o ssl_ca_cert) to be verified against',
  ],
  [
    '-o ssl_chain_cert=x,ssl_key=y',
    'tls.certFile (flag -o ssl_chain_cert): it needs tls.enabled (-Z); nothing would be encrypted',
  ],
  [
    '-o ssl_key=y',
    'tls.keyFile (flag -o ssl_key): it needs tls.enabled (-Z); nothing would be encrypted',
  ],
  [
    '-o ssl_ca_cert=y',
    'tls.caFile (flag -o ssl_ca_cert): it needs tls.enabled (-Z); nothing would be encrypted',
  ],
  [
    '-o ssl_verify_mode=2',
    'tls.verify (flag -o ssl_verify_mode): it needs tls.enabled (-Z); nothing would be encrypted',
  ],
  ['-l btls:*', 'listen.addresses (flag -l): btls: needs tls.enabled (-Z)'],
  ['-l mtls:*', 'listen.addresses (flag -l): mtls: needs tls.enabled (-Z)'],
  [
    '-Z -o ssl_chain_cert=x,ssl_keyformat=2',
    'tls.keyFormat (flag -o ssl_keyformat): der needs tls.keyFile (-o ssl_key), a file with nothing but the key',
  ],
  [
    '-o ssl_verify_mode=4',
    'tls.verify (flag -o ssl_verify_mode): "4" is not allowed; allowed is none, request or require',
  ],
  ['-S', 'flag -S: SASL is not supported; use -Y'],
  ['-e /x', 'flag -e: restart with kept items is not supported yet'],
  ['-o ext_path=/x:5m', 'flag -o ext_path: external storage is not supported'],
  ['-o proxy_config=x', 'flag -o proxy_config: the proxy is not supported'],
  ['-o idle_timout=3', 'unknown flag -o idle_timout; did you mean -o idle_timeout?'],
  ['-o idle_timeout', 'flag -o idle_timeout: it needs <seconds>'],
  [
    '-o idle_timeout=x',
    'connections.idleTimeout (flag -o idle_timeout): "x" is not allowed; allowed is a duration such as 500ms, 10s or 1m, from 1s to 8760h (0: never)',
  ],
  [
    '-f 0.5',
    'compat.growthFactor (flag -f): "0.5" is not allowed; allowed is a number from 1.0001 to 100',
  ],
  [
    '-n 0',
    'compat.chunkSize (flag -n): "0" is not allowed; allowed is a whole number from 1 to 1048576',
  ],
  ['--set nonsense', 'flag --set: it needs section.key=value'],
  ['--set memory.limt=3', 'flag --set: unknown setting memory.limt; did you mean memory.limit?'],
  [
    '--log.level=loud',
    'log.level (flag --log.level): "loud" is not allowed; allowed is fatal, error, warn, info, debug or trace',
  ],
]

for (const [argv, message] of REFUSALS) {
  test(`${argv} is refused in one line`, async () => {
    assert.deepEqual(await refusal({ argv }), { reason: 'usage', message })
  })
}

for (const address of [
  '',
  'host:0',
  'host:99999',
  'a b',
  '[1.2.3.4]:5',
  'proto[http]:*',
  'tls:*',
  'a:b:c',
  '*,',
]) {
  test(`the address "${address}" is refused`, async () => {
    const { message } = await refusal({ argv: `--listen=${address.replaceAll(' ', '\u00a0')}` })
    assert.match(
      message,
      /^listen\.addresses \(flag --listen\): .* is not allowed; allowed is a list of/,
    )
  })
}

test('a value with control characters stays one line', async () => {
  const { message } = await refusal({ argv: '-p 5\n6\u0007' })
  assert.doesNotMatch(message, /\p{Cc}/u)
})
