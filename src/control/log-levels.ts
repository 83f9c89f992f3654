import type { LogLevel } from '../base/config.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { Log } from '../telemetry/log.ts'
import { verbosityOf } from '../telemetry/log.ts'

/** pino's number. */
const DEBUG = 20

interface Before {
  readonly level: LogLevel
  readonly verbosity: number
}

/**
 * The level of the log while the server runs. The sidecar sets it and clients do by `verbosity`,
 * which writes the word that all threads share. Whoever comes last is right, and both see what the
 * other did: setting a level sets the word too, so that `stats settings` shows it.
 */
export class LogLevels {
  readonly #log: Log
  readonly #runtime: Int32Array
  #before: Before | null = null
  #until: number | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(log: Log, runtime: Int32Array) {
    this.#log = log
    this.#runtime = runtime
    this.#followed = this.#verbosity
    this.#announce()
  }

  /** The word as it was last acted upon. */
  #followed: number

  level(): LogLevel {
    this.followVerbosity()
    return this.#log.level
  }

  /** pino's number of the level. */
  levelNumber(): number {
    this.followVerbosity()
    return this.#log.levelNumber
  }

  untilUnixMilliseconds(): number | null {
    return this.#until
  }

  /** For a time: what was in force before the first of such changes comes back by itself. */
  set(level: LogLevel, forMilliseconds: number | null): void {
    this.followVerbosity()
    const before = this.#before ?? { level: this.#log.level, verbosity: this.#verbosity }
    this.#forget()
    this.#apply({ level, verbosity: verbosityOf(level) })
    if (forMilliseconds !== null) {
      this.#before = before
      this.#until = Date.now() + forMilliseconds
      this.#timer = setTimeout(() => this.#restore(), forMilliseconds)
      this.#timer.unref()
    }
    const details = { level, until: this.#until === null ? null : new Date(this.#until) }
    this.#log.part('control').info(details, 'log level changed')
  }

  /** A client may have changed the word. */
  followVerbosity(): void {
    const verbosity = this.#verbosity
    if (verbosity === this.#followed) return
    this.#followed = verbosity
    this.#forget()
    this.#log.setVerbosity(verbosity)
    this.#announce()
  }

  get #verbosity(): number {
    return this.#runtime[RUNTIME.verbosity] ?? 0
  }

  #restore(): void {
    const before = this.#before
    this.followVerbosity()
    // A client was faster: his level stays.
    if (before === null || this.#before === null) return
    this.#forget()
    this.#apply(before)
    this.#log.part('control').info({ level: before.level, until: null }, 'log level changed')
  }

  #apply({ level, verbosity }: Before): void {
    this.#runtime[RUNTIME.verbosity] = verbosity
    this.#followed = verbosity
    this.#log.setLevel(level)
    this.#announce()
  }

  /** Workers tell of each connection only when that becomes a line. */
  #announce(): void {
    this.#runtime[RUNTIME.logConnections] = this.#log.levelNumber <= DEBUG ? 1 : 0
  }

  #forget(): void {
    clearTimeout(this.#timer)
    this.#before = null
    this.#until = null
  }
}
