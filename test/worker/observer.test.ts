import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/base/config.ts'
import type { Sampling } from '../../src/base/messages.ts'
import { LINE } from '../../src/protocol/lines.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import { Parser } from '../../src/protocol/parser.ts'
import { PARSE_READY } from '../../src/protocol/request.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { RING_POSITION } from '../../src/telemetry/event-ring.ts'
import { createLatency, LatencyRecorder } from '../../src/telemetry/latency.ts'
import { TraceRecorder } from '../../src/telemetry/trace-recorder.ts'
import {
  createTraceRings,
  TRACE,
  TRACE_FLAG,
  TRACE_KIND,
  traceRing,
} from '../../src/telemetry/trace-ring.ts'
import { ASKED_SPANS_PER_SECOND, Observer } from '../../src/worker/observer.ts'
import { load } from '../config/load-with.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN_ID = '00f067aa0ba902b7'
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`
const NOT_SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-00`
/** What OpenTelemetry's default means for a server: only what the client's trace keeps. */
const BY_PARENT: Sampling = { root: 0, parentSampled: 1, parentNotSampled: 0 }

const { config: STANDARD } = await load()

/** The standard settings with some changed. */
function configWith(
  changes: {
    readonly [Section in 'log' | 'metrics' | 'traces']?: Partial<Config[Section]>
  },
): Config {
  const { log, metrics, traces } = STANDARD
  return {
    ...STANDARD,
    log: { ...log, ...changes.log },
    metrics: { ...metrics, ...changes.metrics },
    traces: { ...traces, ...changes.traces },
  }
}

interface Bench {
  readonly observer: Observer
  readonly counters: Float64Array
  /** One command as the corridor would run it; true when it became a span. */
  run(line: string, errorLine?: number): boolean
  records(): Record[]
}

interface Record {
  readonly kind: number
  readonly word: (index: number) => number
  readonly address: string
  readonly key: string
  readonly traceId: string
  readonly parentSpanId: string
  readonly milliseconds: number
  readonly turnMilliseconds: number
}

function bench(
  config: Config,
  sampling: Sampling | null,
  place: { worker: number; workers: number } = { worker: 0, workers: 1 },
): Bench {
  const counters = new Float64Array(128)
  const rings = createTraceRings(1)
  const observer = new Observer({
    config,
    sampling,
    ...place,
    counters,
    latency: new LatencyRecorder(createLatency(1), 0),
    recorder: new TraceRecorder(rings, 0, counters),
  })
  const parser = new Parser(1, 1024 * 1024, true)
  const peer = { address: '10.1.2.3', port: 4711, local: false }
  observer.begin({ number: 7, peer }, performance.now())
  return {
    observer,
    counters,
    run: (line, errorLine = -1) => {
      const buffer = Buffer.from(line)
      assert.equal(parser.parse(buffer, 0, buffer.length), PARSE_READY)
      const isSpan = observer.samples && observer.picks(parser.request)
      if (isSpan) {
        observer.beginSpan(parser.request)
        counters[COUNTER.getHits]! += 2
        counters[COUNTER.getMisses]! += 1
        observer.endSpan(parser.request.opcode, errorLine)
      } else if (errorLine >= 0) {
        observer.error(parser.request.opcode, errorLine)
      }
      observer.command(parser.request.opcode)
      return isSpan
    },
    records: () => readRecords(rings),
  }
}

function readRecords(rings: SharedArrayBuffer): Record[] {
  const { positions, words, times, bytes } = traceRing(rings, 0)
  const records: Record[] = []
  for (let at = 0; at < positions[RING_POSITION.written]!; ) {
    const offset = at
    const word = (index: number): number => words[offset / 4 + index]!
    const text = offset + TRACE.headerBytes
    const key = text + word(TRACE.addressBytes)
    const hex = (index: number, length: number): string =>
      bytes.toString('hex', offset + index * 4, offset + index * 4 + length)
    records.push({
      kind: word(TRACE.kind),
      word,
      address: bytes.toString('latin1', text, key),
      key: bytes.toString('latin1', key, key + word(TRACE.keyBytes)),
      traceId: hex(TRACE.traceId, 16),
      parentSpanId: hex(TRACE.parentSpanId, 8),
      milliseconds: times[(offset + TRACE.duration * 4) / 8]!,
      turnMilliseconds: times[(offset + TRACE.turn * 4) / 8]!,
    })
    at += word(TRACE.totalBytes)
  }
  return records
}

test('a sampled parent in the L token makes a span', () => {
  const { run, records, counters } = bench(configWith({}), BY_PARENT)
  assert.equal(run(`mg key v L${SAMPLED} k\r\n`), true)
  const [record, ...others] = records()
  assert.deepEqual(others, [])
  assert.equal(record?.kind, TRACE_KIND.command)
  assert.equal(record.word(TRACE.opcode), OPCODE.metaGet)
  assert.equal(record.word(TRACE.flags), TRACE_FLAG.parent)
  assert.equal(record.word(TRACE.traceFlags), 1)
  assert.equal(record.traceId, TRACE_ID)
  assert.equal(record.parentSpanId, SPAN_ID)
  assert.equal(record.word(TRACE.keysAsked), 3)
  assert.equal(record.word(TRACE.keysFound), 2)
  assert.equal(record.word(TRACE.valueBytes), -1)
  assert.equal(record.word(TRACE.connectionNumber), 7)
  assert.equal(record.word(TRACE.port), 4711)
  assert.equal(record.address, '10.1.2.3')
  assert.equal(record.key, '')
  assert.equal(counters[COUNTER.spansSampled], 1)
})

test('other parents, other tokens and other commands make none', () => {
  const { run, records } = bench(configWith({}), BY_PARENT)
  assert.equal(run(`mg key v L${NOT_SAMPLED}\r\n`), false)
  assert.equal(run(`mg key v P${SAMPLED}\r\n`), false)
  assert.equal(run(`mg key v O123 Lgarbage\r\n`), false)
  assert.equal(run('mg key v\r\n'), false)
  // The flags of the command before are still in the request.
  assert.equal(run(`mg key v L${SAMPLED}\r\n`), true)
  assert.equal(run('get key\r\n'), false)
  assert.equal(run('mn\r\n'), false)
  assert.equal(run('version\r\n'), false)
  assert.equal(run(`get L${SAMPLED}\r\n`), false)
  assert.equal(records().length, 1)
})

test('a storage command says how large its value was', () => {
  const { run, records } = bench(configWith({}), BY_PARENT)
  run(`ms key 5 L${SAMPLED}\r\nhello\r\n`)
  assert.equal(records()[0]?.word(TRACE.valueBytes), 5)
})

test('the prefix of the token is asked for when it is set', () => {
  const { run } = bench(configWith({ traces: { tokenPrefix: 'tp=' } }), BY_PARENT)
  assert.equal(run(`mg key v L${SAMPLED}\r\n`), false)
  assert.equal(run(`mg key v Ltp=${SAMPLED}\r\n`), true)
  assert.equal(run(`mg key v Ltp\r\n`), false)
})

test('sampling without a parent: all, none, and a share of them', () => {
  const all = bench(configWith({ traces: { rateLimit: 100_000 } }), { ...BY_PARENT, root: 1 })
  for (let round = 0; round < 50; round++) assert.equal(all.run('get a\r\n'), true)
  const none = bench(configWith({}), BY_PARENT)
  for (let round = 0; round < 50; round++) assert.equal(none.run('get a\r\n'), false)
  const some = bench(configWith({ traces: { rateLimit: 100_000 } }), { ...BY_PARENT, root: 0.1 })
  let spans = 0
  for (let round = 0; round < 20_000; round++) if (some.run('get a\r\n')) spans++
  // Ten standard deviations around the mean.
  assert.ok(spans > 1576 && spans < 2424, `${spans} of 20000`)
})

test('with a parent it is the trace that is drawn, so all its commands are kept or none', () => {
  const { run } = bench(configWith({}), { root: 0, parentSampled: 0.5, parentNotSampled: 0.5 })
  const kept = Array.from({ length: 200 }, (_, trace) => {
    const traceId = `${(Math.imul(trace, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')}${'5'.repeat(24)}`
    const spans = Array.from({ length: 4 }, () => run(`mg a L00-${traceId}-${SPAN_ID}-01\r\n`))
    assert.equal(new Set(spans).size, 1)
    return spans[0]
  }).filter(Boolean).length
  assert.ok(kept > 40 && kept < 160, `${kept} of 200`)
})

test('what the server begins of itself is limited by the second, what clients ask for is not', () => {
  const { run, observer } = bench(configWith({ traces: { rateLimit: 3 } }), {
    ...BY_PARENT,
    root: 1,
  })
  const spans = (line: string): number =>
    Array.from({ length: 9 }, () => run(line)).filter(Boolean).length
  assert.equal(spans('get a\r\n'), 3)
  assert.equal(spans(`mg a L${SAMPLED}\r\n`), 9)
  observer.everySecond()
  assert.equal(spans('get a\r\n'), 3)
})

test('an error becomes a record of its own, unless it is a span already', () => {
  const { run, records } = bench(configWith({}), BY_PARENT)
  run('incr a 1\r\n', LINE.nonNumeric)
  run(`mg a L${SAMPLED}\r\n`, LINE.badFormat)
  const [error, span] = records()
  assert.equal(error?.kind, TRACE_KIND.error)
  assert.equal(error.word(TRACE.errorLine), LINE.nonNumeric)
  assert.equal(error.word(TRACE.flags), 0)
  assert.equal(span?.kind, TRACE_KIND.command)
  assert.equal(span.word(TRACE.errorLine), LINE.badFormat)
})

test('errors are not traced when nobody wants that', () => {
  const off = bench(configWith({ traces: { errors: false } }), BY_PARENT)
  off.run('incr a 1\r\n', LINE.nonNumeric)
  const untraced = bench(configWith({}), null)
  untraced.run('incr a 1\r\n', LINE.nonNumeric)
  assert.deepEqual([...off.records(), ...untraced.records()], [])
})

test('keys: none by default, up to the delimiter, or whole for the hash', () => {
  const keyOf = (keys: Config['traces']['keys'], key: string): string | undefined => {
    const { run, records } = bench(configWith({ traces: { keys } }), BY_PARENT)
    run(`mg ${key} v O: L${SAMPLED}\r\n`)
    return records()[0]?.key
  }
  assert.equal(keyOf('off', 'user:1'), '')
  assert.equal(keyOf('prefix', 'user:1'), 'user')
  assert.equal(keyOf('prefix', 'plain'), '')
  assert.equal(keyOf('hash', 'user:1'), 'user:1')
})

test('a slow turn is counted and told of, with the parent of a command in it', () => {
  const { run, records, observer, counters } = bench(
    configWith({ log: { slowThreshold: 1 } }),
    BY_PARENT,
  )
  run('get a\r\n')
  run(`mg a L${SAMPLED}\r\n`)
  run('get a\r\n')
  const until = performance.now() + 2
  while (performance.now() < until);
  observer.end()
  const slow = records().at(-1)
  assert.equal(slow?.kind, TRACE_KIND.slow)
  assert.equal(slow.word(TRACE.opcode), OPCODE.get)
  assert.equal(slow.word(TRACE.commands), 3)
  assert.equal(slow.traceId, TRACE_ID)
  assert.ok(slow.milliseconds >= 2)
  assert.equal(counters[COUNTER.slowTurns], 1)
  assert.equal(counters[COUNTER.slowCommands], 3)
})

test('a turn that is not slow leaves no record', () => {
  const { run, records, observer, counters } = bench(
    configWith({ log: { slowThreshold: 1000 } }),
    null,
  )
  run('get a\r\n')
  observer.end()
  assert.deepEqual(records(), [])
  assert.equal(counters[COUNTER.slowTurns], 0)
})

test('a full ring loses records, which are counted, and nothing else', () => {
  const { run, records, counters } = bench(configWith({}), BY_PARENT)
  for (let round = 0; round < 900; round++) assert.equal(run(`mg a L${SAMPLED}\r\n`), true)
  assert.equal(counters[COUNTER.spansSampled], 900)
  const kept = records().length
  assert.ok(kept > 400 && kept < 800, `${kept}`)
  assert.equal(counters[COUNTER.spansDropped], 900 - kept)
})

test('clients can ask for so many spans in a second, and slow turns find room behind them', () => {
  const slow = configWith({ log: { slowThreshold: 1 } })
  const { run, records, counters, observer } = bench(slow, BY_PARENT)
  const asked = Array.from({ length: 1100 }, () => run(`mg a L${SAMPLED}\r\n`))
  assert.equal(asked.filter(Boolean).length, ASKED_SPANS_PER_SECOND)
  assert.equal(counters[COUNTER.spansLimited], 100)
  const until = performance.now() + 2
  while (performance.now() < until);
  observer.end()
  assert.equal(records().at(-1)?.kind, TRACE_KIND.slow)
})

test('workers share the limit of what the server begins of itself', () => {
  const allowances = Array.from({ length: 4 }, (_, worker) => {
    const limited = configWith({ traces: { rateLimit: 6 } })
    const { run } = bench(limited, { ...BY_PARENT, root: 1 }, { worker, workers: 4 })
    return Array.from({ length: 9 }, () => run('get a\r\n')).filter(Boolean).length
  })
  assert.deepEqual(allowances, [2, 2, 1, 1])
})

test('a span learns how long its turn took', () => {
  const { run, records, observer } = bench(configWith({}), BY_PARENT)
  run(`mg a L${SAMPLED}\r\n`)
  assert.equal(records()[0]?.turnMilliseconds, 0)
  const until = performance.now() + 2
  while (performance.now() < until);
  observer.end()
  const [record] = records()
  assert.ok(record !== undefined && record.turnMilliseconds >= 2 && record.milliseconds < 2)
})

test('nothing is observed when nobody wants anything', () => {
  const quiet = configWith({ metrics: { latency: false }, log: { slowThreshold: 0 } })
  assert.equal(Observer.isNeeded(quiet, null), false)
  assert.equal(Observer.isNeeded(quiet, BY_PARENT), true)
  assert.equal(Observer.isNeeded(configWith({ log: { slowThreshold: 0 } }), null), true)
  assert.equal(Observer.isNeeded(configWith({ metrics: { latency: false } }), null), true)
})
