import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { after, before, test } from 'node:test'
import type { Logger } from 'pino'
import pino from 'pino'
import { SIDECAR_CONNECTIONS_MAX } from '../../src/base/config.ts'
import { createApp } from '../../src/sidecar/app.ts'
import type { Route } from '../../src/sidecar/route.ts'
import { until, within } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import type { Answer } from './http.ts'
import { ask } from './http.ts'
import { TWO_ADDRESSES } from './two-addresses.ts'

const PROBES = 60
const BEGINNINGS: Readonly<Record<string, string>> = {
  'silent connections': '',
  'half a head': 'GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ',
  'half a body':
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"le',
}

const scope = new SuiteScope()
let server: Server
before(async () => {
  server = await Server.start(scope, { sidecar: true, flags: ['-t', '1'] })
})
after(() => scope.close())

function portOf(base: string): number {
  return Number(new URL(base).port)
}

/** Connected, and the bytes sent; whoever it is closed by, it says nothing. */
async function open(
  context: TestContext,
  port: number,
  bytes: string,
  host = '127.0.0.1',
): Promise<Socket> {
  const socket = connect({ host, port })
  socket.resume()
  context.after(() => socket.destroy())
  socket.on('error', () => {})
  const connected = new Promise((settle) => {
    socket.once('connect', settle).once('close', settle)
  })
  await within(connected, () => 'connect')
  socket.write(bytes)
  return socket
}

/** Each connection that is closed is replaced at once, until the test ends. */
function crowd(
  context: TestContext,
  port: number,
  bytes: string,
  connections = SIDECAR_CONNECTIONS_MAX,
): { reopened: number } {
  const seen = { reopened: 0 }
  let ended = false
  context.after(() => {
    ended = true
  })
  const reopen = (): void => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(bytes))
    context.after(() => socket.destroy())
    socket.on('error', () => {})
    socket.resume()
    socket.on('close', () => {
      if (ended) return
      seen.reopened++
      setImmediate(reopen)
    })
  }
  for (let index = 0; index < connections; index++) reopen()
  return seen
}

for (const [name, bytes] of Object.entries(BEGINNINGS)) {
  test(`probes find a place among more ${name} than there are places`, async (context) => {
    const port = portOf(server.sidecar)
    for (let index = 0; index < 2 * SIDECAR_CONNECTIONS_MAX; index++) {
      await open(context, port, bytes)
    }
    for (let probe = 0; probe < PROBES; probe++) {
      assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
    }
  })

  test(`probes find a place while ${name} are closed and opened anew`, async (context) => {
    const seen = crowd(context, portOf(server.sidecar), bytes)
    for (let probe = 0; probe < PROBES; probe++) {
      assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
    }
    await until(
      () => seen.reopened > SIDECAR_CONNECTIONS_MAX,
      () => 'nothing was closed and opened anew',
    )
    assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
  })
}

test('a flood from one address does not reach a probe from another', async (context) => {
  const seen = crowd(context, portOf(server.sidecar), '', 4 * SIDECAR_CONNECTIONS_MAX)
  await until(
    () => seen.reopened > 4 * SIDECAR_CONNECTIONS_MAX,
    () => 'there is no flood',
  )
  const kept = new Agent({ keepAlive: true, localAddress: '127.0.0.2', maxSockets: 1 })
  context.after(() => kept.destroy())
  const connections = new Set<number | undefined>()
  for (let probe = 0; probe < PROBES; probe++) {
    const agent = new Agent({ localAddress: '127.0.0.2' })
    assert.equal((await ask(`${server.sidecar}/livez`, { agent })).status, 200)
    const answer = await ask(`${server.sidecar}/livez`, { agent: kept })
    assert.equal(answer.status, 200)
    for (const socket of Object.values(kept.freeSockets).flat()) connections.add(socket?.localPort)
  }
  assert.equal(connections.size, 1, 'a scraper that keeps its connection does not lose it')
})

test('the log says that the port is crowded, and not for each connection', () => {
  const lines = server.output().split('\n')
  const [line = '', ...more] = lines.filter((text) => text.includes('the sidecar port is crowded'))
  assert.match(line, /"level":"warn".*"lastAddress":"127.0.0.1"/)
  assert.deepEqual(more, [])
})

interface Held {
  readonly base: string
  /** How many requests to /held were read. */
  readonly count: () => number
  readonly release: () => void
}

/** Far above what the kernel keeps for a client that does not read. */
const LARGE = 'x'.repeat(64 * 1024 * 1024)

/** Pages that answer when the test says so, and one whose answer nobody can take without reading. */
async function hold(context: TestContext, log: Logger): Promise<Held> {
  const waiting: (() => void)[] = []
  const replies = { 200: { description: 'held', schema: {} } }
  const route = (path: string, answer: () => unknown): Route => ({
    method: 'GET',
    path,
    summary: 'held',
    replies,
    answer,
  })
  const held = (): Promise<object> =>
    new Promise((resolve) => {
      waiting.push(() => resolve({ held: true }))
    })
  const app = createApp(
    [route('/held', held), route('/large', () => LARGE), route('/livez', () => ({}))],
    log,
  )
  context.after(() => {
    app.server.closeAllConnections()
    return app.close()
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    base: `http://127.0.0.1:${port}`,
    count: () => waiting.length,
    release: () => {
      for (const answer of waiting) answer()
    },
  }
}

async function askHeld({ base, count }: Held, requests: number): Promise<Promise<Answer>[]> {
  const before = count()
  const answers = Array.from({ length: requests }, () => ask(`${base}/held`))
  await until(
    () => count() === before + requests,
    () => 'the requests were not read',
  )
  return answers
}

test('what is being answered is never cut for others', async (context) => {
  const held = await hold(context, pino({ enabled: false }))
  const answers = await askHeld(held, SIDECAR_CONNECTIONS_MAX - 2)
  for (let index = 0; index < 2 * SIDECAR_CONNECTIONS_MAX; index++) {
    await open(context, portOf(held.base), '')
    assert.equal((await ask(`${held.base}/livez`)).status, 200)
  }
  held.release()
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200)
})

test('without a better one, a client that does not take its answer leaves', async (context) => {
  const held = await hold(context, pino({ enabled: false }))
  const answers = await askHeld(held, SIDECAR_CONNECTIONS_MAX - 2)
  const bytes = 'GET /large HTTP/1.1\r\nhost: x\r\n\r\nPUT / HTTP/1.1\r\ncontent-length: 9\r\n'
  const reader = await open(context, portOf(held.base), bytes)
  // The head of the answer is there, and the rest is never read.
  await within(
    new Promise((settle) => reader.once('readable', settle)),
    () => 'the large answer did not begin',
  )
  assert.equal((await ask(`${held.base}/livez`)).status, 200)
  held.release()
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200)
})

test('when all places are being answered the new connection is refused, and a later one is not', async (context) => {
  const held = await hold(context, pino({ enabled: false }))
  const answers = await askHeld(held, SIDECAR_CONNECTIONS_MAX - 1)
  await assert.rejects(ask(`${held.base}/livez`), /ECONNRESET|EPIPE|socket hang up/)
  held.release()
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200)
  assert.equal((await ask(`${held.base}/livez`)).status, 200)
})

test('a name of two addresses: both are listened on, and have the places in common', async (context) => {
  const preload = new URL('preload-two-addresses.ts', import.meta.url).href
  const twofold = await Server.start(context, {
    sidecar: true,
    flags: ['-t', '1', '--sidecar.address=localhost'],
    environment: { NODE_OPTIONS: `--import=${preload}` },
  })
  const port = portOf(twofold.sidecar)
  const opened: Socket[] = []
  for (let index = 0; index < SIDECAR_CONNECTIONS_MAX; index++) {
    for (const host of TWO_ADDRESSES) opened.push(await open(context, port, '', host))
  }
  const left = (): number => opened.filter(({ closed }) => !closed).length
  for (const host of TWO_ADDRESSES) {
    assert.equal((await ask(`http://${host}:${port}/livez`)).status, 200)
  }
  await until(
    () => left() < SIDECAR_CONNECTIONS_MAX,
    () => `${left()} of ${opened.length} connections stay`,
  )
  assert.deepEqual(await twofold.stop(), { code: 0, signal: null })
})
