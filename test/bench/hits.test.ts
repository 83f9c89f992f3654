import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { recordedCases } from './hits/cases.ts'
import { simulated } from './hits/measure.ts'
import { makeTrace, readTraces, scaled } from './hits/trace.ts'
import { generate, SHAPE_NAMES } from './hits/workloads.ts'

test('a trace is read, numbered and scaled', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-hits-'))
  try {
    writeFileSync(join(folder, 'a.trace.gz'), gzipSync('77 10\n5 20\n77 10\n'))
    const [trace] = readTraces(folder)
    assert.ok(trace !== undefined)
    assert.deepEqual([...trace.ids], [0, 1, 0])
    assert.deepEqual([trace.name, trace.distinct, trace.distinctBytes], ['a', 2, 30])
    assert.deepEqual([...scaled(trace, 3, 50).sizes], [30, 50, 30])
    const [one] = recordedCases(folder, [1], 1)
    assert.ok(Math.abs(one!.trace.distinctBytes - 2 ** 20) < 200_000)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('generated workloads are the same for the same seed', () => {
  for (const name of SHAPE_NAMES) {
    const first = generate(name, 2000, 3)
    assert.deepEqual(first, generate(name, 2000, 3), name)
    assert.notDeepEqual(first.ids, generate(name, 2000, 4).ids, name)
  }
})

test('a simulation misses each new key once, and no other while all fits', async () => {
  const ids = Int32Array.from({ length: 5000 }, (_, at) => (at * 31) % 700)
  const trace = makeTrace('small', ids, new Int32Array(5000).fill(9000))
  const fits = await simulated('s3-fifo', 1).run({
    name: 'fits',
    recorded: false,
    trace,
    memoryMib: 16,
  })
  assert.equal(Math.round(fits.missRatio * 5000), trace.distinct)
  assert.equal(fits.items, trace.distinct)
  const tight = await simulated('lru', 1).run({
    name: 'tight',
    recorded: false,
    trace,
    memoryMib: 1,
  })
  assert.ok(tight.missRatio > fits.missRatio)
  assert.ok(tight.items < trace.distinct)
})
