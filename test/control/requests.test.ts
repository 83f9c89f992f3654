import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
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
