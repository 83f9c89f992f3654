import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SIDECAR_CONNECTIONS_MAX } from '../../src/base/config.ts'
import { Client } from '../support/client.ts'
import type { Scope, ServerOptions } from '../support/server.ts'
import { Server } from '../support/server.ts'
import { ask } from './http.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-sidecar-'))
after(() => rmSync(folder, { recursive: true }))

async function start(scope: Scope, options: ServerOptions = {}): Promise<Server> {
  return await Server.start(scope, { sidecar: true, flags: ['-t', '1'], ...options })
}

async function raw(scope: Scope, server: Server): Promise<Client> {
  const { port } = new URL(server.sidecar)
  const client = await Client.connect({ host: '127.0.0.1', port: Number(port) })
  scope.after(async () => client.close())
  return client
}

test('connections without a request make room for others', async (context) => {
  const server = await start(context)
  const agent = new Agent({ keepAlive: true, maxSockets: SIDECAR_CONNECTIONS_MAX })
  context.after(() => agent.destroy())
  // All at once, so that each has its own connection, which it then keeps.
  await Promise.all(
    Array.from({ length: SIDECAR_CONNECTIONS_MAX - 9 }, () =>
      ask(`${server.sidecar}/livez`, { agent }),
    ),
  )
  for (let round = 0; round < 2 * SIDECAR_CONNECTIONS_MAX; round++) {
    const client = await raw(context, server)
    client.send('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    assert.match(await client.readLine(), / 200 /)
  }
})

test('headers and bodies that are too large are refused, and no request is no request', async (context) => {
  const server = await start(context)
  const large = await raw(context, server)
  large.send(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`)
  assert.match(await large.readLine(), /^HTTP\/1\.1 431 /)
  const wrong = await raw(context, server)
  wrong.send('get key\r\n\r\n')
  assert.match(await wrong.readLine(), /^HTTP\/1\.1 400 /)
  const body = await raw(context, server)
  body.send(
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n',
  )
  assert.match(await body.readLine(), /^HTTP\/1\.1 413 /)
  assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
})

test('connections that are kept alive, or hang, do not hold up the end', async (context) => {
  const server = await start(context)
  const agent = new Agent({ keepAlive: true })
  context.after(() => agent.destroy())
  await ask(`${server.sidecar}/livez`, { agent })
  const hanging = await raw(context, server)
  hanging.send('PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n')
  const began = performance.now()
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.ended(), { code: 0, signal: null })
  // Half a second for what is being answered; keeping alive alone would be more than a minute.
  assert.ok(performance.now() - began < 10_000)
  assert.doesNotMatch(server.output(), /"level":"(warn|error)"/)
})

test('everything is served while the data port is at its connection limit', async (context) => {
  const server = await start(context, { flags: ['-t', '1', '-c', '4'] })
  const clients = await Promise.all(Array.from({ length: 4 }, () => server.connect(context)))
  for (const client of clients) {
    client.send('mn\r\n')
    await client.expect('MN\r\n')
  }
  const refused = await server.connect(context)
  assert.match(await refused.readLine(), /^ERROR Too many open connections/)
  for (const path of ['/livez', '/readyz', '/metrics', '/stats', '/debug/connections']) {
    assert.equal((await ask(`${server.sidecar}${path}`)).status, 200, path)
  }
})

test('with auth.file everything is served without a password, and no page shows one', async (context) => {
  const path = join(folder, 'users')
  writeFileSync(path, 'somebody:a-planted-secret\n')
  const server = await start(context, { flags: ['-t', '1', '-Y', path] })
  const client = await server.connect(context)
  client.send('get key\r\n')
  await client.expect('CLIENT_ERROR unauthenticated\r\n')
  const { text } = await ask(`${server.sidecar}/openapi.json`)
  const { paths } = JSON.parse(text) as { paths: Record<string, unknown> }
  for (const place of [...Object.keys(paths), '/config?format=yaml']) {
    const answer = await ask(`${server.sidecar}${place}`)
    assert.equal(answer.status, 200, place)
    assert.ok(!answer.text.includes('a-planted-secret'), place)
  }
})
