import assert from 'node:assert/strict'
import { test } from 'node:test'
import { negotiate } from '../../../src/telemetry/metrics/accept.ts'
import { canonicalNumber } from '../../../src/telemetry/metrics/family.ts'
import { createMetrics } from '../../../src/telemetry/metrics/metrics.ts'
import type { Exemplar } from '../../../src/telemetry/metrics/source.ts'
import type { TestMetricsSource } from './metrics-source.ts'
import { metricsSource } from './metrics-source.ts'
import type { PageFamily, PageSample } from './page.ts'
import { parseOpenMetrics, parseText, seriesOf } from './page.ts'

const OPENMETRICS = 'application/openmetrics-text;version=1.0.0'

const EXEMPLAR: Exemplar = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  valueSeconds: 1.5e-6,
  unixSeconds: 1_795_365_133.25,
}

/** A server that has done something, so that every kind of series has a value. */
async function usedSource(argv: readonly string[] = []): Promise<TestMetricsSource> {
  const source = await metricsSource(argv)
  for (const recorder of source.recorders) {
    recorder.begin()
    recorder.command(1)
    recorder.end()
  }
  const exemplars = new Array<Exemplar | undefined>(17).fill(undefined)
  exemplars[1] = EXEMPLAR
  source.exemplarsNow = new Map([['get', exemplars]])
  return source
}

test('both formats are what their specifications say', async () => {
  const metrics = createMetrics(await usedSource())
  const text = await metrics.render(undefined)
  assert.equal(text.contentType, 'text/plain; version=0.0.4; charset=utf-8')
  const families = parseText(text.body)
  const openMetrics = await metrics.render(OPENMETRICS)
  assert.equal(
    openMetrics.contentType,
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  )
  assert.ok(families.length > 100)
  assert.equal(parseOpenMetrics(openMetrics.body).length, families.length)
})

test('a series has the same name and labels in both formats', async () => {
  const metrics = createMetrics(await usedSource())
  const text = seriesOf(parseText((await metrics.render(undefined)).body))
  const openMetrics = seriesOf(parseOpenMetrics((await metrics.render(OPENMETRICS)).body))
  assert.deepEqual([...openMetrics.keys()].sort(), [...text.keys()].sort())
})

test('in OpenMetrics a counter without _total keeps its name and is of no known type', async () => {
  const page = parseOpenMetrics((await createMetrics(await usedSource()).render(OPENMETRICS)).body)
  const types = new Map(page.map(({ name, type }) => [name, type]))
  assert.equal(types.get('memcached_uptime_seconds'), 'unknown')
  assert.equal(types.get('memcached_slab_items_moves_to_cold'), 'unknown')
  assert.equal(types.get('memcached_commands'), 'counter')
  assert.equal(types.get('memcached_commands_total'), undefined)
})

test('the trace of a latency bucket stands behind it, in OpenMetrics alone', async () => {
  const metrics = createMetrics(await usedSource())
  const openMetrics = parseOpenMetrics((await metrics.render(OPENMETRICS)).body)
  const [sample, ...others] = samplesWithExemplar(openMetrics)
  assert.equal(others.length, 0)
  assert.equal(sample!.name, 'memckv_command_duration_seconds_bucket')
  assert.deepEqual(sample!.labels, { command: 'get', le: '2e-06' })
  assert.deepEqual(sample!.exemplar, {
    labels: { trace_id: EXEMPLAR.traceId, span_id: EXEMPLAR.spanId },
    value: EXEMPLAR.valueSeconds,
    unixSeconds: EXEMPLAR.unixSeconds,
  })
  assert.doesNotMatch((await metrics.render(undefined)).body, /trace_id/)
})

function samplesWithExemplar(page: readonly PageFamily[]): PageSample[] {
  return page.flatMap(({ samples }) => samples.filter(({ exemplar }) => exemplar !== undefined))
}

test('labels with quotes, backslashes and line ends come back as they were', async () => {
  const source = { ...(await usedSource()), commit: 'a"b\\c\nd,e}' }
  const metrics = createMetrics(source)
  const commit = (page: readonly PageFamily[]): string | undefined => {
    const { commit } = page.find(({ name }) => name === 'memckv_build_info')!.samples[0]!.labels
    return commit
  }
  assert.equal(commit(parseText((await metrics.render(undefined)).body)), source.commit)
  assert.equal(commit(parseOpenMetrics((await metrics.render(OPENMETRICS)).body)), source.commit)
})

test('pages that are asked for at the same time do not disturb each other', async () => {
  const metrics = createMetrics(await usedSource())
  const pages = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      metrics.render(index % 2 === 0 ? undefined : OPENMETRICS),
    ),
  )
  for (const [index, { body }] of pages.entries()) {
    assert.ok((index % 2 === 0 ? parseText(body) : parseOpenMetrics(body)).length > 100)
  }
})

/** What clients send, and what they get. */
const ACCEPTS: readonly (readonly [string | undefined, 'text' | 'openmetrics'])[] = [
  [undefined, 'text'],
  ['', 'text'],
  ['*/*', 'text'],
  ['text/plain', 'text'],
  // Prometheus 2.42
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  // Prometheus 3
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'openmetrics',
  ],
  // Prometheus 3 told to prefer text
  [
    'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1',
    'text',
  ],
  // a browser
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'text'],
  ['application/openmetrics-text', 'openmetrics'],
  ['APPLICATION/OpenMetrics-Text ; Version="1.0.0" ; Q=0.3', 'openmetrics'],
  ['application/openmetrics-text;version=2.0.0', 'text'],
  ['application/openmetrics-text;q=0', 'text'],
  ['application/openmetrics-text;q=0,*/*', 'text'],
  ['application/openmetrics-text;q=0.2,text/plain;q=0.3', 'text'],
  ['text/plain;q=0.2,application/openmetrics-text;q=0.3', 'openmetrics'],
  ['text/plain,application/openmetrics-text', 'openmetrics'],
  ['text/*;q=0.5,application/*', 'openmetrics'],
  ['application/*,text/*', 'text'],
  // The range that names the type most exactly counts, not the best one.
  ['text/plain;version=0.0.4;q=0.1,text/plain,application/openmetrics-text;q=0.5', 'openmetrics'],
  ['*/*,text/plain;q=0', 'openmetrics'],
  ['image/png', 'text'],
  [';;,=,q', 'text'],
]

test('who prefers OpenMetrics gets it, everybody else gets text', () => {
  for (const [accept, format] of ACCEPTS) assert.equal(negotiate(accept), format, accept)
})

test('bounds of buckets are written as OpenMetrics wants them', () => {
  const spelled = [1e-6, 2e-5, 1e-4, 0.25, 1, 10, 604_800, 1.5e-10].map(canonicalNumber)
  assert.deepEqual(spelled, [
    '1e-06',
    '2e-05',
    '0.0001',
    '0.25',
    '1.0',
    '10.0',
    '604800.0',
    '1.5e-10',
  ])
})
