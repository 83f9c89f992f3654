import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { resolve } from 'node:path'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Charged } from './container.ts'
import { CACHE_MIB, Container, containerBytes, heapMebibytes, WORKERS } from './container.ts'

const MAIN = resolve(import.meta.dirname, '../../dist/main.js')
const SAMPLE_MILLISECONDS = 50
const DESCRIPTORS = 16_384

export interface VictimOptions {
  /** A memcached to attack instead. */
  readonly memcached: string | null
  readonly connections: number
  readonly cacheMib?: number
  readonly flags?: readonly string[]
}

/** The server under attack, as the chart runs it: built, with the sidecar, in a group with a limit. */
export class Victim {
  readonly port: number
  readonly sidecarPort: number
  readonly container: Container | null
  readonly #child: ChildProcess
  readonly #sampler: NodeJS.Timeout
  #output = ''
  exit: string | null = null

  private constructor(
    child: ChildProcess,
    port: number,
    sidecarPort: number,
    container: Container | null,
  ) {
    this.#child = child
    this.port = port
    this.sidecarPort = sidecarPort
    this.container = container
    child.stdout?.on('data', (chunk: Buffer) => this.#keep(chunk))
    child.stderr?.on('data', (chunk: Buffer) => this.#keep(chunk))
    child.on('exit', (code, signal) => {
      this.exit = signal ?? String(code)
    })
    this.#sampler = setInterval(() => container?.sample(), SAMPLE_MILLISECONDS)
  }

  static async start(options: VictimOptions): Promise<Victim> {
    const { connections, cacheMib = CACHE_MIB } = options
    const [port, sidecarPort] = await freePorts()
    const name = `memckv-overload-${process.pid}-${port}`
    const container = Container.make(name, containerBytes(cacheMib, connections))
    const join = container === null ? '' : `echo $$ > ${container.joinFile} && `
    const command = options.memcached ?? process.execPath
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        `${join}ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`,
        command,
        ...(options.memcached === null ? [MAIN] : ['-u', 'root']),
        ...['-l', '127.0.0.1', '-p', String(port), '-m', String(cacheMib)],
        ...['-t', String(WORKERS), '-c', String(connections), ...(options.flags ?? [])],
      ],
      {
        env: {
          NODE_OPTIONS: `--max-old-space-size=${heapMebibytes(connections)}`,
          MEMCKV_SIDECAR_PORT: String(sidecarPort),
          MEMCKV_SIDECAR_ADDRESS: '127.0.0.1',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const victim = new Victim(child, port, sidecarPort, container)
    await until(
      async () => {
        if (victim.exit !== null) throw new Error(`it did not start:\n${victim.#output}`)
        return victim.#answers()
      },
      () => `the server does not answer; it wrote:\n${victim.#output}`,
      60_000,
    )
    return victim
  }

  get output(): string {
    return this.#output
  }

  connect(): Promise<Client> {
    return Client.connect({ host: '127.0.0.1', port: this.port })
  }

  /** Peak of resident memory since the start. */
  get residentPeak(): number {
    return this.#status('VmHWM')
  }

  get resident(): number {
    return this.#status('VmRSS')
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length
  }

  charged(): Charged | null {
    return this.container?.charged() ?? null
  }

  async end(): Promise<void> {
    clearInterval(this.#sampler)
    if (this.exit === null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    }
    await this.container?.remove()
  }

  #keep(chunk: Buffer): void {
    if (this.#output.length < 100_000) this.#output += chunk.toString()
  }

  #status(name: string): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return 1024 * Number(RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0)
  }

  #answers(): Promise<boolean> {
    return new Promise((settle) => {
      const socket = connect(this.port, '127.0.0.1')
      socket.on('error', () => settle(false))
      socket.on('connect', () => socket.write('mn\r\n'))
      socket.on('data', () => {
        socket.destroy()
        settle(true)
      })
    })
  }
}

/** Two that nobody has at the moment. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    ports.push(typeof address === 'object' && address !== null ? address.port : 0)
  }
  for (const server of servers) server.close()
  return [ports[0] as number, ports[1] as number]
}
