import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { version } from '../../../src/version.ts'
import type { OtlpProtocol } from './otlp-receiver.ts'
import { OtlpReceiver } from './otlp-receiver.ts'
import { TracingProcess } from './tracing-process.ts'

const SERVER_KIND = 2
const STATUS_UNSET = 0
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const PARENT_ID = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`

const PROTOCOLS: readonly OtlpProtocol[] = ['http/protobuf', 'http/json', 'grpc']

suite('spans at a collector', { concurrency: 2 }, () => {
  for (const protocol of PROTOCOLS) {
    test(`a command becomes a span, over ${protocol}`, async (t) => {
      const receiver = await OtlpReceiver.start(t, protocol)
      const tracing = await TracingProcess.start(t, {
        ...receiver.environment,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-team=caches',
        OTEL_RESOURCE_ATTRIBUTES:
          'service.instance.id=shop.memc-kv-0.server,k8s.pod.name=memc-kv-0',
      })
      tracing.write({ traceparent: TRACEPARENT, milliseconds: 1.25, valueBytes: 64 })
      const [span] = await receiver.received(1)
      assert.ok(span !== undefined)
      assert.equal(span.name, 'get')
      assert.equal(span.kind, SERVER_KIND)
      assert.equal(span.traceId, TRACE_ID)
      assert.equal(span.parentSpanId, PARENT_ID)
      assert.match(span.spanId, /^(?!0{16})[0-9a-f]{16}$/)
      // The ring's clock, a double of milliseconds, tells a quarter of a microsecond.
      assert.equal(span.startNanoseconds / 1000n, 1_700_000_000_000_250n)
      assert.equal(span.endNanoseconds - span.startNanoseconds, 1_250_000n)
      assert.deepEqual(span.attributes, {
        'db.system.name': 'memcached',
        'db.operation.name': 'get',
        'server.address': '127.0.0.1',
        'server.port': 6001,
        'network.peer.address': '192.0.2.7',
        'network.peer.port': 40_000,
        'memcached.hit': true,
        'memcached.items.requested': 1,
        'memcached.items.found': 1,
        'memcached.value.size': 64,
        'memcached.connection': 5,
      })
      assert.deepEqual(span.status, { code: STATUS_UNSET, message: '' })
      assert.deepEqual(span.scope, { name: 'memc-kv', version })
      assert.equal(span.resource['service.name'], 'memc-kv')
      assert.equal(span.resource['service.version'], version)
      assert.equal(span.resource['service.instance.id'], 'shop.memc-kv-0.server')
      assert.equal(span.resource['k8s.pod.name'], 'memc-kv-0')
      assert.equal(receiver.headers[0]?.['x-team'], 'caches')
      await tracing.figuresUntil(({ sent, dropped }) => sent === 1 && dropped === 0)
      assert.deepEqual((await tracing.stop()).figures, { sent: 1, dropped: 0, limited: 0 })
    })
  }
})
