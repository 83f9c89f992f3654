import assert from 'node:assert/strict'
import type { SpawnSyncReturns } from 'node:child_process'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { ROOT, read } from '../repo/repository.ts'
import { documentedSeries, metricsIn } from './metric-names.ts'
import { alerts, recorded, rules } from './prometheus/rules-file.ts'

interface RuleTestFile {
  readonly tests: readonly {
    readonly promql_expr_test?: readonly {
      readonly expr: string
      readonly exp_samples: readonly unknown[]
    }[]
  }[]
}

const FILES = join(ROOT, 'helm/memc-kv/files')
const tests = (parse(read('helm/memc-kv/files/rules.test.yaml')) as RuleTestFile).tests.flatMap(
  (entry) => entry.promql_expr_test ?? [],
)

/** Made by Prometheus itself for every target. */
const OF_PROMETHEUS = 'up'

test('every metric that a rule names is documented or recorded', () => {
  const known = new Set([...documentedSeries(), ...recorded, OF_PROMETHEUS])
  assert.deepEqual(
    rules.flatMap(({ expr }) => metricsIn(expr)).filter((name) => !known.has(name)),
    [],
  )
})

test('every recorded series is documented', () => {
  const text = read('docs/observability.md')
  assert.deepEqual(
    recorded.filter((name) => !text.includes(`\`${name}\``)),
    [],
  )
})

test('every alert has a severity, a summary, a description and its section of the runbook', () => {
  const sections = headings()
  for (const { alert = '', labels, annotations = {} } of alerts) {
    assert.match(labels?.severity ?? '', /^(?:critical|warning|info)$/, alert)
    assert.ok((annotations.summary ?? '').endsWith('.'), alert)
    assert.match(annotations.description ?? '', /\.$/, alert)
    assert.equal(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`, alert)
    assert.ok(sections.includes(alert), alert)
  }
})

test('the runbook has no section for an alert that does not exist', () => {
  const names = new Set(alerts.map(({ alert }) => alert))
  assert.deepEqual(
    headings().filter((heading) => heading !== 'First look' && !names.has(heading)),
    [],
  )
})

test('panels that the runbook sends its reader to are on the dashboard', () => {
  const { panels } = JSON.parse(read('helm/memc-kv/files/dashboard.json')) as {
    readonly panels: readonly { readonly title: string }[]
  }
  const titles = new Set(panels.map(({ title }) => title))
  // What is in italics is a panel, a row, a severity or a page of Prometheus.
  const others = ['critical', 'warning', 'info', 'Status → Targets']
  const text = read('docs/runbook.md').replace(/```[\s\S]*?```|`[^`]*`/g, '')
  const named = [...text.matchAll(/(?<!\*)\*([^*]+)\*(?!\*)/g)].map(([, name = '']) =>
    name.replace(/\s+/g, ' '),
  )
  assert.ok(named.length > alerts.length)
  assert.deepEqual(
    named.filter((name) => !titles.has(name) && !others.includes(name)),
    [],
  )
})

test('for every alert promtool is asked when it fires and when it does not', () => {
  for (const { alert, labels } of alerts) {
    const asked = tests.filter(
      ({ expr }) =>
        expr.includes(`alertname="${alert}"`) &&
        (!expr.includes('severity=') || expr.includes(`severity="${labels?.severity}"`)),
    )
    const fires = asked.map(({ exp_samples }) => exp_samples.length > 0)
    assert.deepEqual([...new Set(fires)].sort(), [false, true], `${alert} ${labels?.severity}`)
  }
})

/** Comes with Debian's prometheus. Without it the tests above still hold the files together. */
const skip = promtool('--version').error === undefined ? false : 'no promtool on the path'

test('promtool accepts the rules', { skip }, () => {
  const { status, stdout, stderr } = promtool('check', 'rules', 'rules.yaml')
  assert.equal(status, 0, stdout + stderr)
})

test('every alert fires when it must, and only then', { skip }, () => {
  const { status, stdout, stderr } = promtool('test', 'rules', 'rules.test.yaml')
  assert.equal(status, 0, stdout + stderr)
})

test('the names of a query are found whatever stands around them', () => {
  const query =
    'histogram_quantile(0.99, sum by (le, job) (rate(a_bucket{x="b_total{", y=~"c"}[5m])))' +
    ' > 1e-9 * on (job) group_left () d:e:rate5m offset 1h and f unless avg(g[1d:5m]) == bool 2'
  assert.deepEqual(metricsIn(query), ['a_bucket', 'd:e:rate5m', 'f', 'g'])
})

function promtool(...words: string[]): SpawnSyncReturns<string> {
  return spawnSync('promtool', words, { cwd: FILES, encoding: 'utf8' })
}

function headings(): string[] {
  return [...read('docs/runbook.md').matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading)
}
