import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { monotonicMilliseconds } from '../../src/base/clock.ts'
import { WATCH } from '../../src/base/runtime.ts'
import { COUNTER, counterBlock, createCounters } from '../../src/telemetry/counters.ts'
import { EventReader, timeText } from '../../src/telemetry/event-reader.ts'
import { createEventRings } from '../../src/telemetry/event-ring.ts'
import {
  CLOSE_REASON,
  EVENT_COMMAND,
  EventLog,
  GET_STATUS,
  STORE_STATUS,
} from '../../src/telemetry/events.ts'
import type { ProducerStart } from './event-producer.ts'

const RING_BYTES = 4096
const FOREVER = Number.POSITIVE_INFINITY

interface Bench {
  readonly logs: readonly EventLog[]
  readonly reader: EventReader
  readonly counters: readonly Float64Array[]
}

function bench(workers = 1): Bench {
  const rings = createEventRings(workers, RING_BYTES)
  const counters = Array.from({ length: workers }, () => new Float64Array(64))
  return {
    logs: counters.map((block, worker) => new EventLog(rings, worker, RING_BYTES, block)),
    reader: new EventReader(rings, workers, RING_BYTES),
    counters,
  }
}

function setKey(log: EventLog, key: string): void {
  log.buffer = Buffer.from(`..${key}..`, 'latin1')
  log.keyStart = 2
  log.keyLength = key.length
}

/** All lines there are, without their time and number. */
function lines(reader: EventReader): string[] {
  const found: string[] = []
  reader.drain(FOREVER, (_kind, _time, line) => found.push(line.replace(/^ts=\S+ gid=\d+ /, '')))
  return found
}

test('a look-up is told with its status', () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  setKey(log, 'a key')
  log.connectionNumber = 31
  log.emitGet()
  Object.assign(log, { status: GET_STATUS.found, sizeClass: 2, size: 7 })
  log.emitGet()
  log.status = GET_STATUS.flushed
  log.emitGet()
  log.status = GET_STATUS.expired
  log.emitGet()
  assert.deepEqual(lines(reader), [
    'type=item_get key=a%20key status=not_found clsid=0 cfd=31 size=0\n',
    'type=item_get key=a%20key status=found clsid=2 cfd=31 size=7\n',
    'type=item_get key=a%20key status=flushed clsid=2 cfd=31 size=7\n',
    'type=item_get key=a%20key status=expired clsid=2 cfd=31 size=7\n',
  ])
})

test('a store is told with its command, outcome and remaining time', () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  setKey(log, 'k')
  Object.assign(log, { now: 100, connectionNumber: 4, sizeClass: 1, size: 3 })
  const statuses = Object.values(STORE_STATUS)
  const { set, add, replace, append, prepend, cas } = EVENT_COMMAND
  for (const [index, command] of [set, add, replace, append, prepend, cas].entries()) {
    log.command = command
    log.status = statuses[index]!
    log.exptime = [0, 160, 99, 0, 0, 0][index]!
    log.emitStore()
  }
  const tail = 'clsid=1 cfd=4 size=3\n'
  assert.deepEqual(lines(reader), [
    `type=item_store key=k status=not_stored cmd=set ttl=0 ${tail}`,
    `type=item_store key=k status=stored cmd=add ttl=60 ${tail}`,
    `type=item_store key=k status=exists cmd=replace ttl=-1 ${tail}`,
    `type=item_store key=k status=not_found cmd=append ttl=0 ${tail}`,
    `type=item_store key=k status=too_large cmd=prepend ttl=0 ${tail}`,
    `type=item_store key=k status=no_memory cmd=cas ttl=0 ${tail}`,
  ])
})

test('an eviction is told with what the item was', () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  setKey(log, 'e')
  Object.assign(log, { now: 50, lastAccess: 43, fetched: true, sizeClass: 9, size: 500 })
  log.emitEviction()
  Object.assign(log, { exptime: 60, fetched: false })
  log.emitEviction()
  assert.deepEqual(lines(reader), [
    'type=eviction key=e fetch=yes ttl=-1 la=7 clsid=9 size=500\n',
    'type=eviction key=e fetch=no ttl=10 la=7 clsid=9 size=500\n',
  ])
})

test('a deletion is told with its command', () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  setKey(log, 'd')
  Object.assign(log, { command: EVENT_COMMAND.delete, sizeClass: 1, size: 5 })
  log.emitDeleted()
  log.command = EVENT_COMMAND.metaDelete
  log.emitDeleted()
  assert.deepEqual(lines(reader), [
    'type=deleted key=d cmd=delete clsid=1 size=5\n',
    'type=deleted key=d cmd=md clsid=1 size=5\n',
  ])
})

test('connections are told when they come and when they go, and why', () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  Object.assign(log, { address: '::1', port: 4242, connectionNumber: 8 })
  log.emitConnNew()
  Object.assign(log, { address: 'unix', port: 0, local: true })
  for (const reason of Object.values(CLOSE_REASON)) {
    log.reason = reason
    log.emitConnClose()
  }
  const close = 'type=conn_close rip=unix rport=0 transport=local'
  assert.deepEqual(lines(reader), [
    'type=conn_new rip=::1 rport=4242 transport=tcp cfd=8\n',
    `${close} reason=normal cfd=8\n`,
    `${close} reason=error cfd=8\n`,
    `${close} reason=idle_timeout cfd=8\n`,
    `${close} reason=shutdown cfd=8\n`,
    `${close} reason=request_timeout cfd=8\n`,
    `${close} reason=write_timeout cfd=8\n`,
    `${close} reason=memory cfd=8\n`,
  ])
})

test('the longest key takes 750 bytes', () => {
  const { logs, reader } = bench()
  setKey(logs[0]!, '\xff'.repeat(250))
  logs[0]!.emitGet()
  assert.match(lines(reader)[0]!, /^type=item_get key=(%FF){250} status/)
})

test('each kind has its bit, its time is now and its number one more', () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  setKey(log, 'k')
  const before = monotonicMilliseconds()
  log.emitGet()
  log.emitStore()
  log.emitEviction()
  log.emitDeleted()
  log.emitConnNew()
  log.emitConnClose()
  const after = monotonicMilliseconds()
  const kinds: number[] = []
  const numbers: number[] = []
  reader.drain(FOREVER, (kind, time, line) => {
    kinds.push(kind)
    assert.ok(time >= before - 1 && time <= after + 1, `${before} ${time} ${after}`)
    const [, seconds, number] = /^ts=(\d+\.\d{6}) gid=(\d+) type=/.exec(line) ?? []
    assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 5)
    numbers.push(Number(number))
  })
  const { fetchers, mutations, evictions, deletions, connevents } = WATCH
  assert.deepEqual(kinds, [fetchers, mutations, evictions, deletions, connevents, connevents])
  assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6])
})

test('microseconds always have six digits', () => {
  assert.equal(timeText(1795343195000), '1795343195.000000')
  assert.equal(timeText(1795343195000.5), '1795343195.000500')
  assert.equal(timeText(1795343195987.25), '1795343195.987250')
})

test('a full ring drops and counts, and goes on when it was emptied', () => {
  const { logs, reader, counters } = bench()
  const log = logs[0]!
  const block = counters[0]!
  for (let round = 0; round < 50; round++) {
    const dropped = block[COUNTER.watchDropped]!
    let made = 0
    // Keys of many lengths, so that the end of the ring is met in every way.
    while (block[COUNTER.watchDropped] === dropped) {
      setKey(log, 'k'.repeat(1 + ((round * 7 + made * 13) % 250)))
      log.size = made++
      log.emitGet()
    }
    const sizes = lines(reader).map((line) => Number(/size=(\d+)/.exec(line)?.[1]))
    assert.deepEqual(
      sizes,
      Array.from({ length: made - 1 }, (_, size) => size),
    )
    assert.ok(made > 13, `${made}`)
  }
  assert.equal(block[COUNTER.watchDropped], 50)
})

test('positions may pass 2^31 and 2^32', () => {
  const recordBytes = 256
  const perDrain = 5
  for (const start of [0x7fffffff, 0xffffffff]) {
    const rings = createEventRings(1, RING_BYTES)
    const counters = new Float64Array(64)
    const log = new EventLog(rings, 0, RING_BYTES, counters)
    const reader = new EventReader(rings, 1, RING_BYTES)
    setKey(log, 'k'.repeat(200))
    // The ring has been full once, so that what lies behind the end looks like records too.
    for (let made = 0; made < RING_BYTES / recordBytes; made++) log.emitGet()
    reader.discard()
    // As if so many events had been made before that the limit is two records away.
    new Int32Array(rings).fill((start + 1 - 2 * recordBytes) | 0, 0, 17)
    for (let round = 0; round < 8; round++) {
      for (let made = 0; made < perDrain; made++) {
        log.size = round * perDrain + made
        log.emitGet()
      }
      const sizes = lines(reader).map((line) => Number(/size=(\d+)/.exec(line)?.[1]))
      assert.deepEqual(
        sizes,
        Array.from({ length: perDrain }, (_, made) => round * perDrain + made),
      )
    }
    assert.equal(counters[COUNTER.watchDropped], 0)
    for (let made = 0; made < RING_BYTES / recordBytes + 3; made++) log.emitGet()
    assert.equal(counters[COUNTER.watchDropped], 3)
  }
})

test('events of several workers come in the order of their time', async () => {
  const { logs, reader } = bench(3)
  for (let number = 0; number < 12; number++) {
    const log = logs[number % 3]!
    setKey(log, 'k')
    log.size = number
    log.emitGet()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const sizes = lines(reader).map((line) => Number(/size=(\d+)/.exec(line)?.[1]))
  assert.deepEqual(sizes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
})

test('a drain up to a moment leaves later events for the next', async () => {
  const { logs, reader } = bench()
  const log = logs[0]!
  setKey(log, 'early')
  log.emitGet()
  await new Promise((resolve) => setTimeout(resolve, 3))
  const moment = monotonicMilliseconds()
  await new Promise((resolve) => setTimeout(resolve, 3))
  setKey(log, 'late')
  log.emitGet()
  const early: string[] = []
  reader.drain(moment, (_kind, _time, line) => early.push(line))
  assert.equal(early.length, 1)
  assert.match(early[0]!, /key=early/)
  assert.match(lines(reader).join(''), /^type=item_get key=late .*\n$/)
})

test('discard empties the rings', () => {
  const { logs, reader } = bench(2)
  for (const log of logs) {
    setKey(log, 'k')
    log.emitGet()
  }
  reader.discard()
  assert.deepEqual(lines(reader), [])
})

test('real threads lose nothing but what they count as dropped', { timeout: 30_000 }, async () => {
  const events = 20_000
  const counters = createCounters(2)
  const rings = createEventRings(2, 65536)
  const threads = [0, 1].map((worker) => {
    const workerData: ProducerStart = { rings, ringBytes: 65536, counters, worker, events }
    return new Worker(new URL('./event-producer.ts', import.meta.url), { workerData })
  })
  let running = threads.length
  for (const thread of threads) {
    void once(thread, 'message').then(() => {
      running--
      return thread.terminate()
    })
  }
  const reader = new EventReader(rings, 2, 65536)
  const last = [-1, -1]
  let seen = 0
  const sink = (_kind: number, _time: number, line: string): void => {
    const found = /key=w(\d)-(\d+)-(x*) .* cfd=(\d) size=(\d+)\n$/.exec(line)
    assert.ok(found !== null, line)
    const [, worker, number, , connection, size] = found.map(Number)
    assert.equal(worker, connection)
    assert.equal(number, size)
    assert.ok(number! > last[worker!]!, 'in order')
    last[worker!] = number!
    seen++
  }
  while (running > 0) {
    reader.drain(monotonicMilliseconds() - 1, sink)
    await new Promise((resolve) => setImmediate(resolve))
  }
  reader.drain(FOREVER, sink)
  const blocks = [counterBlock(counters, 0), counterBlock(counters, 1)]
  const dropped = blocks.reduce((sum, block) => sum + block[COUNTER.watchDropped]!, 0)
  const written = blocks.reduce((sum, block) => sum + block[COUNTER.watchWritten]!, 0)
  assert.equal(seen, written)
  assert.equal(seen + dropped, 2 * events)
  assert.ok(seen > 0)
})
