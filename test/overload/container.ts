import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pause } from '../support/deadline.ts'

const MIB = 2 ** 20
/** memory.limit of the servers here, and their workers. */
export const CACHE_MIB = 64
export const WORKERS = 2
const CONNECTIONS_INCLUDED = 1024
const CONNECTION_BYTES = 8192

/** What DESIGN promises, with what the chart adds for connections beyond the default number. */
export function promisedBytes(cacheMib: number, connections: number): number {
  const more = CONNECTION_BYTES * Math.max(0, connections - CONNECTIONS_INCLUDED)
  return Math.ceil(1.05 * cacheMib * MIB) + 80 * MIB + 14 * MIB * WORKERS + more
}

/** The container's limit as helm/memc-kv/templates/_sizing.tpl sets it. */
export function containerBytes(cacheMib: number, connections: number): number {
  return MIB * Math.ceil((1.25 * promisedBytes(cacheMib, connections)) / MIB)
}

export function heapMebibytes(connections: number): number {
  return 64 + Math.ceil((CONNECTION_BYTES * connections) / MIB)
}

/** What the kernel charged a container, and whom it ended. */
export interface Charged {
  /** Of the process, its files and the kernel's own structures. */
  readonly memoryPeak: number
  /** Of the buffers of sockets. In a group of version 2 they are part of the same sum. */
  readonly socketPeak: number
  readonly sumPeak: number
  readonly oomKills: number
}

/** A control group with a memory limit, of either version; null where none can be made. */
export class Container {
  readonly #folder: string
  readonly #version: 1 | 2
  #memoryPeak = 0
  #socketPeak = 0
  #sumPeak = 0

  private constructor(folder: string, version: 1 | 2) {
    this.#folder = folder
    this.#version = version
  }

  static make(name: string, bytes: number): Container | null {
    for (const [root, version, file] of [
      ['/sys/fs/cgroup/memory', 1, 'memory.limit_in_bytes'],
      ['/sys/fs/cgroup', 2, 'memory.max'],
    ] as const) {
      const folder = join(root, name)
      try {
        mkdirSync(folder)
      } catch {
        continue
      }
      if (existsSync(join(folder, file))) {
        const made = new Container(folder, version)
        made.#write(file, bytes)
        // Without a limit of its own, version 1 does not count the buffers of sockets.
        if (version === 1) made.#write('memory.kmem.tcp.limit_in_bytes', bytes)
        return made
      }
      rmdirSync(folder)
    }
    return null
  }

  /** The file that a process writes itself into. */
  get joinFile(): string {
    return join(this.#folder, 'cgroup.procs')
  }

  sample(): void {
    const memory = this.#read(this.#version === 1 ? 'memory.usage_in_bytes' : 'memory.current')
    const sockets =
      this.#version === 1
        ? this.#read('memory.kmem.tcp.usage_in_bytes')
        : this.#word('memory.stat', 'sock')
    const sum = this.#version === 1 ? memory + sockets : memory
    this.#memoryPeak = Math.max(this.#memoryPeak, memory)
    this.#socketPeak = Math.max(this.#socketPeak, sockets)
    this.#sumPeak = Math.max(this.#sumPeak, sum)
  }

  charged(): Charged {
    this.sample()
    const oomKills =
      this.#version === 1
        ? this.#word('memory.oom_control', 'oom_kill')
        : this.#word('memory.events', 'oom_kill')
    return {
      memoryPeak: this.#memoryPeak,
      socketPeak: this.#socketPeak,
      sumPeak: this.#sumPeak,
      oomKills,
    }
  }

  /** The group goes when its last process has gone. */
  async remove(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      try {
        rmdirSync(this.#folder)
        return
      } catch {
        await pause(50)
      }
    }
  }

  #write(file: string, bytes: number): void {
    writeFileSync(join(this.#folder, file), String(bytes))
  }

  #read(file: string): number {
    try {
      return Number(readFileSync(join(this.#folder, file), 'utf8'))
    } catch {
      return 0
    }
  }

  #word(file: string, name: string): number {
    try {
      const text = readFileSync(join(this.#folder, file), 'utf8')
      return Number(RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
    } catch {
      return 0
    }
  }
}
