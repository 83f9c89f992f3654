import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Untyped } from './support/chart.ts'
import { find, render } from './support/chart.ts'

test('what is there twice is changed by name and severity', async () => {
  const changed = async (prometheusRule: unknown) => {
    const metrics = { prometheusRule: { enabled: true, ...(prometheusRule as object) } }
    const { groups } = find(await render({ values: { metrics } }), 'PrometheusRule').spec
    return groups
      .flatMap((group: { rules: { alert?: string }[] }) => group.rules)
      .filter(({ alert }: { alert?: string }) => alert === 'MemcKvLatencyHigh')
  }
  const plain = await changed({})
  assert.deepEqual(
    plain.map(({ labels }: Untyped) => labels.severity),
    ['warning', 'critical'],
  )
  const overrides = { 'MemcKvLatencyHigh/critical': { expr: 'vector(1)' } }
  const [warning, critical] = await changed({ overrides })
  assert.equal(warning.expr, plain[0].expr)
  assert.equal(critical.expr, 'vector(1)')
  const both = await changed({ overrides: { MemcKvLatencyHigh: { for: '30m' } } })
  assert.deepEqual(
    both.map((rule: Untyped) => rule.for),
    ['30m', '30m'],
  )
  const left = await changed({ disabledAlerts: ['MemcKvLatencyHigh/warning'] })
  assert.deepEqual(left, [plain[1]])
})

test('a runbook is a page that can be opened', async () => {
  const values = { metrics: { prometheusRule: { enabled: true } } }
  const text = JSON.stringify(find(await render({ values }), 'PrometheusRule'))
  const pages = text.match(/"runbook_url":"[^"]*"/g) ?? []
  assert.ok(pages.length > 10)
  for (const page of pages) assert.match(page, /"https:\/\/.*\/v[\d.]+\/docs\/runbook\.md#\w+"$/)
})

test('two releases of one name can be watched from one namespace', async () => {
  const elsewhere = { enabled: true, namespace: 'monitoring' }
  const names = async (namespace: string, watched: unknown) => {
    const metrics = { podMonitor: watched, prometheusRule: watched, dashboard: watched }
    const objects = await render({ namespace, values: { metrics } })
    const own = objects.filter(({ kind }) => /PodMonitor|PrometheusRule|ConfigMap/.test(kind))
    return own.flatMap(({ kind, metadata, data = {} }) => [
      `${kind}/${metadata.namespace}/${metadata.name}`,
      ...Object.keys(data),
    ])
  }
  const [one, other] = [await names('one', elsewhere), await names('other', elsewhere)]
  assert.equal(one.length, 4)
  assert.deepEqual(
    one.filter((name) => other.includes(name)),
    [],
  )
  assert.ok((await names('one', { enabled: true })).includes('PodMonitor/one/memc-kv'))
})
