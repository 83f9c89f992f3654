import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { LAUNCH_FLAGS } from '../../src/launch.ts'
import { until } from '../support/deadline.ts'
import { launch, Server } from '../support/server.ts'

/** A machine that is not quite as one expects. Each server is the real one, behind a program of util-linux. */
const isRoot = process.getuid?.() === 0
const skip = isRoot && works('unshare', '-n', 'true') ? false : 'it needs root and namespaces'
const skipCapabilities = isRoot && works('setcap', '-h') ? false : 'it needs root and setcap'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
/** Nobody knows it: no name, no home. */
const STRANGER = [
  'setpriv',
  '--reuid=54321',
  '--regid=54321',
  '--clear-groups',
  'env',
  '-u',
  'HOME',
]

async function serves(server: Server): Promise<void> {
  const client = await server.connect()
  client.send('set k 0 0 1\r\n1\r\nget k\r\n')
  await client.expect('STORED\r\nVALUE k 0 1\r\n1\r\nEND\r\n')
  client.close()
  assert.deepEqual(await server.stop(), { code: 0, signal: null }, server.output())
}

test('a user without a name or a home', { skip }, async (scope) => {
  await serves(await Server.start(scope, { wrapper: STRANGER }))
})

test('a working folder that was deleted', async (scope) => {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-gone-'))
  const script = 'cd "$0"; rmdir "$0"; exec "$@"'
  await serves(await Server.start(scope, { wrapper: ['sh', '-c', script, folder] }))
})

test('a file system that is read-only', { skip }, async (scope) => {
  const script = 'mount --bind / /; mount -o remount,ro,bind /; exec "$0" "$@"'
  await serves(await Server.start(scope, { wrapper: ['unshare', '-m', 'sh', '-c', script] }))
})

test('few file descriptors: fewer connections, and a line that says so', async (scope) => {
  const wrapper = ['sh', '-c', 'ulimit -n 150; exec "$0" "$@"']
  const server = await Server.start(scope, { wrapper })
  assert.match(server.output(), /1024 connections do not fit into 150 file descriptors; using \d+/)
  await serves(server)
})

test('a machine without ::1', { skip }, async (scope) => {
  const withoutIt = [
    'unshare',
    '-n',
    'sh',
    '-c',
    'ip addr add 127.0.0.1/8 dev lo; ip -4 link set lo up; ip -6 addr flush dev lo; exec "$0" "$@"',
  ]
  const alone = launch(scope, { wrapper: withoutIt, listen: ['-l', '::1', '-p', '-1'] })
  assert.equal((await alone.ended()).code, EXIT.noListen.status)
  assert.match(
    alone.output(),
    /cannot listen on \[::1\]:0: this machine does not have that address/,
  )
  // A name for both is the one that is there.
  const hosts = join(mkdtempSync(join(tmpdir(), 'memckv-hosts-')), 'hosts')
  scope.after(() => rmSync(resolve(hosts, '..'), { recursive: true }))
  execFileSync('sh', ['-c', 'printf "127.0.0.1 localhost\\n::1 localhost\\n" > "$0"', hosts])
  const [unshare = '', , ...rest] = withoutIt
  const named = await Server.start(scope, {
    wrapper: [unshare, '-nm', ...rest.slice(0, 2), `mount --bind ${hosts} /etc/hosts; ${rest[2]}`],
    listen: ['-l', 'localhost', '-p', '-1'],
  })
  assert.deepEqual(
    named.addresses.map((address) => 'host' in address && address.host),
    ['127.0.0.1'],
  )
})

test('a Node whose handles are not to be had', async (scope) => {
  const closed = 'data:text/javascript,process.binding = () => { throw new Error("closed") }'
  const environment = { NODE_OPTIONS: `--import="${closed}"` }
  const server = await Server.start(scope, { environment })
  assert.match(server.output(), /using net\.Socket/)
  // The bind that tries the port listens for a moment, and finds out all the same.
  const listen = ['-l', '127.0.0.1', '-p', String(server.port)]
  const second = launch(scope, { environment, listen })
  assert.equal((await second.ended()).code, EXIT.noListen.status)
  assert.match(second.output(), /the address is in use/)
  await serves(server)
})

test('a Node with privileges of its own replaces itself once, not for ever', {
  skip: skipCapabilities,
}, async (scope) => {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-caps-'))
  scope.after(() => rmSync(folder, { recursive: true }))
  const node = join(folder, 'node')
  copyFileSync(process.execPath, node)
  execFileSync('chmod', ['755', folder, node])
  execFileSync('setcap', ['cap_net_bind_service+ep', node])
  const wrapper = [...STRANGER, 'sh', '-c', `shift 2; exec ${node} ${MAIN} "$@"`, 'sh']
  const server = launch(scope, { wrapper })
  await until(
    () => server.output().includes('"ready"'),
    () => `not ready: ${server.output()}`,
  )
  const words = readFileSync(`/proc/${server.pid}/cmdline`, 'latin1').split('\0')
  assert.equal(words.filter((word) => word === LAUNCH_FLAGS.at(-1)).length, 1)
})

test('a process whose loader took the mark of the first start away does not start again', async (scope) => {
  // As glibc 2.39 does for a program with privileges: the flags are there, and the variable is not.
  const flag = LAUNCH_FLAGS.at(-1) ?? ''
  const script = 'unset GLIBC_TUNABLES; node=$1; shift; exec "$node" "$0" "$@"'
  const server = await Server.start(scope, { wrapper: ['sh', '-c', script, flag] })
  const words = readFileSync(`/proc/${server.pid}/cmdline`, 'latin1').split('\0')
  assert.deepEqual(
    words.filter((word) => LAUNCH_FLAGS.includes(word)),
    [flag],
  )
})

function works(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
