import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** What this machine, or container, grants the process. Infinity: no limit is known. */
export interface Machine {
  /** Processors the scheduler may run us on. */
  readonly processors: number
  /** Processor time the control group grants, in processors; may be a fraction. */
  readonly processorQuota: number
  /** Memory the control group grants, in bytes. */
  readonly memoryBytes: number
  readonly descriptors: number
}

/** Reads a file of /proc or /sys; undefined when there is none. */
export type ReadText = (path: string) => string | undefined

export function readMachine(read: ReadText = readText): Machine {
  return {
    processors: processorCount(read),
    processorQuota: lowestLimit(read, processorQuotaOf),
    memoryBytes: readMemoryBytes(read),
    descriptors: descriptorLimit(read),
  }
}

/** Machine.memoryBytes alone, for those who ask again and again. */
export function readMemoryBytes(read: ReadText = readText): number {
  return lowestLimit(read, memoryLimitOf)
}

/** Where the kernel says how many bytes it keeps in buffers of the sockets of a control group. */
export interface SocketGauge {
  readonly path: string
  bytesIn(text: string): number
}

/** That of our own control group; null where sockets are not charged to it. */
export function findSocketGauge(read: ReadText = readText): SocketGauge | null {
  for (const line of (read('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    // In a container its own group may be at the root, whatever its path is called.
    for (const folder of new Set([path, ''])) {
      const gauge = socketGauge(names, folder)
      if (gauge !== null && read(gauge.path) !== undefined) return gauge
    }
  }
  return null
}

function socketGauge(names: string, folder: string): SocketGauge | null {
  if (names === '') {
    return {
      path: `${CGROUP_ROOT}${folder}/memory.stat`,
      bytesIn: (text) => Number(/^sock (\d+)/m.exec(text)?.[1] ?? 0),
    }
  }
  if (!names.split(',').includes('memory')) return null
  return {
    path: `${CGROUP_ROOT}/memory${folder}/memory.kmem.tcp.usage_in_bytes`,
    bytesIn: Number,
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The affinity mask as the kernel lists it: 0-3,8. */
function processorCount(read: ReadText): number {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read('/proc/self/status') ?? '')?.[1]
  if (list === undefined) return availableParallelism()
  let count = 0
  for (const range of list.split(',')) {
    const [first, last = first] = range.split('-').map(Number)
    count += Number(last) - Number(first) + 1
  }
  return count >= 1 ? count : availableParallelism()
}

function descriptorLimit(read: ReadText): number {
  const soft = /^Max open files\s+(\S+)/m.exec(read('/proc/self/limits') ?? '')?.[1]
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

const CGROUP_ROOT = '/sys/fs/cgroup'

/** Version 2 has one tree, version 1 one for each controller, under its names. */
type LimitOf = (read: ReadText, folder: string, controllers: readonly string[]) => number

/**
 * A group is bound by its own limit and by those of all groups above it. In a container the paths
 * of /proc/self/cgroup may be the host's, of which only the root is visible, as our own group: the
 * walk up to the root covers both.
 */
function lowestLimit(read: ReadText, limitOf: LimitOf): number {
  let lowest = Number.POSITIVE_INFINITY
  for (const line of (read('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    const controllers = names === '' ? [] : names.split(',')
    for (const root of mountsOf(controllers, names)) {
      for (const folder of foldersUpward(path)) {
        lowest = Math.min(lowest, limitOf(read, `${root}${folder}`, controllers))
      }
    }
  }
  return lowest
}

function mountsOf(controllers: readonly string[], names: string): string[] {
  if (controllers.length === 0) return [CGROUP_ROOT, `${CGROUP_ROOT}/unified`]
  if (!controllers.includes('cpu') && !controllers.includes('memory')) return []
  return [...new Set([names, ...controllers])].map((name) => `${CGROUP_ROOT}/${name}`)
}

function foldersUpward(path: string): string[] {
  const folders: string[] = []
  const parts = path.split('/').filter((part) => part !== '')
  for (let depth = parts.length; depth >= 0; depth--) {
    folders.push(
      parts
        .slice(0, depth)
        .map((part) => `/${part}`)
        .join(''),
    )
  }
  return folders
}

function processorQuotaOf(read: ReadText, folder: string, controllers: readonly string[]): number {
  if (controllers.length === 0) {
    const [quota, period] = (read(`${folder}/cpu.max`) ?? 'max').trim().split(/\s+/)
    return ratio(quota, period)
  }
  if (!controllers.includes('cpu')) return Number.POSITIVE_INFINITY
  const quota = read(`${folder}/cpu.cfs_quota_us`)?.trim()
  return ratio(quota, read(`${folder}/cpu.cfs_period_us`)?.trim())
}

/** -1 and max are how the two versions write "no limit". */
function ratio(quota: string | undefined, period: string | undefined): number {
  const value = Number(quota) / Number(period)
  return value > 0 && Number.isFinite(value) ? value : Number.POSITIVE_INFINITY
}

function memoryLimitOf(read: ReadText, folder: string, controllers: readonly string[]): number {
  if (controllers.length > 0 && !controllers.includes('memory')) return Number.POSITIVE_INFINITY
  const name = controllers.length === 0 ? 'memory.max' : 'memory.limit_in_bytes'
  const value = Number(read(`${folder}/${name}`)?.trim())
  return value > 0 ? value : Number.POSITIVE_INFINITY
}
