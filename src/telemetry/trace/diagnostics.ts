import type { DiagLogger } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { oneLine } from '../../base/fatal.ts'
import { RateLimit } from './rate-limit.ts'

/** A collector that is gone makes a line for each batch that cannot be sent. */
const LINES_MAX = 10
const WINDOW_MILLISECONDS = 60_000

const TEXT_LENGTH_MAX = 300

/** What OpenTelemetry's SDK says about itself, in our log: its errors are warnings for a cache. */
export class Diagnostics implements DiagLogger {
  readonly #log: Logger
  readonly #rate = new RateLimit(LINES_MAX, WINDOW_MILLISECONDS)

  constructor(log: Logger) {
    this.#log = log
  }

  error(message: string, ...rest: unknown[]): void {
    this.#warn(message, rest)
  }

  warn(message: string, ...rest: unknown[]): void {
    this.#warn(message, rest)
  }

  info(message: string, ...rest: unknown[]): void {
    this.#log.debug(lineOf(message, rest))
  }

  debug(message: string, ...rest: unknown[]): void {
    this.#log.trace(lineOf(message, rest))
  }

  verbose(message: string, ...rest: unknown[]): void {
    this.#log.trace(lineOf(message, rest))
  }

  /** Tells how many lines were left out, when their minute is over. */
  tick(now: number): void {
    const leftOut = this.#rate.leftOut(now)
    if (leftOut > 0) this.#log.warn({ leftOut }, 'more of the same from the OpenTelemetry SDK')
  }

  #warn(message: string, rest: readonly unknown[]): void {
    if (this.#rate.take(performance.now())) this.#log.warn(lineOf(message, rest))
  }
}

/**
 * The SDK logs an exception as all of its properties, stack and reply of the collector included. Only
 * what an operator can use is kept, which also keeps headers with credentials out of the log.
 */
function lineOf(message: string, rest: readonly unknown[]): string {
  const words = [message.startsWith('{') ? exceptionText(message) : message]
  for (const value of rest) {
    if (typeof value === 'string') words.push(value)
    else if (value instanceof Error) words.push(value.message)
  }
  return oneLine(`OpenTelemetry: ${words.join(' ')}`).slice(0, TEXT_LENGTH_MAX)
}

function exceptionText(json: string): string {
  try {
    const { name = 'Error', code, message } = JSON.parse(json) as Record<string, string | undefined>
    return [name, code, message].filter((word) => word !== undefined && word !== '').join(' ')
  } catch {
    return json
  }
}
