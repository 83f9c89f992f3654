import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { resolve } from 'node:path'
import type { Peer } from '../servers/peers.ts'

const GIB = 2 ** 30

/**
 * What a reader must know of the machine to place the figures, a line each, without its name; and
 * which servers were measured.
 */
export function describeMachine(servers: readonly Peer[]): string[] {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU'
  const cores = availableParallelism()
  return [
    `${model}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${(totalmem() / GIB).toFixed(0)} GiB of memory`,
    `${type()} ${release()}`,
    `Node ${process.version}`,
    ...servers.map((server) => {
      const ours = server.version.startsWith('memc-kv ') ? commit() : ''
      return `${server.name}: ${server.version}${ours}`
    }),
  ]
}

/** Which state of the sources was measured. */
function commit(): string {
  const { stdout, status } = spawnSync('git', ['describe', '--always', '--dirty=, changed'], {
    cwd: resolve(import.meta.dirname, '../../..'),
    encoding: 'utf8',
  })
  return status === 0 ? ` (commit ${stdout.trim()})` : ''
}
