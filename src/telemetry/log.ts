import type { DestinationStream, Logger } from 'pino'
import pino from 'pino'
import type { LogLevel } from '../base/config.ts'

export interface LogOptions {
  readonly level: LogLevel
  /** memcached's -v count: raises the level, whatever it is. */
  readonly verbosity: number
  readonly format: 'auto' | 'json' | 'pretty'
  /** Standard output is a terminal. */
  readonly terminal: boolean
}

/** Part of the server that a line is about: the `part` field. */
export type Part =
  | 'auth'
  | 'connections'
  | 'control'
  | 'lifecycle'
  | 'requests'
  | 'sidecar'
  | 'slow'
  | 'tls'
  | 'traces'

/** A reader that stalls may leave this much behind; what is more is lost rather than waited for. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024

/**
 * One line of JSON for each thing that happens, on standard output, with `time`, `level`, `part` and
 * `msg`. Writing never blocks the control thread. At info and above a line never holds a key or a value.
 */
export class Log {
  readonly #root: Logger
  readonly #flush: () => void
  readonly #configured: LogLevel
  #level: LogLevel
  readonly #parts = new Map<Part, Logger>()

  private constructor(options: LogOptions, stream: DestinationStream, flush: () => void) {
    this.#configured = options.level
    this.#level = levelAt(options.level, options.verbosity)
    this.#flush = flush
    this.#root = pino(
      {
        base: null,
        level: this.#level,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      stream,
    )
  }

  static async create(options: LogOptions): Promise<Log> {
    const pretty = options.format === 'pretty' || (options.format === 'auto' && options.terminal)
    if (pretty) return new Log(options, await prettyStream(options.terminal), () => {})
    const destination = pino.destination({ dest: 1, sync: false, maxLength: BACKLOG_BYTES_MAX })
    // A closed pipe must not end a server that does its work; nobody is left to tell about it.
    destination.on('error', () => {})
    return new Log(options, destination, () => flushQuietly(destination))
  }

  part(name: Part): Logger {
    let logger = this.#parts.get(name)
    if (logger === undefined) {
      logger = this.#root.child({ part: name })
      this.#parts.set(name, logger)
    }
    return logger
  }

  /** In force now. */
  get level(): LogLevel {
    return this.#level
  }

  /** pino's number of it: 10 trace to 60 fatal. */
  get levelNumber(): number {
    return this.#root.levelVal
  }

  setLevel(level: LogLevel): void {
    this.#level = level
    this.#root.level = level
    for (const logger of this.#parts.values()) logger.level = level
  }

  /** The `verbosity` command, while running. */
  setVerbosity(verbosity: number): void {
    this.setLevel(levelAt(this.#configured, verbosity))
  }

  /** Before the process ends: what was logged is written when this returns. */
  flush(): void {
    this.#flush()
  }
}

const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace']
const LEVEL_OF_VERBOSITY: readonly LogLevel[] = ['fatal', 'debug', 'trace', 'trace']

/** The more talkative of a level and memcached's -v count (0 to 3). */
export function levelAt(level: LogLevel, verbosity: number): LogLevel {
  const asked = LEVEL_OF_VERBOSITY[Math.max(0, Math.min(3, verbosity))] ?? 'fatal'
  return LEVELS.indexOf(asked) > LEVELS.indexOf(level) ? asked : level
}

/** The -v count that asks for this level; 0 for those below debug, which no count asks for. */
export function verbosityOf(level: LogLevel): number {
  return Math.max(0, LEVEL_OF_VERBOSITY.indexOf(level))
}

/** For people. It writes synchronously, which is right for a terminal. */
async function prettyStream(colorize: boolean): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  return pretty({ colorize, sync: true, destination: 1, translateTime: 'SYS:HH:MM:ss.l' })
}

function flushQuietly(destination: ReturnType<typeof pino.destination>): void {
  try {
    destination.flushSync()
  } catch {
    // The pipe is full or closed; the exit status has to do.
  }
}
