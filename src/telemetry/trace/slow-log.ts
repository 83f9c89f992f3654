import type { Logger } from 'pino'
import { RateLimit } from './rate-limit.ts'
import type { TraceRecord } from './trace-reader.ts'

const SECOND = 1000

/** Where in which trace something happened. */
export interface TracePlace {
  readonly traceId: string
  readonly spanId: string
}

/** A line for each turn beyond log.slowThreshold, up to log.slowRate in a second. Never a key. */
export class SlowLog {
  readonly #log: Logger
  readonly #rate: RateLimit

  constructor(log: Logger, linesPerSecond: number) {
    this.#log = log
    this.#rate = new RateLimit(linesPerSecond, SECOND)
  }

  /**
   * @param place the span that was made of it; null if there is none
   * @param now milliseconds of performance.now()
   */
  write(record: TraceRecord, place: TracePlace | null, now: number): void {
    if (!this.#rate.take(now)) return
    const { command, commands, connectionNumber, valueBytes, parent } = record
    const trace = place ?? parent
    this.#log.warn(
      {
        command,
        commands,
        milliseconds: Math.round(record.milliseconds * 1000) / 1000,
        connection: connectionNumber,
        client: clientText(record),
        ...(valueBytes >= 0 && { valueBytes }),
        // The names that OpenTelemetry gives them in logs, so that tools make links of them.
        ...(trace !== null && { trace_id: trace.traceId, span_id: trace.spanId }),
      },
      'slow command',
    )
  }

  /** Tells how many lines were left out, when their second is over. */
  tick(now: number): void {
    const leftOut = this.#rate.leftOut(now)
    if (leftOut > 0) this.#log.warn({ leftOut }, 'more slow commands than log.slowRate allows')
  }
}

function clientText({ address, port }: TraceRecord): string {
  if (port === 0) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
