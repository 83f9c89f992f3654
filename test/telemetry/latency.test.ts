import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPCODE } from '../../src/protocol/opcode.ts'
import {
  createLatency,
  LATENCY_BOUNDS_SECONDS,
  LATENCY_BUCKETS,
  LatencyReader,
  LatencyRecorder,
} from '../../src/telemetry/latency.ts'

/** Busy for at least so long: timers are too coarse to tell buckets of microseconds apart. */
function spend(milliseconds: number): void {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}

test('commands of a turn are counted by their word, each with the duration of the turn', () => {
  const shared = createLatency(1)
  const recorder = new LatencyRecorder(shared, 0)
  recorder.begin()
  recorder.command(OPCODE.get)
  recorder.command(OPCODE.metaSet)
  recorder.command(OPCODE.get)
  spend(3)
  const milliseconds = recorder.end()
  assert.ok(milliseconds >= 3)
  assert.equal(recorder.turnCommands, 3)
  assert.equal(recorder.firstOpcode, OPCODE.get)
  const [get, metaSet, ...others] = new LatencyReader(shared, 1).read()
  assert.deepEqual(others, [])
  assert.equal(get?.command, 'get')
  assert.equal(get.count, 2)
  assert.equal(metaSet?.command, 'ms')
  assert.equal(metaSet.count, 1)
  assert.ok(Math.abs(get.sumSeconds - (2 * milliseconds) / 1000) < 1e-9)
})

test('a duration lies in the bucket whose bounds are around it', () => {
  const shared = createLatency(1)
  const recorder = new LatencyRecorder(shared, 0)
  for (const wanted of [0, 0.02, 0.3, 4, 120]) {
    recorder.begin()
    recorder.command(OPCODE.set)
    spend(wanted)
    const before = new LatencyReader(shared, 1).read()[0]?.buckets
    const seconds = recorder.end() / 1000
    const after = new LatencyReader(shared, 1).read()[0]?.buckets ?? []
    assert.equal(after.length, LATENCY_BUCKETS)
    const bucket = after.findIndex((count, index) => count !== (before?.[index] ?? 0))
    const upper = LATENCY_BOUNDS_SECONDS[bucket] ?? Infinity
    const lower = LATENCY_BOUNDS_SECONDS[bucket - 1] ?? 0
    assert.ok(seconds > lower && seconds <= upper, `${seconds} s in ${lower} to ${upper}`)
  }
})

test('a turn in which no command ended counts nothing', () => {
  const shared = createLatency(1)
  const recorder = new LatencyRecorder(shared, 0)
  recorder.begin()
  assert.equal(recorder.end(), 0)
  assert.deepEqual(new LatencyReader(shared, 1).read(), [])
})

test('a turn leaves nothing behind for the next', () => {
  const shared = createLatency(1)
  const recorder = new LatencyRecorder(shared, 0)
  for (const opcode of [OPCODE.get, OPCODE.delete]) {
    recorder.begin()
    recorder.command(opcode)
    recorder.end()
  }
  const counts = new LatencyReader(shared, 1).read().map(({ command, count }) => [command, count])
  assert.deepEqual(counts, [
    ['get', 1],
    ['delete', 1],
  ])
})

test('the reader sums the workers', () => {
  const shared = createLatency(3)
  for (let worker = 0; worker < 3; worker++) {
    const recorder = new LatencyRecorder(shared, worker)
    recorder.begin()
    for (let command = 0; command <= worker; command++) recorder.command(OPCODE.touch)
    recorder.end()
  }
  assert.equal(new LatencyReader(shared, 3).read()[0]?.count, 6)
})
