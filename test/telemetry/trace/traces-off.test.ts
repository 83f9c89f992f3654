import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { until } from '../../support/deadline.ts'
import { TracingProcess } from './tracing-process.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`

suite('without traces', { concurrency: 2 }, () => {
  for (const [why, variables] of [
    ['because nothing names a collector', {}],
    ['because of OTEL_SDK_DISABLED', { OTEL_SDK_DISABLED: 'true', MEMCKV_TRACES_ENABLED: 'on' }],
    ['because of the setting', { MEMCKV_TRACES_ENABLED: 'off', OTEL_TRACES_EXPORTER: 'otlp' }],
  ] as const) {
    test(`nothing of OpenTelemetry is loaded, ${why}`, async (t) => {
      const tracing = await TracingProcess.start(t, variables)
      tracing.write({ kind: 'slow', traceparent: TRACEPARENT })
      const line = await tracing.line(({ msg }) => msg === 'slow command')
      assert.equal(line.trace_id, TRACE_ID)
      assert.deepEqual((await tracing.stop()).figures, { sent: 0, dropped: 0, limited: 0 })
      assert.ok(!tracing.loadedOpenTelemetry, tracing.output)
    })
  }

  test('with them it is loaded: the question above is a real one', async (t) => {
    const tracing = await TracingProcess.start(t, { MEMCKV_TRACES_ENABLED: 'on' })
    await tracing.line(({ msg }) => msg === 'traces are on')
    await until(
      () => tracing.loadedOpenTelemetry,
      () => tracing.output,
    )
  })

  test('a slow turn has a line, without its key', async (t) => {
    const tracing = await TracingProcess.start(t, {})
    tracing.write({
      kind: 'slow',
      command: 'set',
      commands: 3,
      milliseconds: 71.23456,
      valueBytes: 1000,
      address: '2001:db8::9',
      key: 'secret',
    })
    const {
      level,
      part,
      time: _,
      ...line
    } = await tracing.line(({ msg }) => msg === 'slow command')
    assert.deepEqual([level, part], [40, 'slow'])
    assert.deepEqual(line, {
      command: 'set',
      commands: 3,
      milliseconds: 71.235,
      connection: 5,
      client: '[2001:db8::9]:40000',
      valueBytes: 1000,
      msg: 'slow command',
    })
    assert.ok(!tracing.output.includes('secret'))
  })

  test('lines beyond log.slowRate are counted instead', async (t) => {
    const tracing = await TracingProcess.start(t, { MEMCKV_LOG_SLOW_RATE: '4' })
    tracing.write(...Array.from({ length: 20 }, () => ({ kind: 'slow' }) as const))
    const more = await tracing.line(({ msg }) => msg.startsWith('more slow commands'))
    assert.equal(more.leftOut, 16)
    assert.equal(tracing.lines.filter(({ msg }) => msg === 'slow command').length, 4)
  })
})
