import assert from 'node:assert/strict'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Server as GrpcServer, ServerCredentials, status } from '@grpc/grpc-js'
import type { ServiceDefinition } from '@grpc/proto-loader'
import { loadSync } from '@grpc/proto-loader'
import { until } from '../../support/deadline.ts'
import type { Scope } from '../../support/server.ts'

export type OtlpProtocol = 'http/protobuf' | 'http/json' | 'grpc'

export interface ReceivedSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  /** '' none. */
  readonly parentSpanId: string
  readonly startNanoseconds: bigint
  readonly endNanoseconds: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number; readonly message: string }
  readonly resource: Readonly<Record<string, unknown>>
  readonly scope: { readonly name: string; readonly version: string }
}

/** What the receiver does with what it gets. */
export type Manner = 'take' | 'refuse' | 'hang'

const PROTO = join(import.meta.dirname, 'otlp-trace.proto')
const SERVICE = 'opentelemetry.proto.collector.trace.v1.TraceService'

/** OTLP's own encoding of integers in JSON, and what proto-loader makes of them, is text. */
const definition = loadSync(PROTO, { longs: String })[SERVICE] as ServiceDefinition & {
  readonly Export: ServiceDefinition[string]
}

/** Takes spans as a collector does: over HTTP, in protocol buffers or JSON, or over gRPC. */
export class OtlpReceiver {
  readonly #protocol: OtlpProtocol
  readonly spans: ReceivedSpan[] = []
  /** Headers or metadata of each request. */
  readonly headers: Readonly<Record<string, unknown>>[] = []
  manner: Manner
  requests = 0
  #port = 0

  constructor(protocol: OtlpProtocol, manner: Manner) {
    this.#protocol = protocol
    this.manner = manner
  }

  static async start(
    scope: Scope,
    protocol: OtlpProtocol = 'http/protobuf',
    manner: Manner = 'take',
  ): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver(protocol, manner)
    await (protocol === 'grpc' ? receiver.#startGrpc(scope) : receiver.#startHttp(scope))
    return receiver
  }

  /** What a process needs to know to send its spans here. */
  get environment(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: this.#protocol,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    }
  }

  async received(count: number): Promise<readonly ReceivedSpan[]> {
    await until(
      () => (this.spans.length >= count ? true : null),
      () => `${this.spans.length} of ${count} spans came`,
    )
    return this.spans
  }

  async #startHttp(scope: Scope): Promise<void> {
    const server: HttpServer = createServer((request, response) => {
      void this.#answer(request, response)
    })
    await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
    this.#port = (server.address() as AddressInfo).port
    scope.after(async () => {
      server.closeAllConnections()
      await new Promise((settle) => server.close(settle))
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (this.manner === 'hang') return
    if (this.manner === 'refuse') {
      response.writeHead(400, { 'content-type': 'text/plain' }).end('no')
      return
    }
    assert.equal(`${request.method} ${request.url}`, 'POST /v1/traces')
    const json = request.headers['content-type'] === 'application/json'
    assert.equal(json, this.#protocol === 'http/json')
    const raw = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    this.headers.push(request.headers)
    this.#keep(json ? JSON.parse(body.toString()) : definition.Export.requestDeserialize(body))
    const type = json ? 'application/json' : 'application/x-protobuf'
    response.writeHead(200, { 'content-type': type }).end(json ? '{}' : '')
  }

  async #startGrpc(scope: Scope): Promise<void> {
    const server = new GrpcServer()
    server.addService(definition, {
      Export: (
        call: { request: unknown; metadata: { getMap(): Record<string, unknown> } },
        answer: (error: object | null, reply?: object) => void,
      ) => {
        this.requests++
        if (this.manner === 'hang') return
        if (this.manner === 'refuse') {
          answer({ code: status.INVALID_ARGUMENT, details: 'no' })
          return
        }
        this.headers.push(call.metadata.getMap())
        this.#keep(call.request)
        answer(null, {})
      },
    })
    this.#port = await new Promise<number>((settle, fail) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? settle(port) : fail(error),
      )
    })
    scope.after(async () => server.forceShutdown())
  }

  #keep(request: unknown): void {
    for (const { resource, scopeSpans } of (request as Export).resourceSpans ?? []) {
      for (const { scope, spans } of scopeSpans ?? []) {
        for (const span of spans ?? []) {
          this.spans.push({
            name: span.name,
            kind: span.kind,
            traceId: idText(span.traceId),
            spanId: idText(span.spanId),
            parentSpanId: idText(span.parentSpanId),
            startNanoseconds: BigInt(span.startTimeUnixNano),
            endNanoseconds: BigInt(span.endTimeUnixNano),
            attributes: attributesOf(span.attributes),
            status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
            resource: attributesOf(resource?.attributes),
            scope: { name: scope?.name ?? '', version: scope?.version ?? '' },
          })
        }
      }
    }
  }
}

interface KeyValue {
  readonly key: string
  readonly value: {
    readonly stringValue?: string
    readonly boolValue?: boolean
    readonly intValue?: string | number
    readonly doubleValue?: number
  }
}

interface Export {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] }
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string }
      readonly spans?: readonly {
        readonly traceId: Buffer | string
        readonly spanId: Buffer | string
        readonly parentSpanId?: Buffer | string
        readonly name: string
        readonly kind: number
        readonly startTimeUnixNano: string
        readonly endTimeUnixNano: string
        readonly attributes?: readonly KeyValue[]
        readonly status?: { readonly code?: number; readonly message?: string }
      }[]
    }[]
  }[]
}

/** Bytes in protocol buffers, hexadecimal in OTLP's JSON. */
function idText(id: Buffer | string | undefined): string {
  return typeof id === 'string' ? id : (id?.toString('hex') ?? '')
}

function attributesOf(pairs: readonly KeyValue[] | undefined): Record<string, unknown> {
  return Object.fromEntries(
    (pairs ?? []).map(({ key, value }) => {
      const { stringValue, boolValue, intValue, doubleValue } = value
      return [
        key,
        intValue === undefined ? (stringValue ?? boolValue ?? doubleValue) : Number(intValue),
      ]
    }),
  )
}
