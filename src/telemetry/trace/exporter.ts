import type { HrTime, Tracer } from '@opentelemetry/api'
import {
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  SamplingDecision,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import type { Logger } from 'pino'
import { version } from '../../version.ts'
import { Diagnostics } from './diagnostics.ts'
import type { ExportFigures } from './export-figures.ts'
import { ExportFiguresReader } from './export-figures.ts'
import type { TracePlace } from './slow-log.ts'
import type { SpanFacts } from './span-facts.ts'
import type { TraceRecord } from './trace-reader.ts'

/**
 * The only file that loads OpenTelemetry, and the control thread loads it only when traces are on:
 * it costs 11 to 28 MiB of memory and a third of a second of processor time after the start.
 *
 * Where spans go, how they are batched and what the resource is called, the SDK reads from the OTEL_*
 * variables by itself. Whether there is a span at all was decided before (config/open-telemetry.ts,
 * and each worker), so the SDK samples whatever it is handed.
 */
export class Exporter {
  readonly #sdk: NodeSDK
  readonly #tracer: Tracer
  readonly #reader: ExportFiguresReader
  readonly #diagnostics: Diagnostics
  #handed = 0

  /**
   * Throws when the variables name something that the SDK cannot use.
   *
   * @param diagnosticLevel OTEL_LOG_LEVEL in capitals
   */
  constructor(log: Logger, diagnosticLevel: string) {
    this.#reader = new ExportFiguresReader()
    this.#diagnostics = new Diagnostics(log)
    this.#sdk = new NodeSDK({
      sampler: {
        shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }),
        toString: () => 'DecidedByWorker',
      },
      // Nothing here passes a context on.
      textMapPropagator: null,
      metricReaders: [this.#reader],
    })
    // After the constructor, which would put its own logger, to the console, in this place.
    diag.setLogger(this.#diagnostics, {
      logLevel: diagLevel(diagnosticLevel),
      suppressOverrideMessage: true,
    })
    this.#sdk.start()
    this.#tracer = trace.getTracer('memc-kv', version)
  }

  /** Spans given to the SDK so far. */
  get handed(): number {
    return this.#handed
  }

  /** As of the last tick. */
  get figures(): ExportFigures {
    return this.#reader.figures
  }

  /**
   * Null when the SDK does not take spans, because it found no exporter.
   *
   * @param followsClient whether the span is a child of what the client named
   */
  send(record: TraceRecord, facts: SpanFacts, followsClient: boolean): TracePlace | null {
    const { parent } = record
    const context =
      parent === null || !followsClient
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId: parent.traceId,
            spanId: parent.spanId,
            traceFlags: parent.flags,
            isRemote: true,
          })
    const { beginUnixMilliseconds, milliseconds } = record
    const span = this.#tracer.startSpan(
      facts.name,
      {
        kind: SpanKind.SERVER,
        attributes: facts.attributes,
        startTime: timeOf(beginUnixMilliseconds, 0),
      },
      context,
    )
    if (!span.isRecording()) return null
    if (facts.fault !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: facts.fault })
    span.end(timeOf(beginUnixMilliseconds, milliseconds))
    this.#handed++
    return span.spanContext()
  }

  /** Now and then: brings the figures up to date and tells of lines left out. */
  async tick(now: number): Promise<void> {
    this.#diagnostics.tick(now)
    const { sent, dropped } = this.figures
    if (sent + dropped === this.#handed) return
    try {
      await this.#reader.refresh()
    } catch (error) {
      this.#diagnostics.warn('its figures cannot be read:', error)
    }
  }

  /** Sends what is left, for as long as is given. Returns how many spans were neither sent nor given up. */
  async stop(milliseconds: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((settle) => {
      timer = setTimeout(settle, milliseconds)
    })
    // The SDK rejects when the collector refuses; it has counted and told that by itself.
    await Promise.race([this.#sdk.shutdown().catch(() => {}), late])
    clearTimeout(timer)
    const { sent, dropped } = await this.#reader.refresh()
    return Math.max(0, this.#handed - sent - dropped)
  }
}

/** Seconds and nanoseconds: a double of milliseconds would lose most of a microsecond. */
function timeOf(unixMilliseconds: number, plusMilliseconds: number): HrTime {
  const seconds = Math.floor(unixMilliseconds / 1000)
  const milliseconds = unixMilliseconds - seconds * 1000 + plusMilliseconds
  const more = Math.floor(milliseconds / 1000)
  return [seconds + more, Math.round((milliseconds - more * 1000) * 1e6)]
}

function diagLevel(name: string): DiagLogLevel {
  const level = DiagLogLevel[name as keyof typeof DiagLogLevel]
  return level ?? DiagLogLevel.INFO
}
