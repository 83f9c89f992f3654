import { hostname } from 'node:os'
import type { Logger } from 'pino'
import type { BoundAddress } from '../base/messages.ts'
import type { Settings } from '../config/load.ts'
import { giveToEnvironment } from '../config/load.ts'
import { CLOSE_REASON_NAMES } from '../telemetry/events.ts'
import type { Exemplars, SpanCounts } from '../telemetry/metrics/source.ts'
import { ExemplarStore } from '../telemetry/trace/exemplars.ts'
import type { Exporter } from '../telemetry/trace/exporter.ts'
import { RateLimit } from '../telemetry/trace/rate-limit.ts'
import type { TracePlace } from '../telemetry/trace/slow-log.ts'
import { SlowLog } from '../telemetry/trace/slow-log.ts'
import type { ServerPlace } from '../telemetry/trace/span-facts.ts'
import { SpanWriter } from '../telemetry/trace/span-facts.ts'
import type { TraceRecord } from '../telemetry/trace/trace-reader.ts'
import { TraceReader } from '../telemetry/trace/trace-reader.ts'
import { TRACE_KIND } from '../telemetry/trace-ring.ts'

const TICK_MILLISECONDS = 1000

/** How long the last spans may keep the process from ending. */
const FLUSH_MILLISECONDS = 2000

const SECOND = 1000

export interface TracingOptions {
  readonly settings: Settings
  readonly traceRings: SharedArrayBuffer
  readonly log: Logger
  readonly slowLog: Logger
  readonly connectionLog: Logger
  /** COUNTER.connectionLinesDropped over all workers. */
  readonly connectionLinesDropped: () => number
}

/**
 * What workers write into the trace rings becomes lines of the log and spans here:
 *
 *   tick       ten times a second
 *   start      after the server is ready; loads OpenTelemetry, if traces are on
 *   figures    for memckv_spans_total
 *   exemplars  for memckv_command_duration_seconds
 *   stop       after the drain: sends what is left, for two seconds at most
 *
 * Lines about connections come this way too, while the level of the log is debug.
 */
export class Tracing {
  readonly #options: TracingOptions
  readonly #reader: TraceReader
  readonly #slowLog: SlowLog
  readonly #exemplars = new ExemplarStore()
  /** Of spans of slow turns. Workers see to the others themselves: traces.rateLimit once more. */
  readonly #slowSpans: RateLimit
  readonly #followsClients: boolean
  #writer: SpanWriter | null = null
  #exporter: Exporter | null = null
  /** From the moment on when what is found can be sent. */
  #running = false
  #starting: Promise<void> = Promise.resolve()
  /** Spans that never reached the SDK, and those that were not made because of traces.rateLimit. */
  #dropped = 0
  #limited = 0
  #connectionLinesDropped = 0
  #ticksAt = 0
  #now = 0
  /** The last command that became a span. */
  #spanConnection = -1
  #spanBegin = 0

  constructor(options: TracingOptions) {
    const { config, derived, tracing } = options.settings
    this.#options = options
    this.#reader = new TraceReader(options.traceRings, derived.workerCount)
    this.#slowLog = new SlowLog(options.slowLog, config.log.slowRate)
    this.#slowSpans = new RateLimit(config.traces.rateLimit, SECOND)
    this.#followsClients = tracing.followsClients
  }

  start(addresses: readonly BoundAddress[]): void {
    const { settings, log } = this.#options
    for (const warning of settings.tracing.warnings) log.warn(warning)
    if (settings.tracing.sampling !== null) this.#starting = this.#startExporter(addresses)
    else this.#running = true
  }

  /** Resolves when OpenTelemetry is loaded, or is not going to be. */
  get started(): Promise<void> {
    return this.#starting
  }

  get figures(): SpanCounts {
    const { sent, dropped } = this.#exporter?.figures ?? { sent: 0, dropped: 0 }
    return { sent, dropped: dropped + this.#dropped, limited: this.#limited }
  }

  get exemplars(): Exemplars {
    return this.#exemplars.all
  }

  async stop(): Promise<void> {
    await this.#starting
    if (!this.#running) return
    this.#running = false
    this.#poll()
    this.#slowLog.tick(Number.POSITIVE_INFINITY)
    if (this.#exporter === null) return
    const lost = await this.#exporter.stop(FLUSH_MILLISECONDS)
    const { sent, dropped } = this.figures
    const { log } = this.#options
    if (lost > 0) log.warn({ sent, dropped, lost }, 'the last spans could not be sent in time')
    else log.info({ sent, dropped }, 'traces ended')
  }

  async #startExporter(addresses: readonly BoundAddress[]): Promise<void> {
    const { settings, log } = this.#options
    const { config, tracing } = settings
    giveToEnvironment(tracing.variables)
    this.#writer = new SpanWriter(config.traces.keys, serverPlace(addresses))
    try {
      const loaded = await import('../telemetry/trace/exporter.ts')
      this.#exporter = new loaded.Exporter(log, tracing.diagnosticLevel)
      log.info({ sampling: tracing.sampling, keys: config.traces.keys }, 'traces are on')
    } catch (error) {
      // A cache without traces is better than none; the spans count as dropped.
      const reason = error instanceof Error ? error.message : String(error)
      log.error({ reason }, 'no traces: OpenTelemetry cannot be started')
    }
    this.#running = true
  }

  /** Ten times a second; a ring has room for some 500 records. */
  tick(): void {
    if (this.#running) this.#poll()
  }

  #poll(): void {
    this.#now = performance.now()
    this.#reader.drain(this.#take)
    if (this.#now < this.#ticksAt) return
    this.#ticksAt = this.#now + TICK_MILLISECONDS
    this.#slowLog.tick(this.#now)
    this.#tellOfLostLines()
    void this.#exporter?.tick(this.#now)
  }

  /** A field, not a method, so that a poll makes no function. */
  readonly #take = (record: TraceRecord): void => {
    if (record.kind === TRACE_KIND.connectionNew || record.kind === TRACE_KIND.connectionClose) {
      this.#logConnection(record)
      return
    }
    const place = this.#wantsSpan(record) ? this.#makeSpan(record) : null
    const { config } = this.#options.settings
    if (record.kind === TRACE_KIND.slow && config.log.slowThreshold > 0) {
      this.#slowLog.write(record, place, this.#now)
    }
  }

  #logConnection({ kind, connectionNumber, address, port, errorLine }: TraceRecord): void {
    const { connectionLog } = this.#options
    const who = { connection: connectionNumber, address, port }
    if (kind === TRACE_KIND.connectionNew) connectionLog.debug(who, 'connected')
    else connectionLog.debug({ ...who, reason: CLOSE_REASON_NAMES[errorLine] }, 'disconnected')
  }

  #tellOfLostLines(): void {
    const dropped = this.#options.connectionLinesDropped()
    const leftOut = dropped - this.#connectionLinesDropped
    this.#connectionLinesDropped = dropped
    if (leftOut > 0) {
      this.#options.connectionLog.debug(
        { leftOut },
        'more connections than there is room for lines',
      )
    }
  }

  #wantsSpan(record: TraceRecord): boolean {
    const { config, tracing } = this.#options.settings
    if (tracing.sampling === null) return false
    if (record.kind === TRACE_KIND.error) return config.traces.errors
    if (record.kind !== TRACE_KIND.slow) return true
    return config.traces.slow && !(record.commands === 1 && this.#hasSpanOf(record))
  }

  /** The only command of a slow turn may have been sampled: then its span is there already. */
  #hasSpanOf(turn: TraceRecord): boolean {
    const into = this.#spanBegin - turn.beginUnixMilliseconds
    return turn.connectionNumber === this.#spanConnection && into >= 0 && into <= turn.milliseconds
  }

  #makeSpan(record: TraceRecord): TracePlace | null {
    if (record.kind === TRACE_KIND.slow && !this.#slowSpans.take(this.#now)) {
      this.#limited++
      return null
    }
    const place = this.#send(record)
    if (place === null) {
      this.#dropped++
      return null
    }
    this.#exemplars.put(record, place)
    if (record.kind !== TRACE_KIND.slow) {
      this.#spanConnection = record.connectionNumber
      this.#spanBegin = record.beginUnixMilliseconds
    }
    return place
  }

  #send(record: TraceRecord): TracePlace | null {
    if (this.#exporter === null || this.#writer === null) return null
    return this.#exporter.send(record, this.#writer.facts(record), this.#followsClients)
  }
}

/** A wildcard is no address: then it is the name of the machine, in Kubernetes that of the pod. */
function serverPlace(addresses: readonly BoundAddress[]): ServerPlace {
  const [first] = addresses
  if (first === undefined) return { address: hostname(), port: 0 }
  if (first.name.startsWith('unix:')) return { address: first.name.slice('unix:'.length), port: 0 }
  const hosts = new Set(addresses.map(({ host }) => host))
  const ports = new Set(addresses.map(({ port }) => port))
  const single = hosts.size === 1 && !['0.0.0.0', '::'].includes(first.host)
  return { address: single ? first.host : hostname(), port: ports.size === 1 ? first.port : 0 }
}
