import assert from 'node:assert/strict'
import type { ExecFileException } from 'node:child_process'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { environment } from '../support/target.ts'

/** A build downloads packages; everything else takes seconds. */
const COMMAND_MILLISECONDS = 240_000
const READY_MILLISECONDS = 30_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What stands before the image's name. */
  readonly options?: readonly string[]
  /** What stands behind it. */
  readonly flags?: readonly string[]
}

/**
 * buildah and podman with a store of their own, so that neither the images of this machine are used
 * nor ours left behind. No registry is asked for anything.
 *
 * The network is the machine's own: what the tests are about is the file system, the user and the
 * memory. cgroupfs and runc need no systemd and work with both versions of control groups.
 */
export class Engine {
  readonly folder: string

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'memckv-image-'))
  }

  async buildah(...words: readonly string[]): Promise<string> {
    return succeeded(await this.#run('buildah', words))
  }

  async podman(...words: readonly string[]): Promise<string> {
    return succeeded(await this.tryPodman(...words))
  }

  tryPodman(...words: readonly string[]): Promise<Outcome> {
    return this.#run('podman', ['--cgroup-manager', 'cgroupfs', '--runtime', 'runc', ...words])
  }

  /** What `podman inspect` says of an image or a container. */
  async inspect(name: string): Promise<unknown> {
    const [first] = JSON.parse(await this.podman('inspect', name)) as unknown[]
    return first
  }

  /** The restrictions that every container here has: more than Pod Security's "restricted" asks. */
  static readonly RESTRICTIONS: readonly string[] = [
    ...['--network', 'host', '--read-only', '--read-only-tmpfs=false', '--cap-drop', 'all'],
    ...['--security-opt', 'no-new-privileges'],
    // podman's own defaults are more than a sandbox may give away.
    ...['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=1000:1000'],
  ]

  async start(scope: Scope, image: string, run: RunOptions = {}): Promise<Container> {
    const { options = [], flags = [] } = run
    const id = await this.podman('run', '-d', ...Engine.RESTRICTIONS, ...options, image, ...flags)
    const container = new Container(this, id)
    scope.after(async () => {
      await this.tryPodman('rm', '-f', '-t', '0', id)
    })
    await container.ready()
    return container
  }

  /** A container that ends by itself. */
  once(image: string, run: RunOptions = {}): Promise<Outcome> {
    const { options = [], flags = [] } = run
    return this.tryPodman('run', '--rm', ...Engine.RESTRICTIONS, ...options, image, ...flags)
  }

  async close(): Promise<void> {
    await this.tryPodman('rm', '-f', '-a', '-t', '0')
    // The overlay driver leaves its folder mounted onto itself, and in it what a build had mounted.
    spawnSync('umount', ['--recursive', join(this.folder, 'root/overlay')], { stdio: 'ignore' })
    rmSync(this.folder, { recursive: true, force: true })
  }

  #run(program: string, words: readonly string[]): Promise<Outcome> {
    const store = ['--root', join(this.folder, 'root'), '--runroot', join(this.folder, 'run')]
    const env = { STORAGE_DRIVER: 'overlay', ...environment }
    return new Promise((resolve, reject) => {
      execFile(
        program,
        [...store, ...words],
        { env, timeout: COMMAND_MILLISECONDS, maxBuffer: OUTPUT_BYTES_MAX },
        (error, stdout, stderr) => {
          const status = statusOf(error)
          if (status === undefined) reject(new Error(`${program}: ${error?.message ?? ''}`))
          else resolve({ status, stdout: stdout.trim(), stderr: stderr.trim() })
        },
      )
    })
  }
}

/** One that runs until it is told to stop. */
export class Container {
  readonly #engine: Engine
  readonly #id: string

  constructor(engine: Engine, id: string) {
    this.#engine = engine
    this.#id = id
  }

  async logs(): Promise<string> {
    const { stdout, stderr } = await this.#engine.tryPodman('logs', this.#id)
    return `${stdout}\n${stderr}`
  }

  async ready(): Promise<void> {
    await until(
      async () => {
        if ((await this.logs()).includes('"msg":"ready"')) return true
        const { Status, ExitCode } = await this.state()
        if (Status !== 'running') {
          throw new Error(`the container ended with ${ExitCode}:\n${await this.logs()}`)
        }
        return false
      },
      () => 'the container was not ready',
      READY_MILLISECONDS,
    )
  }

  async state(): Promise<ContainerState> {
    return ((await this.#engine.inspect(this.#id)) as { State: ContainerState }).State
  }

  /** As docker would by itself, every thirty seconds. */
  healthcheck(): Promise<Outcome> {
    return this.#engine.tryPodman('healthcheck', 'run', this.#id)
  }

  /** What the check said when it ran last. */
  async healthOutput(): Promise<string> {
    return (await this.state()).Health.Log?.at(-1)?.Output ?? ''
  }

  exec(...words: readonly string[]): Promise<Outcome> {
    return this.#engine.tryPodman('exec', this.#id, ...words)
  }

  /** SIGTERM, and after these seconds SIGKILL. */
  async stop(seconds: number): Promise<ContainerState> {
    await this.#engine.tryPodman('stop', '-t', String(seconds), this.#id)
    return this.state()
  }
}

export interface ContainerState {
  readonly Status: string
  /** Of its first process, as the machine sees it. */
  readonly Pid: number
  readonly ExitCode: number
  readonly OOMKilled: boolean
  readonly Health: { readonly Log?: readonly { readonly Output: string }[] }
}

/** A port that was free a moment ago: the health check must know it before the server starts. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function succeeded({ status, stdout, stderr }: Outcome): string {
  assert.equal(status, 0, `${stdout}\n${stderr}`)
  return stdout
}

/** undefined when it did not run at all, or not to its end. */
function statusOf(error: ExecFileException | null): number | undefined {
  if (error === null) return 0
  return typeof error.code === 'number' ? error.code : undefined
}
