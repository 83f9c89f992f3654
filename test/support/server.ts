import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type { Address } from './client.ts'
import { Client } from './client.ts'
import { until, within } from './deadline.ts'
import type { Target } from './target.ts'
import { environment, target } from './target.ts'

export interface ServerOptions {
  /** memcached's own flags, without those that say where to listen. */
  readonly flags?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** The clock can be moved by `debugtime`. */
  readonly debugTime?: boolean
  /** Listen on this path instead of TCP. */
  readonly unixSocket?: string
  /** Where to listen: replaces `-l 127.0.0.1 -p -1` whole. */
  readonly listen?: readonly string[]
  /** With the HTTP port for probes and metrics, on any free port; without it if nothing is said. */
  readonly sidecar?: boolean
  /** The program, when it is not that of this repository's sources. */
  readonly main?: string
  readonly target?: Target
  /** What `connect` uses for TLS; the server itself is told by flags. */
  readonly tls?: ConnectionOptions
  /** What runs Node, in front of it: faketime, unshare, setpriv. */
  readonly wrapper?: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Whatever can run something at its end: a test context, or `{ after }` of node:test in a suite. */
export interface Scope {
  after(close: () => Promise<void>): void
}

/**
 * A scope for suites: node:test runs an `after` given inside a `before` as soon as that hook is
 * over, so a suite collects what must end and ends it in an `after` of its own.
 */
export class SuiteScope implements Scope {
  readonly #closers: (() => Promise<void>)[] = []

  after(close: () => Promise<void>): void {
    this.#closers.push(close)
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }
}

/** MEMCKV_TEST_MAIN=dist/main.js is for what `npm run build` made of it. */
const MAIN = resolve(import.meta.dirname, '../..', environment.MEMCKV_TEST_MAIN ?? 'src/main.ts')
const START_MILLISECONDS = 30_000
const STOP_MILLISECONDS = 10_000
const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A server of its own process: the real main.ts, or the memcached the environment names. */
export class Server {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  #output = ''
  #addresses: readonly Address[] = []
  #sidecar: string | null = null
  #tls: ConnectionOptions | undefined

  constructor(child: ChildProcess) {
    this.child = child
    running.add(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString('utf8')
      })
    }
    this.exited = new Promise((settle) => {
      child.once('exit', (code, signal) => {
        running.delete(child)
        settle({ code, signal })
      })
    })
  }

  static async start(scope: Scope, options: ServerOptions = {}): Promise<Server> {
    const server = launch(scope, options)
    server.#addresses = await server.#ready(options)
    server.#tls = options.tls
    const { sidecar = null } = readyEntry(server.#output) ?? {}
    if (sidecar !== null) server.#sidecar = baseUrl(sidecar)
    return server
  }

  get pid(): number {
    assert.ok(this.child.pid !== undefined)
    return this.child.pid
  }

  get address(): Address {
    const [first] = this.#addresses
    assert.ok(first !== undefined, 'the server said no address')
    return first
  }

  get addresses(): readonly Address[] {
    return this.#addresses
  }

  get port(): number {
    assert.ok('port' in this.address)
    return this.address.port
  }

  /** Base of the sidecar's addresses: `http://127.0.0.1:1234`. */
  get sidecar(): string {
    assert.ok(this.#sidecar !== null, 'the server has no sidecar')
    return this.#sidecar
  }

  /** Everything the process wrote, standard output and standard error together. */
  output(): string {
    return this.#output
  }

  async connect(scope?: Scope): Promise<Client> {
    const client = await Client.connect(this.address, this.#tls)
    scope?.after(async () => client.close())
    return client
  }

  /** Waits for the process to end by itself. */
  ended(): Promise<Exit> {
    return within(this.exited, () => `the server did not exit; it wrote:\n${this.#output}`)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal)
    const kill = setTimeout(() => this.child.kill('SIGKILL'), STOP_MILLISECONDS)
    try {
      return await this.exited
    } finally {
      clearTimeout(kill)
    }
  }

  async #ready(options: ServerOptions): Promise<readonly Address[]> {
    const chosen = options.target ?? target
    const found = until(
      () => {
        if (this.child.exitCode !== null || this.child.signalCode !== null) {
          throw new Error(`the server exited before it was ready:\n${this.#output}`)
        }
        return chosen.kind === 'memckv'
          ? (readyEntry(this.#output)?.addresses ?? null)
          : memcachedAddresses(this, options)
      },
      () => `the server was not ready; it wrote:\n${this.#output}`,
      START_MILLISECONDS,
    )
    return found
  }
}

/** Starts the process without waiting for it to be ready: for starts that must fail. */
export function launch(scope: Scope, options: ServerOptions = {}): Server {
  const chosen = options.target ?? target
  const listen =
    options.listen ??
    (options.unixSocket === undefined
      ? ['-l', '127.0.0.1', '-p', '-1']
      : ['-s', options.unixSocket])
  const flags = [...listen, ...(options.flags ?? [])]
  const server =
    chosen.kind === 'memckv' ? launchOurs(flags, options) : launchMemcached(chosen, flags, options)
  scope.after(async () => {
    await server.stop('SIGKILL')
    const file = portFiles.get(server)
    if (file !== undefined) rmSync(file, { recursive: true, force: true })
  })
  return server
}

function launchOurs(flags: readonly string[], options: ServerOptions): Server {
  const debug = options.debugTime === true ? { MEMCKV_DEBUG: '1' } : {}
  const [program = '', ...args] = [
    ...(options.wrapper ?? []),
    process.execPath,
    options.main ?? MAIN,
    ...flags,
  ]
  return new Server(
    spawn(program, args, {
      env: {
        ...ownEnvironment(),
        ...(options.sidecar === true ? SIDECAR_ON : SIDECAR_OFF),
        ...NO_SLOW_LOG,
        ...debug,
        ...options.environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
}

/** Servers side by side cannot all have the one port that the sidecar has by default. */
export const SIDECAR_OFF = { MEMCKV_SIDECAR_PORT: '0' }
const SIDECAR_ON = { MEMCKV_SIDECAR_PORT: '-1', MEMCKV_SIDECAR_ADDRESS: '127.0.0.1' }

/** On a busy machine any turn may be slow, and tests look for complaints in the log. */
const NO_SLOW_LOG = { MEMCKV_LOG_SLOW_THRESHOLD: '0' }

/** Without the settings of the machine's own server, which would change the one under test. */
function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('MEMCKV_')),
  )
}

function launchMemcached(
  chosen: Extract<Target, { kind: 'memcached' }>,
  flags: readonly string[],
  options: ServerOptions,
): Server {
  const directory = mkdtempSync(join(tmpdir(), 'memckv-test-'))
  const portFile = join(directory, 'port')
  const binary = options.debugTime === true ? `${chosen.binary}-debug` : chosen.binary
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  const server = new Server(
    spawn(binary, [...user, ...flags], {
      env: { ...environment, MEMCACHED_PORT_FILENAME: portFile, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  portFiles.set(server, directory)
  return server
}

/** Where each memcached writes the ports it found: a directory of its own, removed at the end. */
const portFiles = new WeakMap<Server, string>()

/** True when the target's clock can be moved: ours always, memcached's only in its debug build. */
export function canMoveClock(): boolean {
  return target.kind === 'memckv' || existsSync(`${target.binary}-debug`)
}

interface ReadyEntry {
  readonly addresses: readonly Address[]
  readonly sidecar?: { readonly host: string; readonly port: number } | null
}

/** The line of the log that says where the server is to be found. */
function readyEntry(output: string): ReadyEntry | null {
  for (const line of output.split('\n').slice(0, -1)) {
    if (!line.includes('"ready"')) continue
    const entry = JSON.parse(line) as { msg?: string } & Partial<ReadyEntry>
    const { addresses, sidecar = null } = entry
    if (entry.msg === 'ready' && addresses !== undefined) return { addresses, sidecar }
  }
  return null
}

function baseUrl({ host, port }: { host: string; port: number }): string {
  const name = host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}

async function memcachedAddresses(
  server: Server,
  options: ServerOptions,
): Promise<readonly Address[] | null> {
  if (options.unixSocket !== undefined) {
    const address = { path: options.unixSocket }
    return (await accepts(address)) ? [address] : null
  }
  const directory = portFiles.get(server)
  if (directory === undefined || !existsSync(join(directory, 'port'))) return null
  const text = readFileSync(join(directory, 'port'), 'utf8')
  return [...text.matchAll(/TCP (INET6?): (\d+)/g)].map(([, family, port]) => ({
    host: family === 'INET6' ? '::1' : '127.0.0.1',
    port: Number(port),
  }))
}

function accepts(address: Address): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(address)
    socket.once('connect', () => {
      socket.destroy()
      settle(true)
    })
    socket.once('error', () => settle(false))
  })
}
