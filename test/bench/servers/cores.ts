import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { programOnPath } from './peers.ts'

/**
 * Puts this process, whose load generator never sleeps, on one core and the servers on the others, as a client
 * on another machine would be. On the same cores the kernel often runs a server behind the generator that woke
 * it, and it waits for milliseconds until that is put aside. Returns what undoes it; null where it cannot be
 * done: no taskset, or not a core for each worker beside that of the generator.
 */
export function separateCores(servers: readonly number[], workers: number): (() => void) | null {
  const all = allowedCores()
  const [first, ...rest] = all
  if (first === undefined || rest.length < workers || programOnPath('taskset') === undefined) {
    return null
  }
  move(process.pid, [first])
  for (const server of servers) move(server, rest)
  return () => {
    for (const moved of [process.pid, ...servers]) move(moved, all)
  }
}

/** `Cpus_allowed_list: 0-3,6` */
export function allowedCores(status = readFileSync('/proc/self/status', 'latin1')): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]
  return (list?.split(',') ?? []).flatMap((range) => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, at) => from + at)
  })
}

/** With all threads that it has. */
function move(pid: number, cores: readonly number[]): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-p', '-c', cores.join(','), `${pid}`], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`taskset: ${stderr.trim()}`)
}
