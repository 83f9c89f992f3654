import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import type { BucketFigures, ThreadFigures } from '../../src/telemetry/thread-figures.ts'
import {
  createThreadFigures,
  DELAY_BOUNDS_SECONDS,
  GC_BOUNDS_SECONDS,
  ThreadObserver,
  ThreadReader,
} from '../../src/telemetry/thread-figures.ts'
import { until } from '../support/deadline.ts'

const TICKS_PER_LOOK = 10

/** Two workers and the control thread; the test itself is thread 1, the second worker. */
function bench(): { observer: ThreadObserver; reader: ThreadReader; shared: SharedArrayBuffer } {
  const shared = createThreadFigures(2)
  return { observer: new ThreadObserver(shared, 1), reader: new ThreadReader(shared, 2), shared }
}

function countOf({ buckets }: BucketFigures): number {
  return buckets.reduce((sum, count) => sum + count, 0)
}

function busyFor(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test('threads are told apart, and each writes to its own block', () => {
  const { observer, reader } = bench()
  observer.close()
  const threads = reader.read()
  assert.deepEqual(
    threads.map(({ thread }) => thread),
    ['worker-0', 'worker-1', 'control'],
  )
  assert.deepEqual(
    threads.map(({ heapUsedBytes }) => heapUsedBytes > 0),
    [false, true, false],
  )
})

test('a thread that was kept from its event loop says for how long', () => {
  const { observer, reader } = bench()
  observer.tick()
  busyFor(400)
  observer.tick()
  observer.close()
  const { delay } = reader.read()[1]!
  // The tick was due after 100 of the 400 milliseconds; a busy machine may make it more.
  const inTime = delay.buckets.slice(0, DELAY_BOUNDS_SECONDS.indexOf(0.2) + 1)
  assert.equal(countOf(delay), 1)
  assert.equal(countOf({ buckets: inTime, sum: 0 }), 0)
  assert.ok(delay.sum >= 0.29, `${delay.sum} s`)
})

test('the first tick and one that comes early are no delay', () => {
  const { observer, reader } = bench()
  observer.tick()
  assert.equal(countOf(reader.read()[1]!.delay), 0)
  for (let tick = 0; tick < 5; tick++) {
    busyFor(60)
    observer.tick()
  }
  observer.close()
  const { delay } = reader.read()[1]!
  assert.equal(countOf(delay), 5)
  // A busy machine may make some of them late, but hardly all.
  assert.ok((delay.buckets[0] ?? 0) > 0)
  assert.ok(delay.sum >= 0, `${delay.sum} s`)
})

test('memory is that of the thread, and without the store', () => {
  const { observer, reader } = bench()
  const before = reader.read()[1]!
  const store = new SharedArrayBuffer(64 * 1024 * 1024)
  const buffer = Buffer.alloc(16 * 1024 * 1024)
  const objects = Array.from({ length: 200_000 }, (_, index) => ({ index }))
  for (let tick = 0; tick < TICKS_PER_LOOK; tick++) observer.tick()
  observer.close()
  const after = reader.read()[1]!
  const external = after.externalBytes - before.externalBytes
  assert.ok(external >= buffer.length - 1024 * 1024, `${external} bytes outside`)
  assert.ok(external < store.byteLength, `${external} bytes outside`)
  assert.ok(after.heapUsedBytes - before.heapUsedBytes > objects.length * 8)
  assert.ok(after.heapTotalBytes >= after.heapUsedBytes)
})

test('collections of garbage are counted by kind', async () => {
  const { observer, reader } = bench()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: string }) => void
  collect({ type: 'major' })
  collect({ type: 'minor' })
  const kinds = (): ReadonlyMap<string, BucketFigures> => reader.read()[1]!.collections
  await until(
    () => ['major', 'minor'].every((kind) => countOf(kinds().get(kind)!) > 0),
    () => `collections: ${JSON.stringify([...kinds()])}`,
  )
  observer.close()
  assert.deepEqual([...kinds().keys()], ['minor', 'major', 'incremental', 'weakcb'])
  assert.ok(kinds().get('major')!.sum > 0)
  assert.equal(kinds().get('major')!.buckets.length, GC_BOUNDS_SECONDS.length + 1)
})

/** Runs beside us: waits on its event loop, then computes, and looks before and after each. */
const IDLE_THEN_BUSY = `
  import { workerData } from 'node:worker_threads'
  const { ThreadObserver } = await import(workerData.file)
  const observer = new ThreadObserver(workerData.shared, 0)
  const look = () => { for (let tick = 0; tick < 10; tick++) observer.tick() }
  await new Promise((resolve) => setTimeout(resolve, 100))
  look()
  const end = performance.now() + 500
  while (performance.now() < end);
  await new Promise((resolve) => setImmediate(resolve))
  look()
  observer.close()
`

test('a thread says which part of its time it was busy', async () => {
  const shared = createThreadFigures(2)
  const file = new URL('../../src/telemetry/thread-figures.ts', import.meta.url).href
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(IDLE_THEN_BUSY)}`), {
    workerData: { shared, file },
  })
  await new Promise((resolve, reject) => {
    worker.once('exit', resolve)
    worker.once('error', reject)
  })
  const { busySeconds, utilization } = new ThreadReader(shared, 2).read()[0] as ThreadFigures
  assert.ok(busySeconds >= 0.49, `busy for ${busySeconds} s`)
  assert.ok(utilization > 0 && utilization < 1, `busy for ${utilization} of the time`)
})
