import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildProbed } from '../servers/build.ts'
import type { ProbeAnswer, ProbeWatch, ThreadReport } from './probe-report.ts'

let probes = 0
let built = ''

/**
 * The bench's side of probe.ts: the words to put before a server's command line, and the questions.
 */
export class Probe {
  readonly #socketPath: string
  readonly #workers: number
  readonly #watch: ProbeWatch

  constructor(watch: ProbeWatch, workers: number) {
    this.#watch = watch
    this.#workers = workers
    this.#socketPath = join(tmpdir(), `memckv-probe-${process.pid}-${probes++}.sock`)
  }

  /** The command line of a built memc-kv, with the probe in it. */
  commandLine(memoryMib: number, nodeFlags: readonly string[] = []): string[] {
    if (built === '') built = buildProbed()
    return [
      '/usr/bin/env',
      `PROBE_SOCKET=${this.#socketPath}`,
      `PROBE_WATCH=${this.#watch}`,
      process.execPath,
      ...nodeFlags,
      built,
      ...['-p', '{port}', '-l', '127.0.0.1', '-U', '0'],
      ...['-m', String(memoryMib), '-t', String(this.#workers)],
    ]
  }

  async reset(): Promise<void> {
    await this.#ask('reset')
  }

  /** Workers in their order, the control thread last. */
  async report(): Promise<readonly ThreadReport[]> {
    const { threads } = await this.#ask(`report ${this.#workers}`)
    return threads.toSorted((a, b) => (a.name === 'control' ? 1 : a.name < b.name ? -1 : 1))
  }

  #ask(question: string): Promise<ProbeAnswer> {
    return new Promise((settle, fail) => {
      const socket = connect(this.#socketPath)
      let text = ''
      socket.setEncoding('utf8')
      socket.on('connect', () => socket.write(`${question}\n`))
      socket.on('data', (chunk: string) => {
        text += chunk
      })
      socket.on('error', fail)
      socket.on('end', () => {
        socket.end()
        settle(JSON.parse(text))
      })
    })
  }
}
