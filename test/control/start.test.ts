import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { Client } from '../support/client.ts'
import { Run } from './run-main.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-start-'))
after(() => rmSync(folder, { recursive: true }))

const LOCAL = ['-l', '127.0.0.1', '-p', '-1', '-t', '1']

/** Everything that ends a start: arguments, exit status, the one line on standard error. */
const REFUSALS: readonly {
  readonly argv: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly status: number
  readonly line: RegExp
}[] = [
  { argv: ['-Q'], status: EXIT.usage.status, line: /^memc-kv: unknown flag -Q; see memc-kv -h\n$/ },
  {
    argv: ['-t', '0'],
    status: EXIT.usage.status,
    line: /^memc-kv: workers\.count \(flag -t\): "0" is not allowed; .*\n$/,
  },
  { argv: ['-I', '256m'], status: EXIT.usage.status, line: /^memc-kv: items\.maxSize .*\n$/ },
  {
    argv: [],
    environment: { MEMCKV_MEMORY_LIMIT: 'x' },
    status: EXIT.config.status,
    line: /^memc-kv: memory\.limit \(environment MEMCKV_MEMORY_LIMIT\): "x" .*\n$/,
  },
  {
    argv: ['--config', '/nowhere/config.yaml'],
    status: EXIT.config.status,
    line: /^memc-kv: file \/nowhere\/config\.yaml: it cannot be read \(ENOENT\)\n$/,
  },
  {
    argv: ['-Y', '/nowhere/users'],
    status: EXIT.authFile.status,
    line: /^memc-kv: auth file \/nowhere\/users: it cannot be read \(ENOENT\)\n$/,
  },
  {
    argv: ['-l', 'no-such-host.invalid'],
    status: EXIT.noListen.status,
    line: /^memc-kv: cannot listen on no-such-host\.invalid: the host name .*\n$/,
  },
  {
    argv: ['-l', '192.0.2.1'],
    status: EXIT.noListen.status,
    line: /^memc-kv: cannot listen on 192\.0\.2\.1:6001: this machine does not have that address\n$/,
  },
  {
    argv: ['-s', '/nowhere/socket'],
    status: EXIT.noListen.status,
    line: /^memc-kv: cannot listen on \/nowhere\/socket: .*\n$/,
  },
  {
    argv: ['-c', '1000000'],
    status: EXIT.noDescriptors.status,
    line: /^memc-kv: connections\.max \(flag -c\): 1000000 connections do not fit into \d+ file descriptors; .*\n$/,
  },
  {
    argv: LOCAL,
    environment: { MEMCACHED_PORT_FILENAME: '/nowhere/ports' },
    status: EXIT.portFile.status,
    line: /^memc-kv: MEMCACHED_PORT_FILENAME \/nowhere\/ports: ENOENT.*\n$/,
  },
]

for (const { argv, environment = {}, status, line } of REFUSALS) {
  const name = [...Object.entries(environment).map(([key, value]) => `${key}=${value}`), ...argv]
  test(`${name.join(' ')} ends with status ${status}, one line and nothing else`, async (context) => {
    const ended = await new Run(context, { argv, environment }).ended()
    assert.equal(ended.status, status)
    assert.match(ended.stderr, line)
    assert.equal(ended.stdout, '')
  })
}

for (const argv of ['-h', '-V', '-i', '--print-config']) {
  test(`${argv} answers on standard output and ends with status 0`, async (context) => {
    const ended = await new Run(context, { argv: [argv] }).ended()
    assert.equal(ended.status, 0)
    assert.equal(ended.stderr, '')
    assert.ok(ended.stdout.length > 10)
  })
}

test('the ready line says where, how much, how many and who', async (context) => {
  const run = new Run(context, { argv: ['-p', '-1', '-t', '2', '-m', '32'] })
  const line = await run.line('ready')
  assert.equal(line.level, 'info')
  assert.equal(line.memoryBytes, 32 * 2 ** 20)
  assert.equal(line.workers, 2)
  assert.equal(line.pid, run.child.pid)
  assert.match(String(line.version), /^\d+\.\d+\.\d+$/)
  assert.equal(line.protocolVersion, '1.6.45')
  assert.ok(Number(line.startMilliseconds) > 0)
  const addresses = line.addresses ?? []
  assert.equal(addresses[0]?.host, '0.0.0.0')
  assert.equal(new Set(addresses.map((address) => address.port)).size, 1)
  for (const { host, port } of addresses) {
    const client = await Client.connect({ host, port })
    client.send('version\r\n')
    await client.expect('VERSION 1.6.45\r\n')
    client.close()
  }
  assert.equal(run.lines().length, 1)
})

test('flags without effect are named once', async (context) => {
  const run = new Run(context, {
    argv: [...LOCAL, '-u', 'root', '-k', '-o', 'relaxed_privileges,modern'],
  })
  await run.line('ready')
  const lines = run.lines().filter((line) => line.notes !== undefined)
  assert.equal(lines.length, 1)
  const notes = lines[0]?.notes
  assert.ok(Array.isArray(notes) && notes.length === 4)
})

for (const reusePort of [false, true]) {
  test(`a port in use is refused (its owner ${reusePort ? 'would share it' : 'has it alone'})`, async (context) => {
    const owner = createServer()
    await new Promise<void>((resolve) =>
      owner.listen({ host: '127.0.0.1', port: 0, reusePort }, resolve),
    )
    const { port } = owner.address() as AddressInfo
    const ended = await new Run(context, { argv: ['-l', '127.0.0.1', '-p', String(port)] }).ended()
    owner.close()
    assert.equal(ended.status, EXIT.noListen.status)
    assert.equal(
      ended.stderr,
      `memc-kv: cannot listen on 127.0.0.1:${port}: the address is in use\n`,
    )
  })
}

test('two servers do not share a port unnoticed', async (context) => {
  const first = new Run(context, { argv: LOCAL })
  const [address] = (await first.line('ready')).addresses ?? []
  const ended = await new Run(context, {
    argv: ['-l', '127.0.0.1', '-p', String(address?.port)],
  }).ended()
  assert.equal(ended.status, EXIT.noListen.status)
})

test('a unix socket has its permissions from the start, and a stale one is replaced', async (context) => {
  const path = join(folder, 'socket')
  for (const [mask, mode] of [
    ['700', 0o700],
    ['777', 0o777],
  ] as const) {
    const run = new Run(context, { argv: ['-s', path, '-a', mask, '-t', '2'] })
    const line = await run.line('ready')
    assert.deepEqual(line.addresses, [{ path }])
    assert.equal(statSync(path).mode & 0o777, mode)
    const client = await Client.connect({ path })
    client.send('mn\r\n')
    await client.expect('MN\r\n')
    // SIGKILL leaves the file behind.
    run.child.kill('SIGKILL')
    await run.ended()
    assert.ok(existsSync(path))
  }
})

test('the port file is there, whole, by the time the server says ready', async (context) => {
  const path = join(folder, 'ports')
  const run = new Run(context, {
    argv: ['-p', '-1', '-t', '1'],
    environment: { MEMCACHED_PORT_FILENAME: path },
  })
  const line = await run.line('ready')
  const expected = (line.addresses ?? []).map(
    ({ host, port }) => `TCP INET${host.includes(':') ? '6' : ''}: ${port}\n`,
  )
  assert.equal(readFileSync(path, 'utf8'), expected.join(''))
})

test('without a port nothing is listened on, and the port file is empty', async (context) => {
  const path = join(folder, 'no-ports')
  const run = new Run(context, {
    argv: ['-p', '0', '-t', '1'],
    environment: { MEMCACHED_PORT_FILENAME: path },
  })
  assert.deepEqual((await run.line('ready')).addresses, [])
  assert.equal(readFileSync(path, 'utf8'), '')
})

test('a malformed file of users stops the start without telling a password', async (context) => {
  const path = join(folder, 'users')
  writeFileSync(path, 'good:secret\nsecret\n')
  const ended = await new Run(context, { argv: [...LOCAL, '-Y', path] }).ended()
  assert.equal(ended.status, EXIT.authFile.status)
  assert.equal(ended.stderr, `memc-kv: auth file ${path}, line 2: it must be user:password\n`)
})

test('the log is for people when asked', async (context) => {
  const run = new Run(context, { argv: [...LOCAL, '--log.format=pretty'] })
  run.child.stdout?.on('data', (chunk: Buffer) => {
    if (chunk.includes('ready')) run.child.kill('SIGTERM')
  })
  const ended = await run.ended()
  assert.equal(ended.status, 0)
  assert.match(ended.stdout, /INFO.*: ready\n/)
})
