import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRuntime, RUNTIME, WATCH } from '../../src/base/runtime.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { EventReader } from '../../src/telemetry/event-reader.ts'
import { createEventRings } from '../../src/telemetry/event-ring.ts'
import { EventLog } from '../../src/telemetry/events.ts'
import { WATCHERS_MAX, Watchers } from '../../src/telemetry/watchers.ts'

const RING_BYTES = 65536

class Bench {
  readonly runtime = createRuntime()
  readonly counters = new Float64Array(64)
  readonly log: EventLog
  readonly watchers: Watchers
  /** What each connection was sent. */
  readonly sent = new Map<number, string>()

  constructor(bufferBytes = 1024 * 1024) {
    const rings = createEventRings(1, RING_BYTES)
    this.log = new EventLog(rings, 0, RING_BYTES, this.counters)
    this.log.keyLength = 1
    this.watchers = new Watchers({
      reader: new EventReader(rings, 1, RING_BYTES),
      runtime: this.runtime,
      counters: this.counters,
      bufferBytes,
      send: (worker, connectionNumber, text) => {
        assert.equal(worker, connectionNumber % 10)
        this.sent.set(connectionNumber, (this.sent.get(connectionNumber) ?? '') + text)
      },
    })
  }

  get mask(): number {
    return this.runtime[RUNTIME.watchMask]!
  }

  /** Events settle for a millisecond before they are sent. */
  async poll(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 4))
    this.watchers.poll()
  }

  gets(count: number): void {
    for (let made = 0; made < count; made++) this.log.emitGet()
  }

  lines(connectionNumber: number): number {
    return (this.sent.get(connectionNumber) ?? '').split('\n').length - 1
  }
}

test('the mask is the union of what is watched, and 0 when nobody watches', () => {
  const bench = new Bench()
  assert.equal(bench.watchers.active, false)
  bench.watchers.add(1, 11, WATCH.mutations)
  bench.watchers.add(2, 12, WATCH.fetchers | WATCH.evictions)
  assert.equal(bench.mask, WATCH.fetchers | WATCH.mutations | WATCH.evictions)
  assert.equal(bench.counters[COUNTER.watchers], 2)
  bench.watchers.remove(12)
  assert.equal(bench.mask, WATCH.mutations)
  bench.watchers.remove(11)
  bench.watchers.remove(99)
  assert.equal(bench.mask, 0)
  assert.equal(bench.counters[COUNTER.watchers], 0)
  assert.equal(bench.watchers.active, false)
})

test('there are at most twenty watchers', () => {
  const bench = new Bench()
  for (let number = 1; number <= WATCHERS_MAX; number++) {
    assert.equal(bench.watchers.add(number % 10, number, WATCH.fetchers), true)
  }
  assert.equal(WATCHERS_MAX, 20)
  assert.equal(bench.watchers.add(1, 21, WATCH.mutations), false)
  assert.equal(bench.mask, WATCH.fetchers)
  bench.watchers.remove(5)
  assert.equal(bench.watchers.add(1, 21, WATCH.mutations), true)
})

test('each watcher gets what it asked for', async () => {
  const bench = new Bench()
  bench.watchers.add(1, 1, WATCH.fetchers)
  bench.watchers.add(2, 2, WATCH.fetchers | WATCH.mutations)
  bench.watchers.add(3, 3, 0)
  bench.log.emitGet()
  bench.log.emitStore()
  bench.log.emitDeleted()
  await bench.poll()
  assert.match(bench.sent.get(1)!, /^ts=\S+ gid=1 type=item_get [^\n]+\n$/)
  assert.match(
    bench.sent.get(2)!,
    /^ts=\S+ gid=1 type=item_get [^\n]+\nts=\S+ gid=2 type=item_store/,
  )
  assert.equal(bench.lines(2), 2)
  assert.equal(bench.sent.has(3), false)
  assert.equal(bench.counters[COUNTER.watchSent], 3)
})

test('a watcher sees nothing from before it came', async () => {
  const bench = new Bench()
  bench.gets(3)
  await new Promise((resolve) => setTimeout(resolve, 4))
  bench.watchers.add(1, 1, WATCH.fetchers)
  bench.gets(2)
  await new Promise((resolve) => setTimeout(resolve, 4))
  bench.watchers.add(2, 2, WATCH.fetchers)
  bench.gets(1)
  await bench.poll()
  assert.equal(bench.lines(1), 3)
  assert.match(bench.sent.get(1)!, /^ts=\S+ gid=1 /, 'what nobody watched has no number')
  assert.equal(bench.lines(2), 1)
})

test('a watcher that does not read costs no more than its buffer, and is told what it missed', async () => {
  const bufferBytes = 4096
  const bench = new Bench(bufferBytes)
  bench.watchers.add(1, 1, WATCH.fetchers)
  bench.watchers.add(2, 2, WATCH.fetchers)
  for (let round = 0; round < 20; round++) {
    bench.gets(50)
    await bench.poll()
    // The second one reads everything at once.
    const text = bench.sent.get(2) ?? ''
    assert.ok(text.length <= bufferBytes)
    bench.watchers.acknowledge(2, text.length)
    bench.sent.delete(2)
  }
  const stuck = bench.sent.get(1)!
  assert.ok(stuck.length > bufferBytes / 2 && stuck.length <= bufferBytes, `${stuck.length}`)
  const kept = bench.lines(1)
  assert.ok(bench.counters[COUNTER.watchSkipped]! >= 1000 - kept)

  bench.watchers.acknowledge(1, stuck.length)
  bench.sent.delete(1)
  bench.gets(1)
  await bench.poll()
  assert.match(bench.sent.get(1)!, new RegExp(`^skipped=${1000 - kept}\nts=[^\n]+\n$`))
  bench.gets(1)
  await bench.poll()
  assert.equal(bench.sent.get(1)!.match(/skipped/g)?.length, 1)
})

test('whoever left gets no more, and an acknowledgement from it does no harm', async () => {
  const bench = new Bench()
  bench.watchers.add(1, 1, WATCH.fetchers)
  bench.watchers.add(2, 2, WATCH.fetchers)
  bench.gets(1)
  bench.watchers.remove(1)
  bench.watchers.acknowledge(1, 100)
  await bench.poll()
  assert.deepEqual([...bench.sent.keys()], [2])
})
