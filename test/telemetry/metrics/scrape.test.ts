import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { until } from '../../support/deadline.ts'
import { Server } from '../../support/server.ts'
import { exporterSeries } from './exporter-rules.ts'
import { parseOpenMetrics, parseText, seriesOf } from './page.ts'

/** A real server, scraped over HTTP as Prometheus does it. */
const start = (context: TestContext, flags: readonly string[] = []): Promise<Server> =>
  Server.start(context, { flags: ['-t', '2', ...flags], sidecar: true })

async function scrape(server: Server, accept = 'text/plain'): Promise<Map<string, number>> {
  const response = await fetch(`${server.sidecar}/metrics`, { headers: { accept } })
  assert.equal(response.status, 200)
  const type = response.headers.get('content-type') ?? ''
  const parse = type.startsWith('application/openmetrics-text') ? parseOpenMetrics : parseText
  return seriesOf(parse(await response.text()))
}

/** What goes on between a look at stats and a scrape. */
const MOVING = /^memcached_(?:(?:uptime|time)_seconds$|process_|written_bytes)/

test('the page of a server agrees with its stats', async (context) => {
  const server = await start(context, ['--metrics.slabs', 'full', '-o', 'temporary_ttl=60'])
  const client = await server.connect(context)
  for (let index = 0; index < 50; index++) {
    client.send(
      `set key-${index} 0 0 ${index}\r\n${'v'.repeat(index)}\r\nget key-${index} none\r\n`,
    )
    await client.readUntil('END\r\n')
  }
  client.send('cas key-1 0 0 1 1\r\nx\r\nincr none 1\r\nmg key-2 v\r\ndelete key-3\r\nbad\r\n')
  await client.readUntil('ERROR\r\n')
  const stats = exporterSeries({
    general: await client.stats(),
    items: await client.stats('items'),
    slabs: await client.stats('slabs'),
    settings: await client.stats('settings'),
  })
  const page = await scrape(server)
  const read = 'memcached_read_bytes_total'
  for (const [name, value] of stats) {
    // The questions themselves came in after the first answer.
    if (name === read) assert.ok(page.get(name)! > value, name)
    else if (!MOVING.test(name)) assert.equal(page.get(name), value, name)
  }
  assert.equal(page.get('memckv_command_duration_seconds_count{command="get"}'), 50)
  assert.equal(page.get('memckv_command_duration_seconds_count{command="mg"}'), 1)
  assert.equal(page.get('memckv_meta_commands_total'), 1)
  assert.equal(page.get('memckv_malformed_requests_total{reason="error"}'), 1)
})

test('a command is counted once, however often it stops in the middle', async (context) => {
  const server = await start(context)
  const client = await server.connect(context)
  const value = 'v'.repeat(700_000)
  client.send(`set large 0 0 ${value.length}\r\n${value}\r\n`)
  await client.expect('STORED\r\n')
  for (let round = 0; round < 3; round++) {
    client.send('get large large\r\nmg large v\r\n')
    await client.readUntil('END\r\n')
    await client.readUntil(`${value}\r\n`)
  }
  client.send(`set large 0 0 20000\r\n${value.slice(0, 20_000)}xx`)
  await client.readUntil('chunk\r\n')
  const page = await scrape(server)
  const count = (command: string): number | undefined =>
    page.get(`memckv_command_duration_seconds_count{command="${command}"}`)
  assert.deepEqual([count('get'), count('mg'), count('set')], [3, 3, 2])
})

test('mistakes of clients are counted by reason, whoever notices them', async (context) => {
  const server = await start(context)
  const client = await server.connect(context)
  const long = 'k'.repeat(251)
  const large = 'v'.repeat(20_000)
  for (const [line, end] of [
    ['bogus', 'ERROR'],
    [`get a ${long}`, 'format'],
    [`set a 0 0 20000\r\n${large}xx`, 'chunk'],
    ['set a 0 0 1\r\na\r\nincr a 1', 'value'],
    [`set ${long} 0 0 1 noreply\r\na\r\nmn`, 'MN'],
    ['mg a !', 'format'],
    ['verbosity', 'format'],
  ] as const) {
    client.send(`${line}\r\n`)
    await client.readUntil(`${end}\r\n`)
  }
  const page = await scrape(server)
  const reasons = [...page]
    .filter(([name, value]) => name.startsWith('memckv_malformed_requests_total') && value > 0)
    .map(([name, value]) => [/reason="(\w+)"/.exec(name)?.[1], value])
  assert.deepEqual(Object.fromEntries(reasons), {
    error: 1,
    // A key too long in a storage command is one mistake; its data, read as a command, another.
    bad_format: 5,
    bad_data_chunk: 1,
    non_numeric: 1,
  })
})

test('without metrics.latency there is no histogram', async (context) => {
  const server = await start(context, ['--metrics.latency', 'false'])
  const client = await server.connect(context)
  client.send('get a\r\n')
  await client.expect('END\r\n')
  const names = [...(await scrape(server)).keys()]
  assert.deepEqual(
    names.filter((name) => name.startsWith('memckv_command_duration')),
    [],
  )
})

test('every thread of a server tells about itself', async (context) => {
  const server = await start(context)
  const threads = ['worker-0', 'worker-1', 'control']
  const told = (page: Map<string, number>): boolean =>
    threads.every(
      (thread) => page.get(`memckv_eventloop_delay_seconds_count{thread="${thread}"}`)! > 0,
    )
  let page = await scrape(server)
  await until(
    async () => {
      page = await scrape(server)
      return told(page)
    },
    () => 'each thread has ticked',
  )
  for (const thread of threads) {
    const heap = page.get(`memckv_heap_bytes{thread="${thread}"}`)!
    assert.ok(heap > 1024 * 1024, `${thread}: ${heap} bytes`)
  }
})

test('connections are counted by worker while they are open', async (context) => {
  const server = await start(context)
  const clients = await Promise.all(Array.from({ length: 5 }, () => server.connect(context)))
  const open = (page: Map<string, number>): number =>
    [...page]
      .filter(([name]) => name.startsWith('memckv_connections{'))
      .reduce((sum, [, value]) => sum + value, 0)
  await until(
    async () => open(await scrape(server)) === clients.length,
    () => 'all connections are counted',
  )
  assert.equal((await scrape(server)).get('memcached_current_connections'), clients.length)
})

test('a server that was just started shows the same names in both formats', async (context) => {
  const server = await start(context)
  const text = await scrape(server)
  const openMetrics = await scrape(server, 'application/openmetrics-text;version=1.0.0')
  assert.deepEqual([...openMetrics.keys()].sort(), [...text.keys()].sort())
})
