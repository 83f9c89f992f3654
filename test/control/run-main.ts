import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { until, within } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { SIDECAR_OFF } from '../support/server.ts'

export interface RunOptions {
  readonly argv: readonly string[]
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Another entry than src/main.ts. */
  readonly entry?: string
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[]
}

export interface Line {
  readonly level: string
  readonly part: string
  readonly msg: string
  readonly addresses?: readonly { readonly host: string; readonly port: number }[]
  readonly sidecar?: { readonly host: string; readonly port: number } | null
  readonly memoryBytes?: number
  readonly workers?: number
  readonly pid?: number
  readonly version?: string
  readonly protocolVersion?: string
  readonly startMilliseconds?: number
  readonly notes?: readonly string[]
  readonly cause?: string
  readonly exitStatus?: number
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Nothing else of our surroundings may reach the server. */
const { PATH } = process.env
const MAIN = resolve(import.meta.dirname, '../../src/main.ts')

/** The real program, as a shell would run it, with both of its outputs kept apart. */
export class Run {
  readonly child: ChildProcess
  readonly #ended: Promise<Ended>
  #stdout = ''
  #stderr = ''

  constructor(scope: Scope, options: RunOptions) {
    const { argv, nodeFlags = [], entry = MAIN } = options
    this.child = spawn(process.execPath, [...nodeFlags, entry, ...argv], {
      env: { PATH, ...SIDECAR_OFF, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString()
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString()
    })
    this.#ended = new Promise((settle) => {
      this.child.once('close', (status, signal) =>
        settle({ status, signal, stdout: this.#stdout, stderr: this.#stderr }),
      )
    })
    scope.after(async () => {
      this.child.kill('SIGKILL')
      await this.#ended
    })
  }

  /** The lines of the log so far. */
  lines(): Line[] {
    const complete = this.#stdout.split('\n').slice(0, -1)
    return complete.map((text) => JSON.parse(text) as Line)
  }

  /** Waits for a line of the log. */
  line(msg: string): Promise<Line> {
    return until(
      () => {
        if (this.child.exitCode !== null) throw new Error(`ended: ${this.#stdout}${this.#stderr}`)
        return this.lines().find((line) => line.msg === msg) ?? null
      },
      () => `no line "${msg}" in ${this.#stdout}${this.#stderr}`,
      30_000,
    )
  }

  ended(): Promise<Ended> {
    return within(this.#ended, () => `still running: ${this.#stdout}${this.#stderr}`, 60_000)
  }
}
