import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentedMetrics, documentedSeries, metricsIn } from './metric-names.ts'
import type { Panel } from './prometheus/dashboard-file.ts'
import { dashboard, MIXIN } from './prometheus/dashboard-file.ts'

const { panels } = dashboard
const variables = dashboard.templating.list
const content = panels.filter(({ type }) => type !== 'row')
const queries = content.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** What Grafana 11 brings; `graph`, `singlestat` and `table-old` are no longer there. */
const PANEL_TYPES = ['heatmap', 'row', 'stat', 'state-timeline', 'table', 'text', 'timeseries']
const GRID_WIDTH = 24
const SCHEMA_OF_GRAFANA_11 = 39

test('every metric that a query of the dashboard names is documented', () => {
  const known = documentedSeries()
  const annotations = dashboard.annotations.list.flatMap(({ expr }) => expr ?? [])
  const named = [...queries, ...annotations].flatMap(metricsIn)
  assert.ok(named.length > content.length / 2)
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  )
})

test('no metric is documented twice', () => {
  const names = documentedMetrics().map(({ name }) => name)
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
})

test('every query is narrowed by all variables, and read from the chosen data source', () => {
  const narrow = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job", instance=~"$instance"'
  const wrong = queries.filter((query) =>
    [...query.matchAll(/\b(?:memcached|memckv)_\w+(?:\{([^}]*))?/g)].some(
      ([, labels = '']) => !labels.startsWith(narrow),
    ),
  )
  assert.deepEqual(wrong, [])
  for (const { title, targets, datasource } of content) {
    if (targets !== undefined) assert.match(datasource?.uid ?? '', /^\$\{datasource\}$/, title)
  }
})

test('every panel says what it shows', () => {
  assert.deepEqual(
    panels.filter(({ description = '' }) => description.length < 10).map(({ title }) => title),
    [],
  )
})

test('no panel has a type that Grafana no longer has', () => {
  assert.ok(dashboard.schemaVersion >= SCHEMA_OF_GRAFANA_11)
  assert.deepEqual(
    panels.filter(({ type }) => !PANEL_TYPES.includes(type)).map(({ title }) => title),
    [],
  )
})

test('the numbers of the panels and their titles are unique', () => {
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  assert.equal(new Set(content.map(({ title }) => title)).size, content.length)
})

test('panels lie within the grid and not over each other', () => {
  const wrong = panels.flatMap((panel, index) => {
    const { x, w, h } = panel.gridPos
    const outside = x < 0 || w < 1 || h < 1 || x + w > GRID_WIDTH
    const covered = panels.slice(index + 1).filter((other) => overlap(panel, other))
    return [...(outside ? [panel.title] : []), ...covered.map(({ title }) => title)]
  })
  assert.deepEqual(wrong, [])
})

test('the mixin’s panels are there, with its queries', () => {
  for (const [title, ...expected] of MIXIN) {
    const panel = content.find((candidate) => candidate.title === title)
    const found = panel?.targets?.map(({ expr }) => shortened(expr)) ?? []
    for (const query of expected) assert.ok(found.includes(query), `${title}: ${found}`)
  }
})

test('the variables are the mixin’s, so that links between the dashboards keep them', () => {
  const commands = (labels: string, label: string): string =>
    `label_values(memcached_commands_total${labels}, ${label})`
  const byName = new Map(variables.map((variable) => [variable.name, variable]))
  assert.equal(byName.get('datasource')?.type, 'datasource')
  const expected = [
    ['cluster', '.*', commands('', 'cluster')],
    ['namespace', '.+', commands('{cluster=~"$cluster"}', 'namespace')],
    ['job', '.+', commands('{cluster=~"$cluster",namespace=~"$namespace"}', 'job')],
    [
      'instance',
      '.+',
      commands('{cluster=~"$cluster",namespace=~"$namespace",job=~"$job"}', 'instance'),
    ],
  ] as const
  for (const [name, all, definition] of expected) {
    assert.equal(byName.get(name)?.allValue, all, name)
    assert.equal(byName.get(name)?.definition, definition, name)
  }
})

test('every variable that is used exists', () => {
  const names = new Set(variables.map(({ name }) => name))
  const used = [...JSON.stringify(panels).matchAll(/\$(?:\{(\w+)|(\w+))/g)].map(
    ([, braced, plain]) => braced ?? plain ?? '',
  )
  assert.deepEqual(
    used.filter((name) => !name.startsWith('__') && !names.has(name)),
    [],
  )
})

test('latency has exemplars', () => {
  const latency = content.filter(({ targets = [] }) => targets.some(({ exemplar }) => exemplar))
  assert.deepEqual(
    latency.map(({ type }) => type),
    ['heatmap', 'timeseries'],
  )
})

function overlap({ gridPos: one }: Panel, { gridPos: other }: Panel): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  )
}

/** A query as it is written in MIXIN: the mixin breaks lines and leaves out blanks here and there. */
function shortened(query: string): string {
  return query
    .replace(
      /cluster=~"\$cluster", namespace=~"\$namespace", job=~"\$job", instance=~"\$instance"/g,
      'S',
    )
    .replaceAll('$__rate_interval', 'R')
    .replace(/\bby\(/g, 'by (')
    .replace(/\s+/g, ' ')
}
