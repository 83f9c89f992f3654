import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { read } from '../../repo/repository.ts'
import { ask } from '../../sidecar/http.ts'
import { until } from '../../support/deadline.ts'
import type { Server } from '../../support/server.ts'
import { SuiteScope } from '../../support/server.ts'
import { exporterSeries } from '../metrics/exporter-rules.ts'
import { seriesName } from '../metrics/page.ts'
import { dashboard, filledIn, INTERVAL_SECONDS, MIXIN } from './dashboard-file.ts'
import type { HealthyLoad, Tally } from './load.ts'
import { TROUBLED_CONNECTIONS } from './load.ts'
import type { Prometheus, RuleState, Sample } from './prometheus-process.ts'
import { alerts, recorded } from './rules-file.ts'
import type { TextOnly } from './text-only.ts'
import { HEALTHY_MEGABYTES, watchServers } from './watched-servers.ts'

/** Everything that the dashboard, the rules and the mixin would ask a Prometheus. */
const scope = new SuiteScope()
let healthy: Server
let troubled: Server
let secure: Server
let prometheus: Prometheus
let text: TextOnly
let load: HealthyLoad
let trouble: Tally

before(async () => {
  ;({ healthy, troubled, secure, prometheus, text, load, trouble } = await watchServers(scope))
})
after(() => scope.close())

describe('what is scraped', () => {
  test('Prometheus has no complaint about either format', async () => {
    const { activeTargets } = (await prometheus.ask('targets')) as {
      activeTargets: { health: string; lastError: string }[]
    }
    assert.deepEqual(
      activeTargets.map(({ health, lastError }) => `${health}${lastError}`),
      ['up', 'up', 'up', 'up'],
    )
    const [only, ...others] = text.negotiated
    assert.deepEqual(others, [])
    assert.match(only ?? '', /openmetrics-text.* -> text\/plain; version=0.0.4; charset=utf-8$/)
    const dropped = await prometheus.query(
      'sum(scrape_samples_scraped - scrape_samples_post_metric_relabeling)',
    )
    assert.equal(dropped[0]?.value, 0)
  })

  test('a series is the same in both formats', async () => {
    const series = async (job: string): Promise<string[]> => {
      const found = (await prometheus.ask('series', {
        'match[]': `{job="${job}", __name__=~"(memcached|memckv|process|nodejs)_.*"}`,
      })) as Record<string, string>[]
      return found
        .map(({ __name__ = '', job: _, instance, ...labels }) => seriesName(__name__, labels))
        .sort()
    }
    const inText = await series('text')
    assert.ok(inText.length > 300, `${inText.length} series`)
    assert.deepEqual(await series('healthy'), inText)
  })

  test('every series of memcached’s has the value that its exporter would make of stats', async () => {
    const client = await healthy.connect(scope)
    const stats = {
      general: await client.stats(),
      settings: await client.stats('settings'),
      items: await client.stats('items'),
      slabs: await client.stats('slabs'),
    }
    // What goes on by itself, and what asking changes.
    const moving =
      /^memcached_(?:uptime|time|process|read_bytes|written_bytes|current_conn|connections_total)/
    const expected = [...exporterSeries(stats)].filter(([name]) => !moving.test(name))
    const found = new Map(
      (await prometheus.query('{job="healthy", __name__=~"memcached_.*"}')).map(named),
    )
    assert.ok(expected.length > 150, `${expected.length} series`)
    assert.deepEqual(
      expected.map(([name]) => [name, found.get(name)]),
      expected,
    )
  })

  test('exemplars lead to the traces that clients asked for', async () => {
    const query = 'memckv_command_duration_seconds_bucket{job="healthy"}'
    const series = await prometheus.exemplars(query)
    assert.ok(series.length > 0)
    for (const { seriesLabels, exemplars } of series) {
      const { command } = seriesLabels
      assert.equal(command, 'mg')
      for (const { labels, value } of exemplars) {
        const { trace_id = '', span_id = '', ...others } = labels
        assert.deepEqual(others, {})
        assert.ok(load.traceIds.includes(trace_id), trace_id)
        assert.match(span_id, /^[0-9a-f]{16}$/)
        assert.ok(Number(value) > 0)
      }
    }
    assert.deepEqual(await prometheus.exemplars('{job="text"}'), [])
  })
})

function named({ labels: { __name__ = '', ...labels }, value }: Sample): [string, number] {
  const { job, instance, namespace, ...own } = labels
  return [seriesName(__name__, own), value]
}

describe('the dashboard', () => {
  const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  )

  test('every query of every panel has a value', async () => {
    const empty: string[] = []
    for (const { title, expr } of queries) {
      const samples = await prometheus.query(filledIn(expr))
      if (!samples.some(({ value }) => Number.isFinite(value))) empty.push(`${title}: ${expr}`)
    }
    assert.deepEqual(empty, [])
  })

  test('so has every query of the mixin, as it is written there', async () => {
    const chosen =
      'cluster=~"$cluster", namespace=~"$namespace", job=~"$job", instance=~"$instance"'
    for (const [title, ...expected] of MIXIN) {
      for (const query of expected) {
        const written = query
          .replace(/\{S\b/g, `{${chosen}`)
          .replaceAll('[R]', '[$__rate_interval]')
        const samples = await prometheus.query(filledIn(written))
        assert.ok(samples.length > 0, title)
        for (const { value } of samples) assert.ok(Number.isFinite(value), `${title}: ${value}`)
      }
    }
  })

  test('every variable finds what there is to choose', async () => {
    const found: Record<string, unknown> = {}
    for (const { name, definition } of dashboard.templating.list) {
      const [, metric, label] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? '') ?? []
      if (metric === undefined) continue
      found[name] = await prometheus.ask(`label/${label}/values`, { 'match[]': filledIn(metric) })
    }
    const jobs = [healthy.sidecar, text.base, troubled.sidecar, secure.sidecar]
    assert.deepEqual(found, {
      cluster: [],
      namespace: ['default'],
      job: ['healthy', 'secure', 'text', 'troubled'],
      instance: jobs.map((base) => new URL(base).host).sort(),
    })
  })

  /** The value of a panel for one job, with the labels that the query leaves, as a name. */
  async function panel(title: string, job: string, target = 0): Promise<Map<string, number>> {
    const query = dashboard.panels.find((one) => one.title === title && one.type !== 'row')
      ?.targets?.[target]
    assert.ok(query !== undefined, `${title} ${target}`)
    const samples = await prometheus.query(filledIn(query.expr, job))
    return new Map(
      samples.map(({ labels: { job: _, instance, cluster, ...labels }, value }) => [
        Object.values(labels).join(' '),
        value,
      ]),
    )
  }

  test('rates are what the load did', async () => {
    const { tally } = load
    const rates: [title: string, label: string, expected: number][] = [
      ...['get hit', 'get miss', 'set hit', 'cas hit', 'cas miss', 'cas badval', 'touch miss'].map(
        (what) => ['Commands', what, tally.of(what)] as [string, string, number],
      ),
      ['Commands', 'incr hit', tally.of('incr hit')],
      ['Commands', 'delete miss', tally.of('delete miss')],
      ['Meta commands', '', tally.of('meta')],
      [
        'Stored',
        '',
        tally.of('set hit') +
          tally.of('cas hit') +
          tally.of('incr hit') +
          tally.of('decr hit') +
          tally.of('touch hit'),
      ],
      ['Evictions', '', (await statsOf(healthy)).get('evictions') ?? 0],
      ['Spans', 'sampled', tally.of('spans sampled')],
      ['Spans', 'sent', tally.of('spans sampled')],
    ]
    for (const [title, label, expected] of rates)
      await assertRate(title, 'healthy', label, expected)
    const wrong: [title: string, target: number, label: string, expected: number][] = [
      ['Malformed requests and failed authentications', 0, '', trouble.of('malformed')],
      [
        'Malformed requests and failed authentications',
        1,
        '',
        trouble.of('authentication failures'),
      ],
      ['Logins failed, delayed, unseen', 0, '', trouble.of('authentication failures')],
      ['Refused writes', 0, '', trouble.of('no memory')],
      ['Refused writes', 1, '', trouble.of('no memory')],
      ['Refused writes', 2, '', trouble.of('too large')],
      ['Rejected connections', 0, 'limit', trouble.of('rejected')],
      ['Why gets miss', 2, '', 50],
      ['Items that left, by reason', 0, 'flushed', 50],
    ]
    for (const [title, target, label, expected] of wrong) {
      await assertRate(title, 'troubled', label, expected, target)
    }
  })

  /** A rate over more than all there was is what happened, and a little for the time after. */
  async function assertRate(
    title: string,
    job: string,
    label: string,
    expected: number,
    target = 0,
  ): Promise<void> {
    assert.ok(expected > 0, `${title} ${label}: nothing happened`)
    const value = (await panel(title, job, target)).get(label) ?? Number.NaN
    const count = value * INTERVAL_SECONDS
    const near = count > expected * 0.999 && count < expected * 1.2
    assert.ok(near, `${title} ${label}: ${count} instead of ${expected}`)
  }

  test('levels and shares are what the servers and the load say', async () => {
    const stats = await statsOf(healthy)
    const { tally } = load
    const hits = tally.of('get hit')
    const ratio = hits / (hits + tally.of('get miss'))
    const limit = HEALTHY_MEGABYTES * 1024 * 1024
    assertNear((await panel('Hit Rate', 'healthy')).get(''), ratio)
    assertNear((await panel('Hit rate now', 'healthy')).get(''), ratio)
    assertNear((await panel('Hit rate by command', 'healthy')).get('cas'), 0.25)
    assertNear((await panel('Items', 'healthy')).get(''), stats.get('curr_items'))
    assertNear((await panel('Memory', 'healthy')).get(''), stats.get('bytes'))
    assertNear((await panel('Memory', 'healthy', 1)).get(''), limit)
    const kinds = [...(await panel('Item memory by kind', 'healthy')).values()]
    assertNear(
      kinds.reduce((sum, bytes) => sum + bytes, 0),
      limit,
    )
    assert.ok(((await panel('Memory in use', 'healthy')).get('') ?? 0) > 0.9)
    const states = await panel('Connections by state', 'troubled')
    assertNear(states.get('idle'), TROUBLED_CONNECTIONS)
    const days = (await panel('Certificate days left', 'secure')).get('data') ?? Number.NaN
    assert.ok(days > 29 && days <= 30, `${days} days`)
    assertNear((await panel('Top 20 Highest Connection Usage', 'troubled')).get(''), 1)
    assertNear((await panel('Instances', '.+')).get(''), 4)
    const unread = (await panel('Left without being read', 'healthy')).get('') ?? 0
    assert.ok(unread > 0.5 && unread < 1, `${unread} of the evicted were not read`)
    const threads = [...(await panel('Event loop delay', 'healthy')).keys()].sort()
    assert.deepEqual(threads, ['control', 'worker-0', 'worker-1'])
    assert.ok(((await panel('Slow commands', 'troubled')).get('') ?? 0) > 0)
    assert.ok(((await panel('Yields, pauses and idle kicks', 'healthy', 0)).get('') ?? 0) > 0)
    assert.ok(((await panel('Yields, pauses and idle kicks', 'healthy', 2)).get('') ?? 0) > 0)
  })
})

function assertNear(value: number | undefined, expected: number | undefined): void {
  assert.ok(value !== undefined && expected !== undefined && Number.isFinite(expected))
  assert.ok(Math.abs(value - expected) <= Math.abs(expected) * 1e-6, `${value}, not ${expected}`)
}

function jobOf({ job }: Sample['labels']): string | undefined {
  return job
}

async function statsOf(server: Server): Promise<Map<string, number>> {
  const client = await server.connect()
  const stats = await client.stats()
  client.close()
  return new Map([...stats].map(([name, value]) => [name, Number(value)]))
}

describe('the rules', () => {
  /** Those that depend on how busy the machine is that runs this test. */
  const OF_THE_MACHINE = [
    // The servers of this test run from the sources: for a small cache their loading is too much.
    'MemcKvResidentMemoryHigh',
    'MemcKvLatencyHigh',
    'MemcKvEventLoopDelay',
    'MemcKvWorkersSaturated',
    'MemcKvWorkerImbalance',
    'MemcKvGarbageCollection',
    'MemcKvLockContention',
  ]

  function raised(rules: readonly RuleState[], job: string, state: string): string[] {
    const names = rules.flatMap(({ name, alerts: instances = [] }) =>
      instances
        .filter((alert) => jobOf(alert.labels) === job && alert.state === state)
        .map(({ labels: { severity } }) => `${name} ${severity}`),
    )
    return names.filter((name) => !OF_THE_MACHINE.some((one) => name.startsWith(one))).sort()
  }

  test('every rule can be evaluated', async () => {
    const rules = await prometheus.rules()
    assert.equal(rules.length, alerts.length + recorded.length)
    const ill = rules.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined)
    assert.deepEqual(ill, [])
  })

  test('every recording rule has a value for a healthy server', async () => {
    const missing: string[] = []
    for (const name of recorded) {
      const samples = await prometheus.query(`${name}{job="healthy"}`)
      if (samples.length !== 1 || !Number.isFinite(samples[0]?.value)) missing.push(name)
    }
    assert.deepEqual(missing, [])
    const hits = load.tally.of('get hit')
    const ratio = hits / (hits + load.tally.of('get miss'))
    for (const name of ['instance', 'job'].map((by) => `${by}:memcached_get_hit:ratio_rate5m`)) {
      assertNear(await prometheus.value(`${name}{job="healthy"}`), ratio)
    }
    assertNear(await prometheus.value('instance:memcached_connections:ratio{job="troubled"}'), 1)
  })

  test('a healthy server that is full and evicts raises nothing', async () => {
    const rules = await prometheus.rules()
    for (const job of ['healthy', 'text', 'secure']) {
      assert.deepEqual(raised(rules, job, 'firing'), [])
      assert.deepEqual(raised(rules, job, 'pending'), [])
    }
  })

  test('a server in trouble raises what it should, and only that', async () => {
    const rules = await prometheus.rules()
    assert.deepEqual(raised(rules, 'troubled', 'firing'), ['MemcKvItemsTooLarge info'])
    assert.deepEqual(raised(rules, 'troubled', 'pending'), [
      'MemcKvAuthFailures warning',
      'MemcKvConnectionsRejected warning',
      'MemcKvMalformedRequests warning',
      'MemcachedConnectionLimitApproaching critical',
      'MemcachedConnectionLimitApproaching warning',
      'MemcachedOutOfMemoryErrors warning',
    ])
  })

  test('the runbook’s addresses are there', async () => {
    const paths = [...read('docs/runbook.md').matchAll(/localhost:9150(\/[\w/]*)/g)]
    assert.ok(paths.length > 5)
    for (const [, path] of paths) {
      assert.equal((await ask(`${healthy.sidecar}${path}`)).status, 200, path)
    }
  })

  test('a server that is gone is missed, and so are all of them', async () => {
    await troubled.stop('SIGKILL')
    await alerting('MemcKvDown', 'troubled')
    assert.deepEqual(await prometheus.query('memcached_up{job="troubled"}'), [])
    await Promise.all([healthy.stop('SIGKILL'), secure.stop('SIGKILL')])
    await alerting('MemcKvDown', 'healthy')
    await alerting('MemcKvAbsent', undefined)
  })

  async function alerting(name: string, job: string | undefined): Promise<void> {
    await until(
      async () =>
        (await prometheus.rules()).some(
          (rule) => rule.name === name && rule.alerts?.some(({ labels }) => jobOf(labels) === job),
        ),
      () => `${name} did not notice`,
    )
  }
})
