import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../sidecar/http.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Server } from '../support/server.ts'
import { Run } from './run-main.ts'

interface Started {
  readonly run: Run
  readonly port: number
  connect(): Promise<Client>
}

async function start(scope: Scope): Promise<Started> {
  const run = new Run(scope, { argv: ['-l', '127.0.0.1', '-p', '-1', '-t', '2'] })
  const [address] = (await run.line('ready')).addresses ?? []
  assert.ok(address !== undefined)
  return { run, port: address.port, connect: () => Client.connect(address) }
}

test('cache_memlimit moves the limit both ways, beyond the memory reserved at start too', async (context) => {
  const { connect } = await start(context)
  const [client, other] = [await connect(), await connect()]
  for (const megabytes of [128, 8, 3000, 64]) {
    client.send(`cache_memlimit ${megabytes}\r\n`)
    await client.expect('OK\r\n')
    const settings = await other.stats('settings')
    assert.equal(settings.get('maxbytes'), String(megabytes * 2 ** 20))
  }
  client.send('cache_memlimit 40000\r\n')
  await client.expect('MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n')
  client.send('cache_memlimit 100 noreply\r\nmn\r\n')
  await client.expect('MN\r\n')
  assert.equal((await other.stats('settings')).get('maxbytes'), String(100 * 2 ** 20))
})

test('a lower limit is reached by and by, and clients are answered meanwhile', async (context) => {
  const { connect } = await start(context)
  const client = await connect()
  client.send('cache_memlimit 128\r\n')
  await client.expect('OK\r\n')
  const value = 'v'.repeat(8000)
  const count = 12_000
  for (let index = 0; index < count; index++) {
    client.send(`set key-${index} 0 0 8000 noreply\r\n${value}\r\n`)
    if (index % 500 !== 499) continue
    client.send('mn\r\n')
    await client.expect('MN\r\n')
  }
  const figure = async (name: string): Promise<number> => Number((await client.stats()).get(name))
  assert.equal(await figure('curr_items'), count)
  client.send('cache_memlimit 16\r\n')
  await client.expect('OK\r\n')
  assert.equal(await figure('limit_maxbytes'), 16 * 2 ** 20)
  assert.ok((await figure('bytes')) > 32 * 2 ** 20, 'all of it is gone already')
  await until(
    async () => (await figure('bytes')) < 16 * 2 ** 20,
    () => 'the limit is not reached',
  )
  assert.ok((await figure('curr_items')) > 1500, 'more is gone than had to')
  client.send('set new 0 0 3\r\nabc\r\nget new\r\n')
  await client.expect('STORED\r\n')
  await client.expect('VALUE new 0 3\r\nabc\r\nEND\r\n')
})

test('stats conns shows listeners, and the connections of all workers', async (context) => {
  const { connect, port } = await start(context)
  const clients = await Promise.all(Array.from({ length: 8 }, connect))
  for (const client of clients) {
    client.send('mn\r\n')
    await client.expect('MN\r\n')
  }
  const stats = await clients[0]?.stats('conns')
  const states = [...(stats ?? [])].filter(([name]) => name.endsWith(':state'))
  const count = (state: string): number => states.filter(([, value]) => value === state).length
  assert.equal(count('conn_listening'), 1)
  assert.equal(count('conn_parse_cmd'), 1)
  assert.equal(states.length, 9)
  const listens = [...(stats ?? [])].filter(([name]) => name.endsWith(':listen_addr'))
  assert.deepEqual(new Set(listens.map(([, value]) => value)), new Set([`tcp:127.0.0.1:${port}`]))
})

const ASKERS = 20

test('who asks for the connections at the same time or soon after gets one list', async (context) => {
  const server = await Server.start(context, {
    sidecar: true,
    flags: ['-t', '2', '--log.level=debug'],
  })
  const rounds = (): number =>
    server.output().match(/asking all workers for their connections/g)?.length ?? 0
  const page = `${server.sidecar}/debug/connections`
  const first = await server.connect(context)
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: ASKERS }, () => ask(page)))
  answers.push(await ask(`${page}?limit=1`))
  const seconds = (performance.now() - began) / 1000
  for (const { status } of answers) assert.equal(status, 200)
  // One, or on a machine that took so long for the answers, one for each second.
  assert.ok(rounds() >= 1 && rounds() <= 1 + Math.floor(seconds + 0.1), `${rounds()} rounds`)
  // The list is kept for a moment only, and the data port never gets a kept one.
  const second = await server.connect(context)
  const name = `tcp:127.0.0.1:${second.socket.localPort}`
  second.send('mn\r\n')
  await second.expect('MN\r\n')
  assert.ok([...(await first.stats('conns')).values()].includes(name))
  await until(
    async () => (await ask(page)).text.includes(name),
    () => 'the list stayed old',
  )
})

test('the verbosity command changes what is logged', async (context) => {
  const { run, connect } = await start(context)
  const client = await connect()
  await client.stats('conns')
  assert.ok(!run.lines().some((line) => line.level === 'debug'))
  client.send('verbosity 1\r\n')
  await client.expect('OK\r\n')
  await until(
    async () => {
      await client.stats('conns')
      return run.lines().some((line) => line.level === 'debug')
    },
    () => 'no debug line',
  )
})
