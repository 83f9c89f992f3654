import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { answerTo, load, refusal, settingOf } from './load-with.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-config-'))
after(() => rmSync(folder, { recursive: true }))

let fileCount = 0
function file(content: string, extension = 'yaml'): string {
  const path = join(folder, `config-${++fileCount}.${extension}`)
  writeFileSync(path, content)
  return path
}

test('without anything given there are the defaults', async () => {
  const settings = await load()
  assert.equal(settingOf(settings, 'listen.port'), 6001)
  assert.equal(settingOf(settings, 'memory.limit'), 64 * 2 ** 20)
  assert.equal(settingOf(settings, 'connections.max'), 1024)
  assert.equal(settingOf(settings, 'items.maxSize'), 2 ** 20)
  assert.deepEqual(settings.sources.get('listen.port'), { kind: 'default', name: '' })
})

test('a file overrules the default, the environment the file, and a flag the environment', async () => {
  const path = file('connections:\n  max: 11\n  requestsPerTurn: 11\nmemory:\n  limit: 11mb\n')
  const environment = { MEMCKV_CONNECTIONS_REQUESTS_PER_TURN: '12', MEMCKV_MEMORY_LIMIT: '12mb' }
  const settings = await load({ argv: `--config ${path} -m 13`, environment })
  assert.equal(settingOf(settings, 'connections.max'), 11)
  assert.equal(settingOf(settings, 'connections.requestsPerTurn'), 12)
  assert.equal(settingOf(settings, 'memory.limit'), 13 * 2 ** 20)
  assert.deepEqual(settings.sources.get('connections.max'), { kind: 'file', name: path })
  assert.deepEqual(settings.sources.get('connections.requestsPerTurn'), {
    kind: 'environment',
    name: 'MEMCKV_CONNECTIONS_REQUESTS_PER_TURN',
  })
  assert.deepEqual(settings.sources.get('memory.limit'), { kind: 'flag', name: '-m' })
})

test('JSON and YAML say the same', async () => {
  const sections = {
    listen: { port: 5, addresses: ['127.0.0.1', '[::1]:6'], unixMask: '0770' },
    memory: { limit: '1gb', evict: false, policy: 'lru' },
    connections: { idleTimeout: '1m' },
    workers: { count: 'auto' },
  }
  const json = await load({ argv: `--config=${file(JSON.stringify(sections), 'json')}` })
  const yaml = await load({
    argv: `--config ${file('listen: {port: 5, addresses: [127.0.0.1, "[::1]:6"], unixMask: 0770}\nmemory:\n  limit: 1gb\n  evict: false\n  policy: lru\nconnections:\n  idleTimeout: 1m\nworkers:\n  count: auto\n', 'yml')}`,
  })
  assert.deepEqual(json.config, yaml.config)
  assert.equal(settingOf(json, 'listen.unixMask'), 0o770)
})

test('empty files, sections and keys give nothing', async () => {
  for (const content of ['', '# nothing\n', 'listen:\n', 'listen:\n  port:\n', '{}']) {
    assert.equal(settingOf(await load({ argv: `--config ${file(content)}` }), 'listen.port'), 6001)
  }
})

test('the configuration is frozen to the bottom', async () => {
  const { config } = await load({ argv: '-l 127.0.0.1' })
  const listen = config.listen as { port: number }
  assert.throws(() => {
    listen.port = 5
  }, TypeError)
  assert.throws(() => (config.listen.addresses as unknown[]).push(5), TypeError)
  assert.ok(Object.isFrozen(config.listen.addresses[0]))
})

/** Content of a YAML file → the line it is refused with, after `file <path>`. */
const BAD_FILES: readonly (readonly [content: string, line: string])[] = [
  ['listen:\n  prot: 5\n', ': unknown key "listen.prot"; did you mean listen.port?'],
  ['lisen:\n  port: 5\n', ': unknown section "lisen"; did you mean listen?'],
  ['quux: 5\n', ': unknown section "quux"'],
  ['listen: 5\n', ': section listen must hold keys'],
  ['- 5\n', ': it must hold sections with keys'],
  ['5', ': it must hold sections with keys'],
  ['a: b: c', ': Nested mappings are not allowed in compact mappings at line 1, column 4'],
  ['listen:\n  port: 5\n  port: 6\n', ': Map keys must be unique at line 3, column 3'],
  ['__proto__:\n  port: 5\n', ': unknown section "__proto__"'],
]

for (const [content, line] of BAD_FILES) {
  test(`the file ${JSON.stringify(content)} is refused in one line`, async () => {
    const path = file(content)
    const refused = await refusal({ argv: `--config ${path}` })
    assert.deepEqual(refused, { reason: 'config', message: `file ${path}${line}` })
  })
}

test('a bad value in the file is refused, even when a flag overrules it', async () => {
  const path = file('listen:\n  port: many\n')
  const { reason, message } = await refusal({ argv: `--config ${path} -p 5` })
  assert.equal(reason, 'config')
  assert.match(
    message,
    new RegExp(`^listen\\.port \\(file ${path}\\): "many" is not allowed; allowed is a whole`),
  )
})

test('a file that is missing, of no known kind, or broken JSON is refused', async () => {
  assert.deepEqual(await refusal({ argv: '--config /nowhere/x.yaml' }), {
    reason: 'config',
    message: 'file /nowhere/x.yaml: it cannot be read (ENOENT)',
  })
  assert.match(
    (await refusal({ argv: `--config ${file('', 'toml')}` })).message,
    /: the name must end in \.json, \.yaml or \.yml$/,
  )
  assert.match((await refusal({ argv: `--config ${file('{"a":', 'json')}` })).message, /: .*JSON/)
})

test('the environment is read, and blamed by name', async () => {
  const environment = { MEMCKV_LOG_LEVEL: 'loud' }
  assert.deepEqual(await refusal({ environment }), {
    reason: 'config',
    message:
      'log.level (environment MEMCKV_LOG_LEVEL): "loud" is not allowed; allowed is fatal, error, warn, info, debug or trace',
  })
})

test('an unknown variable is refused, with the likely name', async () => {
  assert.deepEqual(await refusal({ environment: { MEMCKV_MEMORY_LIMT: '5mb' } }), {
    reason: 'config',
    message: 'environment MEMCKV_MEMORY_LIMT: unknown variable; did you mean MEMCKV_MEMORY_LIMIT?',
  })
})

test('variables of others and empty ones are left alone', async () => {
  const environment = { MEMCKV_LISTEN_PORT: '', PORT: '5', MEMC_KV_LISTEN_PORT: '5', memckv_x: '5' }
  assert.equal(settingOf(await load({ environment }), 'listen.port'), 6001)
})

test('what Kubernetes sets for a service named memckv is not taken for a setting', async () => {
  const environment = {
    MEMCKV_SERVICE_HOST: '10.0.0.1',
    MEMCKV_SERVICE_PORT: '6001',
    MEMCKV_SERVICE_PORT_MEMCACHED: '6001',
    MEMCKV_PORT: 'tcp://10.0.0.1:6001',
    MEMCKV_PORT_6001_TCP: 'tcp://10.0.0.1:6001',
    MEMCKV_PORT_6001_TCP_PROTO: 'tcp',
    MEMCKV_PORT_6001_TCP_PORT: '6001',
    MEMCKV_PORT_6001_TCP_ADDR: '10.0.0.1',
    MEMCKV_LISTEN_PORT: 'tcp://10.0.0.1:6001',
  }
  assert.equal(settingOf(await load({ environment }), 'listen.port'), 6001)
})

test('MEMCKV_DEBUG and MEMCACHED_PORT_FILENAME are known', async () => {
  const environment = { MEMCKV_DEBUG: '1', MEMCACHED_PORT_FILENAME: '/tmp/ports' }
  const settings = await load({ environment })
  assert.equal(settingOf(settings, 'commands.debug'), true)
  assert.equal(settings.portFile, '/tmp/ports')
})

test('-V names us and the release we are compatible with', async () => {
  assert.match(await answerTo('-V'), /^memc-kv \d+\.\d+\.\d+ \(memcached 1\.6\.45 compatible\)$/)
  assert.match(await answerTo('--version'), /^memc-kv /)
})

test('-i names the licence', async () => {
  assert.match(await answerTo('-i'), /MIT/)
})

test('-h answers at once, whatever follows', async () => {
  const help = await answerTo('-h -p nonsense --unknown')
  assert.match(help, /^memc-kv .*\nUsage: memc-kv/)
  for (const part of [
    '-p, --port=<num>',
    '-l, --listen=',
    '-s, --unix-socket=',
    '-o, --extended',
    '--print-config',
    'idle_timeout',
    '(default: 64mb)',
  ]) {
    assert.ok(help.includes(part), part)
  }
})

test("the help promises nothing that would make memcached's test suite expect it", async () => {
  const help = await answerTo('-h')
  assert.doesNotMatch(help, /sasl|ext_path|proxy_config|no_drop_privileges/i)
})

test('--print-config shows each value with its source, and reads back as a file', async () => {
  const argv =
    '-m 128 -l 127.0.0.1:5,[::1] -a 770 -D / -o idle_timeout=5,no_modern -B ascii -I 3000 --set shutdown.drain=1500ms'
  const environment = { MEMCKV_LOG_LEVEL: 'debug' }
  const printed = await answerToWith(argv, environment)
  assert.match(printed, /^ {2}limit: 128mb +# flag -m$/m)
  assert.match(printed, /^ {2}level: debug +# environment MEMCKV_LOG_LEVEL$/m)
  assert.match(printed, /^ {2}port: 6001 +# default$/m)
  assert.match(printed, /^# workers: 4$/m)
  const again = await load({ argv: `--config ${file(printed)}` })
  assert.deepEqual(again.config, (await load({ argv, environment })).config)
})

async function answerToWith(argv: string, environment: Record<string, string>): Promise<string> {
  const { loadSettings } = await import('../../src/config/load.ts')
  const { MACHINE } = await import('./load-with.ts')
  const loaded = await loadSettings({
    argv: [...argv.split(' '), '--print-config'],
    environment,
    machine: MACHINE,
  })
  assert.equal(loaded.kind, 'answer')
  return loaded.kind === 'answer' ? loaded.text : ''
}
