import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../../src/base/runtime.ts'
import { OPCODE } from '../../../src/protocol/opcode.ts'
import { EVICTED_AGE_BOUNDS } from '../../../src/store/insight.ts'
import { CLASS_COUNTER, COUNTER, classCounterIndex } from '../../../src/telemetry/counters.ts'
import type { Metrics } from '../../../src/telemetry/metrics/metrics.ts'
import { createMetrics } from '../../../src/telemetry/metrics/metrics.ts'
import { EVICTED_AGE_BOUNDS_SECONDS } from '../../../src/telemetry/metrics/source.ts'
import { CLASS_BYTES } from '../../../src/telemetry/size-classes.ts'
import { generalStats, SEGMENT_BYTES } from '../../../src/telemetry/stats.ts'
import { itemsStats, slabsStats } from '../../../src/telemetry/stats-classes.ts'
import { settingsStats } from '../../../src/telemetry/stats-settings.ts'
import { TinyStore } from '../../store/tiny-store.ts'
import { readStats } from '../stats-source.ts'
import { exporterSeries } from './exporter-rules.ts'
import type { TestMetricsSource } from './metrics-source.ts'
import { metricsSource } from './metrics-source.ts'
import { parseText, seriesOf } from './page.ts'

async function series(metrics: Metrics): Promise<Map<string, number>> {
  return seriesOf(parseText((await metrics.render(undefined)).body))
}

function fromStats({ stats }: TestMetricsSource): Map<string, number> {
  return exporterSeries({
    general: readStats(generalStats(stats)),
    settings: readStats(settingsStats(stats)),
    items: readStats(itemsStats(stats)),
    slabs: readStats(slabsStats(stats)),
  })
}

/** The numbers of the classes that items can be in. */
const CLASSES = [...CLASS_BYTES.keys()].filter((sizeClass) => CLASS_BYTES[sizeClass]! > 0)

function classCounters(): number[] {
  return CLASSES.flatMap((sizeClass) =>
    Array.from({ length: CLASS_COUNTER.count }, (_, counter) =>
      classCounterIndex(sizeClass, counter),
    ),
  )
}

/** Every counter of every thread a number of its own, so that no two can be mixed up. */
function count({ stats }: TestMetricsSource): void {
  for (const [thread, block] of stats.counters.entries()) {
    for (const index of [...Object.values(COUNTER), ...classCounters()]) {
      block[index] = 1000 * (thread + 1) + index
    }
    // A cas counts as a set, too.
    block[COUNTER.setCommands] = 100_000
    for (const sizeClass of CLASSES) {
      block[classCounterIndex(sizeClass, CLASS_COUNTER.setCommands)] = 100_000 + sizeClass
    }
  }
}

test('the page says what the exporter would make of stats, for every class', async () => {
  const source = await metricsSource(['-o', 'temporary_ttl=60', '--metrics.slabs', 'full'])
  count(source)
  const { runtime } = source.stats
  runtime[RUNTIME.acceptPaused] = 1
  runtime[RUNTIME.clockHeld] = 1
  runtime[RUNTIME.clockHeldAtSeconds] = 77
  setClasses(source)
  const page = await series(createMetrics(source))
  const expected = fromStats(source)
  assert.ok(expected.size > 200, `${expected.size} series`)
  // The clocks of the process go on between the two.
  for (const name of expected.keys()) if (/cpu_seconds/.test(name)) expected.delete(name)
  for (const [name, value] of expected) assert.equal(page.get(name), value, name)
})

/** Two classes with figures that are all different. */
function setClasses(source: TestMetricsSource): void {
  const classes = [...source.figures().classes]
  for (const sizeClass of [3, 7]) {
    const names = Object.keys(classes[sizeClass]!)
    classes[sizeClass] = Object.fromEntries(
      names.map((name, index) => [name, sizeClass * 100 + index]),
    ) as unknown as (typeof classes)[number]
  }
  Object.assign(source.figuresSet, {
    classes,
    items: 11,
    itemBytes: 12,
    itemsTotal: 13,
    evictions: 14,
    reclaimed: 15,
    swept: 16,
    moved: 17,
    directReclaims: 18,
    segmentsUsed: 19,
  })
}

test('a reset of stats does not make the page go back', async () => {
  const source = await metricsSource(['--metrics.slabs', 'full'])
  count(source)
  setClasses(source)
  const metrics = createMetrics(source)
  const before = await series(metrics)
  source.stats.baseline.reset(source.stats.counters, source.figures())
  const after = await series(metrics)
  assert.equal(readStats(generalStats(source.stats)).get('get_hits'), '0')
  const name = 'memcached_commands_total{command="get",status="hit"}'
  assert.equal(after.get(name), 1001 + 2001 + 3001)
  const moving = /cpu|memory|fds|heap|external|resident|uptime|time_seconds/
  for (const [name, value] of before) {
    if (!moving.test(name)) assert.equal(after.get(name), value, name)
  }
})

test('counters are exact far beyond 32 bits, up to 2^53', async () => {
  const source = await metricsSource()
  const [first, second] = source.stats.counters
  first![COUNTER.bytesWritten] = 2 ** 53 - 2
  second![COUNTER.bytesWritten] = 1
  const { body } = await createMetrics(source).render(undefined)
  assert.match(body, /^memcached_written_bytes_total 9007199254740991$/m)
  const openMetrics = await createMetrics(source).render('application/openmetrics-text')
  assert.match(openMetrics.body, /^memcached_written_bytes_total 9007199254740991$/m)
})

test('sets never go back, though they are what is left of two counters that move', async () => {
  const source = await metricsSource()
  const [block] = source.stats.counters
  const metrics = createMetrics(source)
  const sets = async (): Promise<number | undefined> =>
    (await series(metrics)).get('memcached_commands_total{command="set",status="hit"}')
  block![COUNTER.setCommands] = 10
  assert.equal(await sets(), 10)
  // The worker was caught between two adds: the cas is there, its set not yet.
  block![COUNTER.casHits] = 1
  assert.equal(await sets(), 10)
  block![COUNTER.setCommands] = 12
  assert.equal(await sets(), 11)
})

const OUT_OF_MEMORY = 'memcached_slab_items_outofmemory_total'

test('without slabs only what an alert needs is left, summed over the classes', async () => {
  const source = await metricsSource(['--metrics.slabs', 'off'])
  setClasses(source)
  const page = await series(createMetrics(source))
  const slabs = [...page.keys()].filter((name) => name.startsWith('memcached_slab_'))
  assert.deepEqual(slabs, [`${OUT_OF_MEMORY}{slab="total"}`])
  const classes = source.figures().classes
  assert.equal(page.get(slabs[0]!), classes[3]!.outOfMemory + classes[7]!.outOfMemory)
})

test('slabs together are the sum of the classes, ages the oldest of them', async () => {
  const [all, each] = await Promise.all([
    metricsSource(),
    metricsSource(['--metrics.slabs', 'full']),
  ])
  for (const source of [all, each]) {
    setClasses(source)
    count(source)
  }
  const full = await series(createMetrics(each))
  const aggregate = await series(createMetrics(all))
  let compared = 0
  for (const [name, value] of aggregate) {
    if (!name.includes('slab="total"')) continue
    compared++
    const values = [...full]
      .filter(([other]) => other.replace(/slab="\d+"/, 'slab="total"') === name)
      .map(([, number]) => number)
    if (/age_seconds|evicted_time/.test(name)) assert.equal(value, Math.max(...values), name)
    else if (!/chunk_size|per_page/.test(name)) assert.equal(value, sum(values), name)
  }
  assert.ok(compared > 35, `${compared} series`)
  const product = (page: Map<string, number>, slab: string): number =>
    page.get(`memcached_slab_chunk_size_bytes{slab="${slab}"}`)! *
    page.get(`memcached_slab_current_chunks{slab="${slab}"}`)!
  const sizes = Array.from({ length: 64 }, (_, slab) => product(full, String(slab)))
  const bytes = sum(sizes.filter((size) => !Number.isNaN(size)))
  assert.equal(Math.round(product(aggregate, 'total')), bytes)
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

test('the kinds of memory within the limit add up to it, in a store that is full', async () => {
  const source = await metricsSource(['-m', '8', '-I', '1m'])
  const store = new TinyStore(source.store)
  source.store.now = 100
  store.set('large', Buffer.alloc(500_000))
  // Once full, until it is caught with a segment in reserve.
  for (let index = 0; index < 10_000 || source.figures().segmentsSpare === 0; index++) {
    assert.ok(store.set(`key-${index}`, Buffer.alloc(900), 0, index % 7 === 0 ? 101 : 0))
    assert.ok(index < 50_000, 'a shard has a segment in reserve now and then')
  }
  // These stay where they are, dead, until something is written over them.
  for (let index = 9_000; index < 9_100; index++) store.set(`key-${index}`, Buffer.alloc(10))
  source.store.now = 102
  const page = await series(createMetrics(source))
  const of = (metric: string, label: string, values: readonly string[]): number[] =>
    values.map((value) => page.get(`${metric}{${label}="${value}"}`)!)
  const logs = ['temp', 'small', 'main', 'index', 'pages', 'free']
  const limit = page.get('memcached_limit_bytes')
  assert.equal(sum(of('memckv_segments', 'log', logs)) * SEGMENT_BYTES, limit)
  const kinds = ['live', 'dead', 'unwritten', 'index', 'pages', 'free']
  const bytes = of('memckv_memory_bytes', 'kind', kinds)
  assert.equal(sum(bytes), limit)
  assert.ok(bytes[0]! > limit! / 2, `${bytes[0]} bytes live`)
  assert.ok(bytes[1]! > 0, 'something is dead')
  const [expired = 0] = of('memckv_memory_bytes', 'kind', ['expired'])
  assert.ok(expired > 0 && expired <= bytes[0]!, `${expired} bytes expired`)
})

test('what was evicted is counted once in each place that shows it', async () => {
  const source = await metricsSource(['-m', '8', '-I', '1m'])
  const store = new TinyStore(source.store)
  for (let index = 0; index < 12_000; index++) {
    source.store.now = 100 + Math.floor(index / 100)
    store.set(`key-${index}`, Buffer.alloc(900))
  }
  const page = await series(createMetrics(source))
  const evicted = page.get('memcached_items_evicted_total')!
  assert.ok(evicted > 1000, `${evicted} evicted`)
  assert.equal(page.get('memckv_evictions_total{reason="evicted"}'), evicted)
  assert.equal(page.get('memckv_evicted_age_seconds_count'), evicted)
  assert.equal(page.get('memckv_evicted_unfetched_total'), evicted)
  assert.equal(page.get('memcached_slab_items_evicted_total{slab="total"}'), evicted)
  assert.equal(page.get('memcached_current_items'), 12_000 - evicted)
  // The store was full after more than a minute, and less than five have passed.
  assert.equal(page.get('memckv_evicted_age_seconds_bucket{le="60.0"}'), 0)
  assert.equal(page.get('memckv_evicted_age_seconds_bucket{le="300.0"}'), evicted)
  assert.ok(page.get('memckv_evicted_age_seconds_sum')! > evicted * 10)
  const shards = [...page].filter(([name]) => name.startsWith('memckv_shard_items'))
  assert.equal(shards.length, source.store.shardCount)
  assert.equal(sum(shards.map(([, items]) => items)), page.get('memcached_current_items'))
})

test('what each thread counted alone stands under its name', async () => {
  const source = await metricsSource()
  count(source)
  const page = await series(createMetrics(source))
  const { connectionsIdle, connectionsWatching, lockSleeps, lockWaits } = COUNTER
  const expected = new Map([
    ['memckv_connections{state="idle",thread="worker-0"}', 1000 + connectionsIdle],
    ['memckv_connections{state="watching",thread="worker-1"}', 2000 + connectionsWatching],
    ['memckv_connections{state="watching",thread="control"}', undefined],
    ['memckv_lock_waits_total{thread="worker-1"}', 2000 + lockWaits],
    ['memckv_lock_sleeps_total{thread="control"}', 3000 + lockSleeps],
  ])
  for (const [name, value] of expected) assert.equal(page.get(name), value, name)
})

test('refused connections have the reason that the settings give them', async () => {
  const reasons = async (argv: readonly string[]): Promise<(number | undefined)[]> => {
    const source = await metricsSource(argv)
    source.stats.counters[0]![COUNTER.connectionsRejected] = 5
    const page = await series(createMetrics(source))
    return ['limit', 'backlog'].map((reason) =>
      page.get(`memckv_connections_rejected_total{reason="${reason}"}`),
    )
  }
  assert.deepEqual(await reasons(['-o', 'maxconns_fast']), [5, 0])
  assert.deepEqual(await reasons(['-o', 'no_maxconns_fast']), [0, 5])
})

test('settings of the crawler are absent while it is off', async () => {
  const page = await series(createMetrics(await metricsSource(['-o', 'no_lru_crawler'])))
  assert.equal(page.get('memcached_lru_crawler_enabled'), 0)
  assert.equal(page.get('memcached_lru_crawler_sleep'), undefined)
  assert.equal(page.get('memcached_lru_crawler_starts_total'), 0)
})

test('what the other parts know is shown: spans, level of the log, drain', async () => {
  const source = await metricsSource()
  const metrics = createMetrics(source)
  source.spansNow = { sent: 3, dropped: 4, limited: 0 }
  source.stats.counters[1]![COUNTER.spansDropped] = 5
  source.stats.counters[0]![COUNTER.spansSampled] = 12
  source.logLevelNow = 20
  source.stats.runtime[RUNTIME.draining] = 1
  const page = await series(metrics)
  assert.equal(page.get('memckv_spans_total{outcome="sampled"}'), 12)
  assert.equal(page.get('memckv_spans_total{outcome="sent"}'), 3)
  assert.equal(page.get('memckv_spans_total{outcome="dropped"}'), 9)
  assert.equal(page.get('memckv_log_level'), 20)
  assert.equal(page.get('memckv_draining'), 1)
})

test('all meta commands count as such, and only they; unmeasured they are not shown as none', async () => {
  const meta = async (argv: readonly string[]): Promise<number | undefined> => {
    const source = await metricsSource(argv)
    const [recorder] = source.recorders
    recorder!.begin()
    for (const opcode of Object.values(OPCODE)) if (opcode >= 0) recorder!.command(opcode)
    recorder!.command(OPCODE.metaGet)
    recorder!.end()
    return (await series(createMetrics(source))).get('memckv_meta_commands_total')
  }
  assert.equal(await meta([]), 7)
  assert.equal(await meta(['--metrics.latency', 'false']), undefined)
})

test('the store counts ages by the bounds that the page shows', () => {
  assert.deepEqual(EVICTED_AGE_BOUNDS_SECONDS, EVICTED_AGE_BOUNDS)
})
