import { readdirSync, readFileSync, statSync } from 'node:fs'
import { memoryUsage } from 'node:process'

/** The process as the kernel sees it. What only Linux tells is null elsewhere. */
export interface ProcessFigures {
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly residentBytes: number
  readonly startUnixSeconds: number
  readonly virtualBytes: number | null
  /** -1 no limit. */
  readonly virtualBytesMax: number | null
  readonly openFiles: number | null
  readonly openFilesMax: number | null
}

/** Where `vsize` stands behind the command's name, which may itself hold spaces (proc_pid_stat(5)). */
const VSIZE_AFTER_NAME = 20

export function readProcess(): ProcessFigures {
  const { user, system } = process.cpuUsage()
  const limits = textOf('/proc/self/limits')
  return {
    userSeconds: user / 1e6,
    systemSeconds: system / 1e6,
    residentBytes: memoryUsage.rss(),
    startUnixSeconds: performance.timeOrigin / 1000,
    virtualBytes: virtualBytes(),
    virtualBytesMax: limitIn(limits, 'Max address space'),
    openFiles: openFiles(),
    openFilesMax: limitIn(limits, 'Max open files'),
  }
}

function virtualBytes(): number | null {
  const stat = textOf('/proc/self/stat')
  if (stat === null) return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[VSIZE_AFTER_NAME])
}

/** The soft limit, which is the one that counts. */
function limitIn(limits: string | null, name: string): number | null {
  if (limits === null) return null
  const line = limits.split('\n').find((text) => text.startsWith(name))
  const soft = line?.slice(name.length).trim().split(/\s+/)[0]
  if (soft === undefined) return null
  return soft === 'unlimited' ? -1 : Number(soft)
}

/**
 * Since Linux 6.2 the size of the folder is the number of open files. Before it has to be read,
 * which with ten thousand connections takes milliseconds.
 */
function openFiles(): number | null {
  const folder = '/proc/self/fd'
  try {
    const { size } = statSync(folder)
    // One of those that are read is the folder itself.
    return size > 0 ? size : readdirSync(folder).length - 1
  } catch {
    return null
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
