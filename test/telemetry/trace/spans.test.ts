import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { LINE } from '../../../src/protocol/lines.ts'
import { LATENCY_BUCKETS } from '../../../src/telemetry/latency.ts'
import { OtlpReceiver } from './otlp-receiver.ts'
import { TracingProcess } from './tracing-process.ts'

const STATUS_UNSET = 0
const STATUS_ERROR = 2
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`

suite('spans', { concurrency: 2 }, () => {
  test('each kind of answer has the span that fits it', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const tracing = await TracingProcess.start(t, {
      ...receiver.environment,
      OTEL_SERVICE_NAME: 'sessions',
    })
    tracing.write(
      { command: 'mg', keysFound: 0 },
      { command: 'get', keysAsked: 5, keysFound: 3 },
      { command: 'set', kind: 'error', keysAsked: 0, errorLine: LINE.badDataChunk },
      { command: 'invalid', kind: 'error', keysAsked: 0, errorLine: LINE.error },
      { command: 'set', kind: 'error', keysAsked: 0, errorLine: LINE.noMemoryStoring },
      { command: 'get', kind: 'slow', commands: 40, keysAsked: 40, keysFound: 39 },
      { command: 'delete', kind: 'slow', connectionNumber: 6, port: 0, address: 'unix' },
    )
    const [miss, many, client, unknown, server, batch, slow] = await receiver.received(7)
    const pick = (span: typeof miss, ...names: string[]): unknown[] =>
      names.map((name) => span?.attributes[name])
    assert.equal(miss?.status.code, STATUS_UNSET)
    assert.deepEqual(pick(miss, 'memcached.hit', 'error.type'), [false, undefined])
    assert.equal(miss?.parentSpanId, '')
    assert.deepEqual(
      pick(many, 'memcached.hit', 'memcached.items.requested', 'memcached.items.found'),
      [undefined, 5, 3],
    )
    assert.equal(client?.status.code, STATUS_UNSET)
    assert.deepEqual(
      pick(client, 'error.type', 'db.response.status_code', 'memcached.error', 'memcached.hit'),
      ['CLIENT_ERROR', 'CLIENT_ERROR', 'CLIENT_ERROR bad data chunk', undefined],
    )
    assert.equal(unknown?.status.code, STATUS_UNSET)
    assert.deepEqual(pick(unknown, 'error.type', 'db.operation.name'), ['ERROR', 'invalid'])
    assert.deepEqual(server?.status, {
      code: STATUS_ERROR,
      message: 'SERVER_ERROR out of memory storing object',
    })
    assert.deepEqual(pick(server, 'error.type'), ['SERVER_ERROR'])
    assert.equal(batch?.name, 'BATCH get')
    assert.deepEqual(pick(batch, 'db.operation.name', 'db.operation.batch.size'), ['BATCH get', 40])
    assert.equal(slow?.name, 'delete')
    assert.deepEqual(
      pick(slow, 'db.operation.batch.size', 'network.peer.address', 'network.peer.port'),
      [undefined, undefined, undefined],
    )
    assert.equal(slow?.resource['service.name'], 'sessions')
    const line = await tracing.line(({ command }) => command === 'delete')
    assert.equal(line.trace_id, slow?.traceId)
    assert.equal(line.span_id, slow?.spanId)
    assert.equal(line.client, 'unix')
  })

  test('a key is shown only as the settings allow', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const record = { kind: 'slow', key: 'user:ann@example.com' } as const
    for (const keys of ['off', 'prefix', 'hash', 'hash']) {
      const variables = { ...receiver.environment, MEMCKV_TRACES_KEYS: keys }
      const tracing = await TracingProcess.start(t, variables)
      if (keys === 'prefix') tracing.write({ ...record, key: 'user' }, { ...record, key: '' })
      else tracing.write(record, record)
      await tracing.line(({ msg }) => msg === 'slow command')
      await tracing.stop()
      assert.ok(!tracing.output.includes('ann@'), tracing.output)
    }
    const found = (await receiver.received(8)).map(({ attributes }) => [
      attributes['memcached.key.prefix'],
      attributes['memcached.key.hash'],
    ])
    const [off1, off2, prefix1, prefix2, hash1, hash2, other] = found
    assert.deepEqual(
      [off1, off2, prefix1, prefix2],
      [
        [undefined, undefined],
        [undefined, undefined],
        ['user', undefined],
        [undefined, undefined],
      ],
    )
    assert.match(String(hash1?.[1]), /^[0-9a-f]{16}$/)
    assert.deepEqual(hash2, hash1)
    // Another process has another salt.
    assert.match(String(other?.[1]), /^[0-9a-f]{16}$/)
    assert.notDeepEqual(other, hash1)
    assert.ok(!JSON.stringify(receiver.spans.map(({ attributes }) => attributes)).includes('ann@'))
  })

  test('of spans of slow turns there are at most traces.rateLimit in a second', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const variables = { ...receiver.environment, MEMCKV_TRACES_RATE_LIMIT: '3' }
    const tracing = await TracingProcess.start(t, variables)
    const asked = { traceparent: TRACEPARENT }
    const unasked = {
      traceparent: TRACEPARENT.replace(/01$/, '00'),
      kind: 'slow',
      commands: 2,
    } as const
    tracing.write(...Array.from({ length: 10 }, () => [unasked, asked]).flat())
    await receiver.received(13)
    const { figures } = await tracing.stop()
    // Nothing is wrong with what was not wanted, so it does not count as dropped.
    assert.deepEqual(figures, { sent: 13, dropped: 0, limited: 7 })
  })

  test('a slow command that was sampled has one span, and its line', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const tracing = await TracingProcess.start(t, receiver.environment)
    const slow = { kind: 'slow', traceparent: TRACEPARENT, milliseconds: 70 } as const
    tracing.write(
      // Begins a little after its turn.
      { traceparent: TRACEPARENT, beginUnixMilliseconds: 1001, milliseconds: 69 },
      { ...slow, beginUnixMilliseconds: 1000 },
      { ...slow, beginUnixMilliseconds: 2000, command: 'touch' },
    )
    const line = await tracing.line(({ msg }) => msg === 'slow command')
    assert.equal(line.trace_id, TRACE_ID)
    await tracing.stop()
    assert.deepEqual(
      receiver.spans.map(({ name }) => name),
      ['get', 'touch'],
    )
  })

  test('traces.slow and traces.errors switch those spans off, not the log', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const tracing = await TracingProcess.start(t, {
      ...receiver.environment,
      MEMCKV_TRACES_SLOW: 'false',
      MEMCKV_TRACES_ERRORS: 'false',
    })
    tracing.write({ kind: 'slow' }, { kind: 'error', errorLine: LINE.error }, { command: 'touch' })
    await tracing.line(({ msg }) => msg === 'slow command')
    await tracing.stop()
    assert.deepEqual(
      receiver.spans.map(({ name }) => name),
      ['touch'],
    )
  })

  test('a client’s trace is not followed without tracecontext among the propagators', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const variables = { ...receiver.environment, OTEL_PROPAGATORS: 'none' }
    const tracing = await TracingProcess.start(t, variables)
    tracing.write({ traceparent: TRACEPARENT })
    const [span] = await receiver.received(1)
    assert.equal(span?.parentSpanId, '')
    assert.notEqual(span?.traceId, TRACE_ID)
  })

  test('the latest span of each bucket can be shown with its histogram', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const tracing = await TracingProcess.start(t, receiver.environment)
    tracing.write(
      { milliseconds: 0.03 },
      { milliseconds: 0.05 },
      { milliseconds: 250 },
      { command: 'mg', milliseconds: 0.001 },
    )
    const spans = await receiver.received(4)
    const { get, mg } = await tracing.exemplars()
    assert.equal(get?.length, LATENCY_BUCKETS)
    const held = get?.flatMap((exemplar, bucket) => (exemplar === null ? [] : [bucket]))
    // Up to 50 µs is the sixth bucket; 250 ms is beyond the last bound.
    assert.deepEqual(held, [5, LATENCY_BUCKETS - 1])
    assert.deepEqual(get?.[5], {
      traceId: spans[1]?.traceId,
      spanId: spans[1]?.spanId,
      valueSeconds: 0.05 / 1000,
      unixSeconds: get?.[5]?.unixSeconds,
    })
    assert.equal(Math.round(get?.[5]?.unixSeconds ?? 0), 1_700_000_000)
    assert.equal(mg?.[0]?.spanId, spans[3]?.spanId)
  })

  test('what is in the rings at the end is sent before the end', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const variables = { ...receiver.environment, OTEL_BSP_SCHEDULE_DELAY: '60000' }
    const tracing = await TracingProcess.start(t, variables)
    tracing.write(...Array.from({ length: 300 }, () => ({ traceparent: TRACEPARENT })))
    const { figures } = await tracing.stop()
    assert.deepEqual(figures, { sent: 300, dropped: 0, limited: 0 })
    assert.equal(receiver.spans.length, 300)
  })
})
