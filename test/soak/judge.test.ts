import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogHistogram } from '../bench/stalls/log-histogram.ts'
import { Random } from '../support/seed.ts'
import type { Sample } from './figures.ts'
import { judgeSamples, judgeStats, rise } from './judge.ts'
import { soakPlot } from './plot.ts'
import { judgeValue, makeRecord } from './values.ts'

const MEBIBYTE = 1024 * 1024
const SAMPLES = 60

/** A run of ten minutes in which nothing changes, but for what is given. */
function samples(change: (sample: Sample, share: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: SAMPLES }, (_, at) => {
    const sample = steady(at * 10, 200_000)
    return { ...sample, ...change(sample, at / SAMPLES) }
  })
}

function steady(at: number, nanoseconds: number): Sample {
  const histogram = new LogHistogram()
  for (let count = 0; count < 100; count++) histogram.record(nanoseconds)
  // A heap that is filled and collected again and again.
  const breath = ((at / 10) % 7) * MEBIBYTE
  return {
    at,
    operationsPerSecond: 1000,
    share: 0.2,
    residentBytes: 400 * MEBIBYTE + breath,
    heapBytes: { control: 15 * MEBIBYTE + breath, 'worker-0': 12 * MEBIBYTE },
    descriptors: 50 + (at % 3),
    connections: 14 + (at % 3),
    items: 40_000,
    itemBytes: 240 * MEBIBYTE,
    evictionsPerSecond: 30,
    hitRatio: 0.5,
    histogram: histogram.plain(),
    serverP99Microseconds: 1000,
  }
}

function wrong(found: readonly Sample[]): string[] {
  return judgeSamples(found)
    .filter(({ ok }) => !ok)
    .map(({ what }) => what)
}

test('what stays as it is is sound', () => {
  assert.deepEqual(wrong(samples(() => ({}))), [])
})

test('what settles in the first third is sound', () => {
  const settling = samples((sample, share) => ({
    residentBytes: sample.residentBytes - Math.max(0, 0.3 - share) * 300 * MEBIBYTE,
  }))
  assert.deepEqual(wrong(settling), [])
})

test('what grows is found', () => {
  const resident = samples(({ residentBytes }, share) => ({
    residentBytes: residentBytes + share * 30 * MEBIBYTE,
  }))
  assert.deepEqual(wrong(resident), ['resident memory'])
  const heap = samples(({ heapBytes }, share) => ({
    heapBytes: { ...heapBytes, 'worker-0': (12 + share * 15) * MEBIBYTE },
  }))
  assert.deepEqual(wrong(heap), ['heap of worker-0'])
  const open = samples(({ descriptors }, share) => ({ descriptors: descriptors + share * 5 }))
  assert.deepEqual(wrong(open), ['descriptors that are no connections'])
  const slow = samples((sample, share) => steady(sample.at, share > 0.6 ? 900_000 : 200_000))
  assert.deepEqual(wrong(slow), [
    'p50 of the last third over the first',
    'p99 of the last third over the first',
  ])
})

test('figures that cannot be are found', () => {
  const stats = new Map(
    Object.entries({
      get_hits: '5',
      get_misses: '3',
      cmd_get: '8',
      touch_hits: '0',
      touch_misses: '0',
      cmd_touch: '0',
      curr_items: '4',
      total_items: '9',
      bytes: '100',
      limit_maxbytes: '1000',
      evictions: '2',
      read_buf_count: '0',
    }),
  )
  const failing = (name: string, value: string, least = {}): number =>
    judgeStats(new Map([...stats, [name, value]]), least).filter(({ ok }) => !ok).length
  assert.equal(failing('evictions', '2'), 0)
  assert.equal(failing('get_hits', '6'), 1)
  assert.equal(failing('bytes', '1001'), 1)
  assert.equal(failing('curr_connections', '-1'), 1)
  assert.equal(failing('total_items', '9', { total_items: 10 }), 1)
})

test('the rise of a line is from its first point to its last', () => {
  assert.equal(
    rise([
      [0, 1],
      [1, 2],
      [2, 3],
    ]),
    2,
  )
  assert.equal(rise([[5, 7]]), 0)
})

test('a value that is not whole, or of another key, is found', () => {
  const random = new Random(1)
  const value = Buffer.concat([makeRecord(random, 'k', 1000), makeRecord(random, 'k', 20_000)])
  judgeValue('k', value)
  assert.throws(() => judgeValue('other', value), /another key/)
  assert.throws(() => judgeValue('k', value.subarray(0, 20_500)), /torn/)
  const torn = Buffer.from(value)
  torn[15_000]! ^= 1
  assert.throws(() => judgeValue('k', torn), /torn/)
})

test('the plot is one drawing, and its parts have names of their own', () => {
  const svg = soakPlot(samples(() => ({})))
  assert.equal(svg.split('<svg ').length - 1, svg.split('</svg>').length - 1)
  const names = [...svg.matchAll(/ id="([^"]+)"/g)].map(([, name]) => name)
  assert.equal(new Set(names).size, names.length)
})
