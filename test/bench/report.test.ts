import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { barPlot, linePlot } from './report/plots.ts'
import { writeSection } from './report/sections.ts'
import { median, quietest, ratios, ratioText } from './report/statistics.ts'

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

test('the quietest rounds of two servers need not be the same', () => {
  assert.equal(quietest([300, 100, 900], [50, 800, 200]), 2)
  assert.equal(ratioText(quietest([300, 100], [50, 70])), '2.00')
  assert.equal(ratioText(quietest([Number.NaN, 100], [50, 70])), '–')
})
