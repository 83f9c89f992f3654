import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { until } from '../../support/deadline.ts'
import { OtlpReceiver } from './otlp-receiver.ts'
import { TracingProcess } from './tracing-process.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

suite('a collector that does not do its part', { concurrency: 2 }, () => {
  test('one that never answers holds the end up for two seconds, and is told', async (t) => {
    const receiver = await OtlpReceiver.start(t, 'http/protobuf', 'hang')
    const tracing = await TracingProcess.start(t, receiver.environment)
    tracing.write({ traceparent: TRACEPARENT })
    await until(
      () => receiver.requests > 0,
      () => 'nothing came',
    )
    const { milliseconds } = await tracing.stop()
    assert.ok(milliseconds >= 1900, `${milliseconds} ms`)
    const line = await tracing.line(({ msg }) => msg.includes('could not be sent in time'))
    assert.equal(line.lost, 1)
  })

  test('with one that never answers, spans that find no room are dropped and counted', async (t) => {
    const receiver = await OtlpReceiver.start(t, 'http/protobuf', 'hang')
    const tracing = await TracingProcess.start(t, {
      ...receiver.environment,
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
    })
    tracing.write(...Array.from({ length: 100 }, () => ({ traceparent: TRACEPARENT })))
    const figures = await tracing.figuresUntil(({ dropped }) => dropped > 0)
    // Ten are on their way, twenty wait.
    assert.deepEqual(figures, { sent: 0, dropped: 70, limited: 0 })
  })

  for (const protocol of ['http/protobuf', 'grpc'] as const) {
    test(`what one refuses over ${protocol} is counted, and told as a warning`, async (t) => {
      const receiver = await OtlpReceiver.start(t, protocol, 'refuse')
      const tracing = await TracingProcess.start(t, {
        ...receiver.environment,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer-of-secrets',
      })
      tracing.write({ traceparent: TRACEPARENT }, { traceparent: TRACEPARENT })
      await tracing.figuresUntil(({ dropped }) => dropped === 2)
      const line = await tracing.line(({ level, part }) => level === 40 && part === 'traces')
      assert.match(line.msg, /^OpenTelemetry: /)
      assert.ok(line.msg.length <= 300)
      assert.ok(!tracing.output.includes('Bearer-of-secrets'), tracing.output)
      receiver.manner = 'take'
      tracing.write({ traceparent: TRACEPARENT })
      await receiver.received(1)
    })
  }

  test('its many complaints are told ten times in a minute', async (t) => {
    const receiver = await OtlpReceiver.start(t, 'http/protobuf', 'refuse')
    const tracing = await TracingProcess.start(t, {
      ...receiver.environment,
      OTEL_BSP_SCHEDULE_DELAY: '1',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
    })
    tracing.write(...Array.from({ length: 30 }, () => ({ traceparent: TRACEPARENT })))
    await tracing.figuresUntil(({ dropped }) => dropped === 30)
    assert.equal(tracing.lines.filter(({ level }) => level === 40).length, 10)
  })

  for (const [what, variables] of [
    ['an endpoint that is none', { OTEL_EXPORTER_OTLP_ENDPOINT: 'no url' }],
    ['an exporter that there is not', { OTEL_TRACES_EXPORTER: 'pigeon' }],
    ['a sampler that there is not', { OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'dice' }],
  ] as const) {
    test(`${what} is told as a warning and ends nothing`, async (t) => {
      const tracing = await TracingProcess.start(t, variables)
      const wrong = Object.values(variables).at(-1) as string
      await tracing.line(({ level, msg }) => level === 40 && msg.includes(wrong))
      tracing.write({ kind: 'slow', traceparent: TRACEPARENT })
      await tracing.line(({ msg }) => msg === 'slow command')
    })
  }

  test('spans for an exporter that there is not are dropped, and no exemplars', async (t) => {
    const tracing = await TracingProcess.start(t, { OTEL_TRACES_EXPORTER: 'pigeon' })
    tracing.write({ traceparent: TRACEPARENT })
    await tracing.figuresUntil(({ sent, dropped }) => sent === 0 && dropped === 1)
    assert.deepEqual(await tracing.exemplars(), {})
  })
})
