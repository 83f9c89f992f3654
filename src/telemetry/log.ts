import type { Logger } from 'pino'
import pino from 'pino'
import type { LogLevel } from '../base/config.ts'
import { LogOutput } from './log-output.ts'

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

/**
 * One line of JSON for each thing that happens, on standard output, with `time`, `level`, `part` and
 * `msg`. Writing never blocks the control thread. At info and above a line never holds a key or a value.
 */
export class Log {
  readonly #root: Logger
  readonly #output: LogOutput
  readonly #configured: LogLevel
  #level: LogLevel
  readonly #parts = new Map<Part, Logger>()

  private constructor(options: LogOptions, format: Format | null) {
    this.#configured = options.level
    this.#level = levelAt(options.level, options.verbosity)
    const output = new LogOutput({
      describeLost: (lost) => {
        const line = lostLine(lost)
        return format === null ? line : format(line)
      },
    })
    this.#output = output
    this.#root = pino(
      {
        base: null,
        level: this.#level,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      format === null ? output : { write: (line) => output.write(format(line)) },
    )
  }

  static async create(options: LogOptions): Promise<Log> {
    const pretty = options.format === 'pretty' || (options.format === 'auto' && options.terminal)
    // To ask for the stream makes a pipe non-blocking: see LogOutput.
    process.stdout.on('error', () => {})
    return new Log(options, pretty ? await prettyFormat(options.terminal) : null)
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

  /** Before the last lines of an orderly end, so that they come behind the others. */
  settled(): Promise<void> {
    return this.#output.settled()
  }

  /** Before the process ends: what was logged is written when this returns. */
  flush(): void {
    this.#output.flush()
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

type Format = (line: string) => string

/** For people. */
async function prettyFormat(colorize: boolean): Promise<Format> {
  const { prettyFactory } = await import('pino-pretty')
  return prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l' })
}

/** As pino would write it. */
function lostLine(lines: number): string {
  const time = new Date().toISOString()
  const msg = 'lines of the log were lost: nobody read them, or there was no room'
  return `${JSON.stringify({ level: 'warn', time, part: 'control', lines, msg })}\n`
}
