import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Linux counts CPU time in hundredths of a second for /proc, whatever the kernel's own tick is. */
const CLOCK_TICKS_PER_SECOND = 100

const START_MILLISECONDS_MAX = 30_000
const STOP_MILLISECONDS_MAX = 10_000
const ERROR_TEXT_MAX = 4000

export interface CpuSeconds {
  readonly user: number
  readonly system: number
}

/** What the scheduler says of one thread, from its start. */
export interface ThreadTime {
  readonly id: number
  readonly name: string
  readonly cpuSeconds: number
  /** Ready to run, but some other thread had the core. */
  readonly waitedSeconds: number
}

export interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
}

/** A server under measurement, started by its command line with {port} in it. */
export class ServerProcess {
  readonly name: string
  readonly port: number
  readonly #child: ChildProcess
  #errors = ''

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name
    this.port = port
    this.#child = child
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('latin1')).slice(-ERROR_TEXT_MAX)
    })
  }

  static async start(
    name: string,
    commandLine: readonly string[],
    options: StartOptions = {},
  ): Promise<ServerProcess> {
    const port = await freePort()
    const [command = '', ...args] = commandLine.map((word) =>
      word.replaceAll('{port}', String(port)),
    )
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: options.directory,
      // Servers run side by side; with the sidecar on, as users have them.
      env: { MEMCKV_SIDECAR_PORT: '-1', ...process.env, ...options.environment },
    })
    const server = new ServerProcess(name, port, child)
    let failure = ''
    child.once('error', (error) => {
      failure = error.message
    })
    const deadline = Date.now() + START_MILLISECONDS_MAX
    while (!(await accepts(port))) {
      if (failure !== '' || child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        const said = `${failure} ${server.#errors}`.trim()
        throw new Error(`${name} does not answer: ${commandLine.join(' ')}\n${said}`)
      }
      await sleep(20)
    }
    return server
  }

  /** The server itself: a shell or npm before it in the command line has it as its only child. */
  get pid(): number {
    let pid = this.#child.pid ?? 0
    while (true) {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
      if (children === '' || children.includes(' ')) return pid
      pid = Number(children)
    }
  }

  /** User and system CPU seconds of the whole process so far. */
  cpuSeconds(): CpuSeconds {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      user: Number(fields[11]) / CLOCK_TICKS_PER_SECOND,
      system: Number(fields[12]) / CLOCK_TICKS_PER_SECOND,
    }
  }

  /** The same of each living thread, in nanoseconds' steps, but user and system are not told apart. */
  threads(): ThreadTime[] {
    const folder = `/proc/${this.pid}/task`
    return readdirSync(folder).map((id) => {
      const [ran, waited] = readFileSync(`${folder}/${id}/schedstat`, 'latin1').split(' ')
      return {
        id: Number(id),
        name: readFileSync(`${folder}/${id}/comm`, 'latin1').trim(),
        cpuSeconds: Number(ran) / 1e9,
        waitedSeconds: Number(waited) / 1e9,
      }
    })
  }

  residentMebibytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    process.kill(this.pid, 'SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MILLISECONDS_MAX)
    await ended
    clearTimeout(timer)
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: '127.0.0.1', port })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
