import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { createMetrics, FAMILIES } from '../../../src/telemetry/metrics/metrics.ts'
import { read } from '../../repo/repository.ts'
import {
  COMMAND_STATUSES,
  EXPORTER_METRICS,
  INHERITED_COMPLAINTS,
  SLAB_COMMAND_STATUSES,
} from './exporter-names.ts'
import { metricsSource } from './metrics-source.ts'
import type { PageFamily } from './page.ts'
import { parseText } from './page.ts'

/** With every series that a setting can switch on, and a class that is used. */
const EVERYTHING = ['-o', 'temporary_ttl=60']

async function page(argv: readonly string[] = []): Promise<PageFamily[]> {
  const { body } = await createMetrics(await metricsSource(argv)).render(undefined)
  return parseText(body)
}

test("every metric of memcached's exporter is there, with its type and labels", async () => {
  const families = new Map((await page(EVERYTHING)).map((family) => [family.name, family]))
  for (const { name, type, labels } of EXPORTER_METRICS) {
    const family = families.get(name)
    assert.equal(family?.type, type, name)
    assert.ok(family.samples.length > 0, `${name} has a value`)
    for (const sample of family.samples) {
      assert.deepEqual(Object.keys(sample.labels).sort(), [...labels].sort(), name)
    }
  }
})

test('nothing else has a name of memcached', () => {
  const known = new Set(EXPORTER_METRICS.map(({ name }) => name))
  const others = FAMILIES.map(({ name }) => name).filter(
    (name) => name.startsWith('memcached_') && !known.has(name),
  )
  assert.deepEqual(others, [])
})

test('commands have the outcomes that hit ratios are made of, and no others', async () => {
  const families = await page()
  const statuses = (name: string): string[] =>
    families
      .find((family) => family.name === name)!
      .samples.map(({ labels: { command, status } }) => `${command} ${status}`)
      .sort()
  assert.deepEqual(statuses('memcached_commands_total'), COMMAND_STATUSES)
  assert.deepEqual(statuses('memcached_slab_commands_total'), SLAB_COMMAND_STATUSES)
})

test('promtool has nothing to say but about names that are inherited', async () => {
  const { body } = await createMetrics(await metricsSource(EVERYTHING)).render(undefined)
  assert.deepEqual((await promtoolComplaints(body)).sort(), INHERITED_COMPLAINTS)
})

function promtoolComplaints(body: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const run = execFile('promtool', ['check', 'metrics'], (error, stdout, stderr) => {
      // 3: something was found, which the caller judges.
      if (error !== null && error.code !== 3) reject(new Error(`promtool: ${error} ${stderr}`))
      resolve(`${stdout}${stderr}`.split('\n').filter((line) => line !== ''))
    })
    run.stdin!.end(body)
  })
}

test('the tables of docs/observability.md are the metrics that there are', () => {
  const row = /^\| `((?:memcached|memckv|process|nodejs)_\w+)` \| (\w+) \|([^|]*)\| [^|]+\|$/gm
  const documented = [...read('docs/observability.md').matchAll(row)].map(
    ([, name, type, labels = '']) =>
      `${name} ${type} ${[...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)}`,
  )
  const made = FAMILIES.map(({ name, type, labelNames }) => `${name} ${type} ${labelNames}`)
  assert.deepEqual(documented.sort(), made.sort())
})

test('no two families share a name, not even without _total', () => {
  const names = FAMILIES.map(({ name }) => name.replace(/_total$/, ''))
  assert.equal(new Set(names).size, names.length)
})

test('samples have the labels that their family says', async () => {
  const declared = new Map(FAMILIES.map(({ name, labelNames }) => [name, [...labelNames].sort()]))
  for (const { name, samples } of await page(EVERYTHING)) {
    for (const { labels } of samples) {
      const shown = Object.keys(labels).filter((label) => label !== 'le')
      assert.deepEqual(shown.sort(), declared.get(name), name)
    }
  }
})
