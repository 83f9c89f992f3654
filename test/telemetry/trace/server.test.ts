import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../../support/deadline.ts'
import { Server } from '../../support/server.ts'
import { environment } from '../../support/target.ts'
import { OtlpReceiver } from './otlp-receiver.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT_ID = '00f067aa0ba902b7'
const SAMPLED = `00-${TRACE_ID}-${PARENT_ID}-01`
const UNSAMPLED = `00-${TRACE_ID}-${PARENT_ID}-00`
const EXAMPLE = join(import.meta.dirname, '../../../docs/examples/traced-client.mjs')
const PRELOAD = join(import.meta.dirname, 'loaded-modules.ts')

suite('traces of a server', { concurrency: 2 }, () => {
  test('what a client asks for becomes a span, and nothing else does', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      flags: ['-t', '2'],
      environment: receiver.environment,
    })
    const client = await server.connect(t)
    const { localPort } = client.socket
    client.send(`set session:ann 0 0 5\r\nhello\r\nmg session:ann v L${UNSAMPLED}\r\n`)
    await client.expect('STORED\r\nVA 5\r\nhello\r\n')
    client.send(`mg session:ann v L${SAMPLED}\r\nmg session:bob v L${SAMPLED}\r\n`)
    await client.expect('VA 5\r\nhello\r\nEN\r\n')
    client.send(`ms session:ann 3 L${SAMPLED}\r\nnew\r\n`)
    await client.expect('HD\r\n')
    await receiver.received(3)
    await server.stop()
    assert.deepEqual(
      receiver.spans.map(({ name, traceId, parentSpanId, attributes }) => [
        name,
        traceId,
        parentSpanId,
        attributes['memcached.hit'],
        attributes['memcached.value.size'],
      ]),
      [
        ['mg', TRACE_ID, PARENT_ID, true, undefined],
        ['mg', TRACE_ID, PARENT_ID, false, undefined],
        ['ms', TRACE_ID, PARENT_ID, undefined, 3],
      ],
    )
    const [hit] = receiver.spans
    assert.equal(hit?.attributes['server.port'], server.port)
    assert.equal(hit?.attributes['network.peer.port'], localPort)
    assert.equal(hit?.attributes['network.peer.address'], '127.0.0.1')
    const age = Date.now() - Number(hit?.startNanoseconds) / 1e6
    assert.ok(age >= 0 && age < 60_000, `the span began ${age} ms ago`)
    assert.ok(hit.endNanoseconds >= hit.startNanoseconds)
    // Keys are off: nothing that was sent, and nothing in the log, has one.
    assert.ok(!JSON.stringify(receiver.spans.map((span) => span.attributes)).includes('session'))
    assert.ok(!server.output().includes('session:'))
  })

  test('errors and slow turns become spans that nobody asked for', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      // A whole read of commands in one turn.
      flags: ['-t', '1', '-R', '1000000'],
      environment: { ...receiver.environment, MEMCKV_LOG_SLOW_THRESHOLD: '1ms' },
    })
    const client = await server.connect(t)
    client.send('bogus\r\n')
    await client.expect('ERROR\r\n')
    await until(
      () => {
        client.send('md none q\r\n'.repeat(10_000))
        return receiver.spans.some(({ name }) => name.startsWith('BATCH '))
      },
      () => server.output(),
    )
    const error = receiver.spans.find(({ name }) => name === 'invalid')
    assert.equal(error?.attributes['error.type'], 'ERROR')
    const batch = receiver.spans.find(({ name }) => name === 'BATCH md')
    assert.ok(Number(batch?.attributes['db.operation.batch.size']) >= 2)
    const line = server
      .output()
      .split('\n')
      .find((text) => text.includes(String(batch?.spanId)))
    assert.match(String(line), /"part":"slow".*"command":"md".*"msg":"slow command"/)
  })

  test('an error says nothing of what another client sent, and is told of its own', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      flags: ['-t', '1'],
      environment: { ...receiver.environment, MEMCKV_TRACES_KEYS: 'prefix' },
    })
    const [bob, ann] = [await server.connect(t), await server.connect(t)]
    // Bob's value is being thrown away while Ann's request is parsed.
    bob.send(`set large 0 0 2000000\r\n${' PW=secret:'.repeat(100_000)}`)
    ann.send(`mg ${'k'.repeat(200)} v\r\n`)
    await ann.expect('EN\r\n')
    const sent = 11 * 100_000
    bob.send(`${'x'.repeat(2_000_000 - sent)}\r\nset  PW=secret:more\r\n`)
    await bob.expect(
      'SERVER_ERROR object too large for cache\r\nCLIENT_ERROR bad command line format\r\n',
    )
    // A get that stops in the middle ends in an error; what comes next is not to blame.
    ann.send(`set big 0 0 300000\r\n${'b'.repeat(300_000)}\r\nget big ${'x'.repeat(300)}\r\n`)
    await ann.readUntil('format\r\n')
    bob.send(`mg big s L${SAMPLED}\r\n`)
    await bob.expect('HD s300000\r\n')
    await receiver.received(4)
    const spans = receiver.spans.map(({ name, attributes }) => [
      name,
      attributes['db.response.status_code'],
      attributes['memcached.value.size'],
      attributes['memcached.hit'],
    ])
    assert.deepEqual(spans.toSorted(), [
      ['get', 'CLIENT_ERROR', undefined, undefined],
      ['mg', undefined, undefined, true],
      ['set', 'CLIENT_ERROR', undefined, undefined],
      ['set', 'SERVER_ERROR', undefined, undefined],
    ])
    assert.doesNotMatch(JSON.stringify(receiver.spans.map((span) => span.attributes)), /secret/)
  })

  test('the prefix of a key is shown for every command that has one', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      flags: ['-t', '1'],
      environment: {
        ...receiver.environment,
        MEMCKV_TRACES_KEYS: 'prefix',
        OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      },
    })
    const client = await server.connect(t)
    client.send('set user:1 0 0 1\r\n1\r\nget user:1\r\ngets user:1 x:2\r\n')
    client.send('gat 0 user:1\r\ntouch user:1 0\r\nincr user:1 1\r\ndelete user:1\r\n')
    await client.readUntil('DELETED\r\n')
    await receiver.received(7)
    for (const { name, attributes } of receiver.spans) {
      assert.equal(attributes['memcached.key.prefix'], 'user', name)
    }
  })

  test('the last spans are sent after the drain', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      environment: { ...receiver.environment, OTEL_BSP_SCHEDULE_DELAY: '60000' },
    })
    const client = await server.connect(t)
    client.send(`mg key v L${SAMPLED}\r\n`)
    await client.expect('EN\r\n')
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.equal(receiver.spans.length, 1)
    assert.match(server.output(), /"sent":1,"dropped":0,"msg":"traces ended"/)
  })

  test('a collector that hangs does not keep the server from ending', async (t) => {
    const receiver = await OtlpReceiver.start(t, 'http/protobuf', 'hang')
    const server = await Server.start(t, { environment: receiver.environment })
    const client = await server.connect(t)
    client.send(`mg key v L${SAMPLED}\r\n`)
    await client.expect('EN\r\n')
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.match(server.output(), /"lost":1,"msg":"the last spans could not be sent in time"/)
  })

  test('with a token prefix, only a traceparent behind it counts', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      environment: { ...receiver.environment, MEMCKV_TRACES_TOKEN_PREFIX: 'tp=' },
    })
    const client = await server.connect(t)
    client.send(`mg without v L${SAMPLED}\r\nmd with Ltp=${SAMPLED}\r\n`)
    await client.expect('EN\r\nNF\r\n')
    await receiver.received(1)
    await server.stop()
    assert.deepEqual(
      receiver.spans.map(({ name }) => name),
      ['md'],
    )
  })

  for (const isOn of [false, true]) {
    test(`OpenTelemetry is ${isOn ? 'loaded with' : 'not loaded without'} traces`, async (t) => {
      const server = await Server.start(t, {
        environment: {
          NODE_OPTIONS: `--import ${PRELOAD}`,
          MEMCKV_TRACES_ENABLED: isOn ? 'on' : 'auto',
        },
      })
      const client = await server.connect(t)
      client.send(`mg key v L${SAMPLED}\r\n`)
      await client.expect('EN\r\n')
      if (isOn) {
        await until(
          () => server.output().includes('LOADED '),
          () => server.output(),
        )
      } else {
        await server.stop()
        assert.ok(!server.output().includes('LOADED '), server.output())
      }
    })
  }

  test('metrics have the span as an exemplar, and count what became of it', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, {
      environment: receiver.environment,
      sidecar: true,
    })
    const client = await server.connect(t)
    client.send(`mg key v L${SAMPLED}\r\n`)
    await client.expect('EN\r\n')
    const [span] = await receiver.received(1)
    const accept = 'application/openmetrics-text; version=1.0.0'
    const text = await until(
      async () => {
        const response = await fetch(`${server.sidecar}/metrics`, { headers: { accept } })
        const body = await response.text()
        return /^memckv_spans_total\{outcome="sent"\} 1$/m.test(body) && body
      },
      () => 'the span is not counted as sent',
    )
    assert.match(text, /^memckv_spans_total\{outcome="dropped"\} 0$/m)
    const buckets = /^memckv_command_duration_seconds_bucket\{.*"mg".*\} \S+ # \{(.*)\} /m
    const exemplar = buckets.exec(text)?.[1] ?? ''
    assert.ok(exemplar.includes(`trace_id="${TRACE_ID}"`), text)
    assert.ok(exemplar.includes(`span_id="${span?.spanId}"`), text)
  })

  test('the example of a client makes one trace with the server', async (t) => {
    const receiver = await OtlpReceiver.start(t)
    const server = await Server.start(t, { environment: receiver.environment })
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [EXAMPLE, '127.0.0.1', String(server.port)],
      {
        env: {
          ...environment,
          ...receiver.environment,
          OTEL_SERVICE_NAME: 'shop',
          OTEL_METRICS_EXPORTER: 'none',
          OTEL_LOGS_EXPORTER: 'none',
        },
      },
    )
    assert.match(stdout, /^greeting: hello\n/)
    const spans = await receiver.received(5)
    const traceId = /trace: (\w+)/.exec(stdout)?.[1]
    assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([traceId]))
    const of = (service: string): typeof spans =>
      spans.filter(({ resource }) => resource['service.name'] === service)
    const clientSpans = new Map(of('shop').map((span) => [span.spanId, span.name]))
    assert.deepEqual(
      of('memc-kv').map(({ name, parentSpanId }) => [name, clientSpans.get(parentSpanId)]),
      [
        ['ms', 'ms'],
        ['mg', 'mg'],
      ],
    )
  })
})
