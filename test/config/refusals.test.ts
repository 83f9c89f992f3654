import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusal } from './load-with.ts'

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
