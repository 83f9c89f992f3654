import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ask } from './http.ts'

const scope = new SuiteScope()
let server: Server
before(async () => {
  server = await Server.start(scope, { sidecar: true, flags: ['-t', '2', '-m', '8', '-I', '1m'] })
})
after(() => scope.close())

async function page<T>(path: string): Promise<T> {
  const answer = await ask(`${server.sidecar}${path}`)
  assert.equal(answer.status, 200, `${path}: ${answer.text}`)
  return answer.json() as T
}

interface Connections {
  readonly total: number
  readonly limit: number
  readonly offset: number
  readonly connections: readonly { readonly number: number; readonly address: string }[]
}

test('/debug/connections shows what `stats conns` does, piece by piece', async (context) => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => server.connect(context)))
  for (const client of clients) {
    client.send('mn\r\n')
    await client.expect('MN\r\n')
  }
  const all = await page<Connections>('/debug/connections')
  assert.equal(all.total, 6)
  assert.equal(all.connections.length, 6)
  const ports = clients.map((client) => `tcp:127.0.0.1:${client.socket.localPort}`)
  const addresses = all.connections.map((connection) => connection.address)
  for (const port of ports) assert.ok(addresses.includes(port), port)
  const piece = await page<Connections>('/debug/connections?limit=2&offset=3')
  assert.equal(piece.total, 6)
  assert.deepEqual(piece.connections, all.connections.slice(3, 5))
  assert.equal((await page<Connections>('/debug/connections?offset=6')).connections.length, 0)
  for (const bad of ['limit=0', 'limit=10001', 'offset=-1', 'limit=1e3', 'limit=1&limit=2']) {
    assert.equal((await ask(`${server.sidecar}/debug/connections?${bad}`)).status, 400, bad)
  }
})

test('/stats has the values of the stats commands, as numbers where they are', async (context) => {
  const client = await server.connect(context)
  client.send('set stat 0 0 3\r\nabc\r\nget stat\r\n')
  await client.expect('STORED\r\nVALUE stat 0 3\r\nabc\r\nEND\r\n')
  await until(
    async () => (await client.stats()).get('curr_connections') === '1',
    () => 'connections of earlier tests are still open',
  )
  const stats = await page<{
    general: { cmd_get: number; version: string } & Record<string, unknown>
    settings: { umask: unknown } & Record<string, unknown>
    items: Record<string, Record<string, unknown>>
    slabs: { classes: Record<string, Record<string, unknown>>; totals: Record<string, unknown> }
  }>('/stats')
  const changing = ['uptime', 'time', 'rusage_user', 'rusage_system', 'bytes_read', 'bytes_written']
  for (const [name, text] of await client.stats()) {
    if (!changing.includes(name)) assert.equal(String(stats.general[name]), text, name)
  }
  assert.equal(stats.general.cmd_get, 1)
  assert.equal(stats.general.version, '1.6.45')
  assert.equal(stats.settings.umask, '700')
  for (const [name, text] of await client.stats('settings')) {
    const value = stats.settings[name]
    if (typeof value === 'string') assert.equal(value, text, name)
    else assert.equal(value, Number(text), name)
  }
  for (const [name, text] of await client.stats('items')) {
    const [, sizeClass = '', figure = ''] = name.split(':')
    assert.equal(String(stats.items[sizeClass]?.[figure]), text, name)
  }
  for (const [name, text] of await client.stats('slabs')) {
    const [sizeClass = '', figure] = name.split(':')
    const group = figure === undefined ? stats.slabs.totals : stats.slabs.classes[sizeClass]
    assert.equal(String(group?.[figure ?? sizeClass]), text, name)
  }
})

test('shards, segments and evictions add up', async (context) => {
  const client = await server.connect(context)
  const value = 'v'.repeat(1000)
  for (let index = 0; index < 20_000; index++) {
    client.send(`set fill${index} 0 0 ${value.length} noreply\r\n${value}\r\n`)
  }
  client.send('mn\r\n')
  await client.expect('MN\r\n')
  const stats = await client.stats()
  const { shards } = await page<{ shards: { items: number; bytes: number }[] }>('/debug/shards')
  const items = shards.reduce((sum, shard) => sum + shard.items, 0)
  assert.equal(items, Number(stats.get('curr_items')))
  const segments = await page<{ used: number; limit: number; liveBytes: number }>('/debug/segments')
  const { used, limit, liveBytes } = segments
  assert.ok(used > 0 && used <= limit, JSON.stringify(segments))
  assert.ok(liveBytes > items * value.length)
  const evictions = await page<{ evictions: number; ages: { items: number }[] }>('/debug/evictions')
  assert.equal(evictions.evictions, Number(stats.get('evictions')))
  assert.ok(evictions.evictions > 5_000)
  assert.equal(
    evictions.ages.reduce((sum, age) => sum + age.items, 0),
    evictions.evictions,
  )
})

test('/debug/threads has a row for each thread', async () => {
  const { threads } = await page<{ threads: { thread: string; heapUsedBytes: number }[] }>(
    '/debug/threads',
  )
  assert.deepEqual(
    threads.map(({ thread }) => thread),
    ['worker-0', 'worker-1', 'control'],
  )
  assert.ok((threads[2]?.heapUsedBytes ?? 0) > 1_000_000)
})

test('/metrics agrees with stats and speaks both formats', async (context) => {
  const client = await server.connect(context)
  const text = await ask(`${server.sidecar}/metrics`)
  assert.equal(text.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const items = (await client.stats()).get('curr_items')
  assert.match(text.text, new RegExp(`^memcached_current_items ${items}$`, 'm'))
  const accept = 'application/openmetrics-text; version=1.0.0,text/plain;q=0.5'
  const open = await ask(`${server.sidecar}/metrics`, { headers: { accept } })
  assert.match(
    String(open.headers['content-type']),
    /^application\/openmetrics-text; version=1.0.0/,
  )
  assert.ok(open.text.endsWith('# EOF\n'))
  const neither = await ask(`${server.sidecar}/metrics`, { headers: { accept: 'image/png' } })
  assert.equal(neither.status, 200)
})
