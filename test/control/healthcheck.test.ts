import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { Scope } from '../support/server.ts'
import { Server, SuiteScope } from '../support/server.ts'

/** The image's HEALTHCHECK against servers of this machine, which it is told by their process ids. */

const PROGRAM = resolve(import.meta.dirname, '../../src/healthcheck.ts')

interface Checked {
  readonly status: number
  readonly line: string
}

function check(pid: number, environment: Record<string, string> = {}): Promise<Checked> {
  const env = { ...process.env, MEMCKV_SIDECAR_PORT: '0', ...environment }
  return new Promise((done) => {
    execFile(process.execPath, [PROGRAM, String(pid)], { env }, (error, stdout) => {
      const status = error === null ? 0 : Number(error.code)
      done({ status, line: stdout.replace(/\n$/, '') })
    })
  })
}

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function started(
  scope: Scope,
  port: number,
  environment: Record<string, string> = {},
): Promise<Server> {
  return await Server.start(scope, {
    listen: ['-l', '127.0.0.1', '-p', String(port)],
    flags: ['-t', '1'],
    environment: { MEMCKV_SIDECAR_PORT: '0', ...environment },
  })
}

const scope = new SuiteScope()
after(() => scope.close())

/** Without a sidecar; for all tests that only look at it. */
let shared: Server
before(async () => {
  shared = await started(scope, await freePort())
})

test('one command on the data port, found by the flags of the server', async () => {
  const { status, line } = await check(shared.pid)
  assert.deepEqual({ status, line }, { status: 0, line: 'data port: VERSION 1.6.45' })
})

test('/livez when there is a sidecar', async (scope) => {
  const environment = { MEMCKV_SIDECAR_PORT: `${await freePort()}` }
  const server = await started(scope, -1, environment)
  const { status, line } = await check(server.pid, environment)
  assert.match(line, /^\/livez 200 \{"status":"ok",/)
  assert.equal(status, 0)
})

test('what /livez says against the server decides', async (scope) => {
  // A worker that hangs on purpose is not to be had from outside, so the sidecar is ours here.
  const sidecar = createHttpServer((_, response) =>
    response.writeHead(503).end('{"status":\n"failed"}'),
  )
  await once(sidecar.listen(0, '127.0.0.1'), 'listening')
  scope.after(() => sidecar.close())
  const { port } = sidecar.address() as AddressInfo
  assert.deepEqual(await check(shared.pid, { MEMCKV_SIDECAR_PORT: `${port}` }), {
    status: 1,
    line: '/livez 503 {"status":\\x0a"failed"}',
  })
})

test('a unix socket', async (scope) => {
  const path = `/tmp/memckv-healthcheck-${process.pid}`
  const server = await Server.start(scope, {
    unixSocket: path,
    environment: { MEMCKV_SIDECAR_PORT: '0' },
  })
  assert.deepEqual(await check(server.pid), { status: 0, line: 'data port: VERSION 1.6.45' })
})

test('the data port when nothing listens on the port of the sidecar', async () => {
  const { status, line } = await check(shared.pid, { MEMCKV_SIDECAR_PORT: `${await freePort()}` })
  assert.deepEqual({ status, line }, { status: 0, line: 'data port: VERSION 1.6.45' })
})

test('a server that does not answer is not healthy, and the line says so', async () => {
  process.kill(shared.pid, 'SIGSTOP')
  const { status, line } = await check(shared.pid)
  process.kill(shared.pid, 'SIGCONT')
  assert.deepEqual(
    { status, line },
    { status: 1, line: 'the data port did not answer within 3000 ms' },
  )
})

test('no server, and no port that is known beforehand', async (scope) => {
  assert.deepEqual(await check(process.pid), { status: 1, line: 'no server runs here' })
  const server = await started(scope, -1)
  assert.deepEqual(await check(server.pid), {
    status: 1,
    line: 'the settings name no fixed port that could be asked',
  })
})
