// A client that tells memc-kv which trace its requests belong to. Run it beside a server:
//
//   OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none node docs/examples/traced-client.mjs 127.0.0.1 6001
//
// The SDK reads from the OTEL_* variables where spans go. What matters for any other client is the
// function `traceToken`: its text goes behind the other flags of a meta command (mg, ms, md, ma).
// memcached passes over an L token, so the same client may talk to both.

import { once } from 'node:events'
import { connect } from 'node:net'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'

/** The active trace as a flag of a meta command, with a blank before it; '' when there is none. */
export function traceToken() {
  const fields = {}
  propagation.inject(context.active(), fields)
  return fields.traceparent === undefined ? '' : ` L${fields.traceparent}`
}

/** A connection that does one command after another. */
class Cache {
  #socket
  #received = Buffer.alloc(0)

  constructor(socket) {
    this.#socket = socket
  }

  static async connect(host, port) {
    const socket = connect({ host, port, noDelay: true })
    await once(socket, 'connect')
    return new Cache(socket)
  }

  /** The value, or null for a miss. */
  async get(key) {
    return await this.#traced('mg', async () => {
      this.#socket.write(`mg ${key} v${traceToken()}\r\n`)
      const [code, length] = (await this.#line()).split(' ')
      if (code === 'EN') return null
      if (code !== 'VA') throw new Error(`memc-kv answered ${code}`)
      return (await this.#bytes(Number(length) + 2)).subarray(0, -2).toString()
    })
  }

  async set(key, value) {
    await this.#traced('ms', async () => {
      const bytes = Buffer.from(value)
      this.#socket.write(`ms ${key} ${bytes.length}${traceToken()}\r\n`)
      this.#socket.write(Buffer.concat([bytes, Buffer.from('\r\n')]))
      const line = await this.#line()
      if (line !== 'HD') throw new Error(`memc-kv answered ${line}`)
    })
  }

  close() {
    this.#socket.end()
  }

  /** Runs a command inside a span of its own, which becomes the parent of the server's. */
  #traced(name, command) {
    const options = { kind: SpanKind.CLIENT, attributes: { 'db.system.name': 'memcached' } }
    return trace.getTracer('traced-client').startActiveSpan(name, options, async (span) => {
      try {
        return await command()
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
        throw error
      } finally {
        span.end()
      }
    })
  }

  async #line() {
    for (;;) {
      const end = this.#received.indexOf('\r\n')
      if (end >= 0) return (await this.#bytes(end + 2)).toString('latin1', 0, end)
      await this.#more()
    }
  }

  async #bytes(count) {
    while (this.#received.length < count) await this.#more()
    const bytes = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return bytes
  }

  async #more() {
    const [chunk] = await once(this.#socket, 'data')
    this.#received = Buffer.concat([this.#received, chunk])
  }
}

const sdk = new NodeSDK()
sdk.start()
const [host = '127.0.0.1', port = '6001'] = process.argv.slice(2)
const cache = await Cache.connect(host, Number(port))
await trace.getTracer('traced-client').startActiveSpan('checkout', async (span) => {
  await cache.set('greeting', 'hello')
  console.log('greeting:', await cache.get('greeting'))
  console.log('trace:', span.spanContext().traceId)
  span.end()
})
cache.close()
await sdk.shutdown()
