import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { until } from '../../support/deadline.ts'
import type { Scope } from '../../support/server.ts'
import { environment } from '../../support/target.ts'
import type { RecordText } from './record-writer.ts'
import type { Order } from './tracing-program.ts'

export interface Figures {
  readonly sent: number
  readonly dropped: number
}

interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly valueSeconds: number
  readonly unixSeconds: number
}

interface Answer {
  readonly ready?: true
  readonly figures?: Figures
  readonly exemplars?: Readonly<Record<string, readonly (Exemplar | null)[]>>
  readonly stopped?: number
}

export interface LogLine {
  readonly level: number
  readonly part: string
  readonly msg: string
  readonly command?: string
  readonly client?: string
  readonly trace_id?: string
  readonly span_id?: string
  readonly leftOut?: number
  readonly lost?: number
  readonly time: number
}

/** tracing-program.ts, and the talk with it. */
export class TracingProcess {
  readonly #child: ChildProcess
  readonly #answers: Answer[] = []
  #output = ''

  constructor(child: ChildProcess) {
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
    }
    child.on('message', (answer: Answer) => this.#answers.push(answer))
  }

  static async start(
    scope: Scope,
    variables: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ): Promise<TracingProcess> {
    const inherited = Object.entries(environment).filter(([name]) => !/^(OTEL|MEMCKV)_/.test(name))
    const child = fork(join(import.meta.dirname, 'tracing-program.ts'), ['-t', '1', ...flags], {
      env: { ...Object.fromEntries(inherited), ...variables },
      // Before everything else, so that it sees what the program imports too.
      execArgv: ['--import', join(import.meta.dirname, 'loaded-modules.ts')],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    scope.after(async () => {
      child.kill('SIGKILL')
    })
    const tracing = new TracingProcess(child)
    await tracing.#answer((answer) => answer.ready)
    return tracing
  }

  /** Lines of the log so far. */
  get lines(): LogLine[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine)
  }

  get output(): string {
    return this.#output
  }

  line(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    return until(
      () => this.lines.find(wanted) ?? null,
      () => `no such line; there is:\n${this.#output}`,
    )
  }

  write(...records: readonly RecordText[]): void {
    this.#order({ records })
  }

  async figures(): Promise<Figures> {
    this.#order({ ask: 'figures' })
    return await this.#answer((answer) => answer.figures)
  }

  /** Asks until the figures are as wanted: they are brought up to date once a second. */
  figuresUntil(wanted: (figures: Figures) => boolean): Promise<Figures> {
    return until(
      async () => {
        const figures = await this.figures()
        return wanted(figures) && figures
      },
      () => `the figures are not as expected; it wrote:\n${this.#output}`,
    )
  }

  async exemplars(): Promise<NonNullable<Answer['exemplars']>> {
    this.#order({ ask: 'exemplars' })
    return await this.#answer((answer) => answer.exemplars)
  }

  /** Whether anything of OpenTelemetry was loaded so far. */
  get loadedOpenTelemetry(): boolean {
    return this.#output.includes('LOADED ')
  }

  /** Milliseconds that it took, and what became of the spans. */
  async stop(): Promise<{ readonly milliseconds: number; readonly figures: Figures }> {
    this.#order({ stop: true })
    return await this.#answer((answer) =>
      answer.stopped === undefined || answer.figures === undefined
        ? undefined
        : { milliseconds: answer.stopped, figures: answer.figures },
    )
  }

  #order(order: Order): void {
    this.#child.send(order)
  }

  #answer<T>(pick: (answer: Answer) => T | undefined): Promise<T> {
    return until(
      () => {
        for (const [index, answer] of this.#answers.entries()) {
          const found = pick(answer)
          if (found === undefined) continue
          this.#answers.splice(index, 1)
          return found
        }
        if (this.#child.exitCode !== null) throw new Error(`it ended:\n${this.#output}`)
        return null
      },
      () => `no answer; it wrote:\n${this.#output}`,
    )
  }
}
