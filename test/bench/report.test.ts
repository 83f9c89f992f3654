import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LatencyWindows } from './generator/windows.ts'
import { barPlot, linePlot } from './report/plots.ts'
import { writeSection } from './report/sections.ts'
import { median, ratios } from './report/statistics.ts'
import { allowedCores } from './servers/cores.ts'

const BARS = {
  title: 'CPU',
  unit: 'ratio',
  categories: ['seed', 'pipeline'],
  reference: 1,
  series: [{ name: 'ours', values: [0.95, null], low: [0.9, 0], high: [1.05, 0] }],
}

test('a plot is the same every time, small, and has its own background', () => {
  const line = {
    title: 'Latency',
    xName: 'rate',
    yName: 'µs',
    series: [{ name: 'p99', points: Array.from({ length: 5000 }, (_, at) => [at, at] as const) }],
  }
  for (const draw of [() => barPlot(BARS), () => linePlot(line)]) {
    const svg = draw()
    assert.equal(draw(), svg)
    assert.ok(svg.length < 40_000, `${svg.length}`)
    assert.match(svg, /<rect [^>]*fill="#ffffff"/)
    assert.doesNotMatch(svg, /[ \t]\n|\n\n|<script|<style/)
  }
  assert.match(barPlot(BARS), />0\.950</)
})

test('a section replaces its text and its plots, and no others', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-report-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const document = join(folder, 'performance.md')
  const around = (text: string): string =>
    `# P\n\n<!-- bench:hits -->\n${text}\n<!-- /bench:hits -->\n\nend\n`
  writeFileSync(document, around('old'))
  writeSection('hits', 'first', { one: '<svg/>\n' }, document)
  writeSection('hits', 'second  \n', { two: '<svg/>\n' }, document)
  assert.equal(readFileSync(document, 'utf8'), around('\nsecond\n'))
  assert.deepEqual(readdirSync(join(folder, 'performance')), ['hits-two.svg'])
  assert.throws(() => writeSection('memory', 'x', {}, document), /no <!-- bench:memory -->/)
})

test('ratios are taken round by round', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.deepEqual(ratios([1, 4, 9], [1, 2, 3]), { median: 2, low: 1, high: 3 })
})

test('a pause is in the windows in which it happened, and in no other', () => {
  const windows = new LatencyWindows(1000, 100_000)
  let now = 5000
  windows.start(now)
  for (let request = 0; request < 100_000; request++) {
    now += 0.01
    const isPaused = now >= 5300 && now < 5303
    windows.current(now).record(isPaused ? 3_000_000 : 50_000)
  }
  const p99s = windows.p99s()
  assert.equal(p99s.length, 20)
  assert.equal(p99s.filter((p99) => p99 > 2900).length, 1)
  assert.ok(Math.abs(median(p99s) - 50) < 1)
  assert.equal(windows.whole().count, 100_000)
})

test('a window has requests enough for a p99, and each reply a window', () => {
  const slow = new LatencyWindows(1500, 1000)
  slow.start(0)
  for (const now of [1, 999, 1001, 9000]) slow.current(now).record(1000)
  assert.equal(slow.p99s().length, 1)
  assert.equal(slow.whole().count, 4)
  const tooShort = new LatencyWindows(100, 10)
  assert.equal(tooShort.start(0), tooShort.current(500))
})

test('cores that may be used are read as the kernel lists them', () => {
  assert.deepEqual(allowedCores('Name:\tnode\nCpus_allowed_list:\t0-2,5\n'), [0, 1, 2, 5])
  assert.deepEqual(allowedCores('Cpus_allowed_list:\t7\n'), [7])
  assert.deepEqual(allowedCores(''), [])
  assert.ok(allowedCores().length >= 1)
})
