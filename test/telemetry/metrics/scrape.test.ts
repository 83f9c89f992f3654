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
  assert.equal(page.get('memckv_malformed_requests_total'), 1)
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
