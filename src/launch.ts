import { accessSync, constants, existsSync } from 'node:fs'

/**
 * The process as it should have been started. Two things that make the server faster and smaller can
 * only be said before Node begins, so a process that was started without them replaces itself, once,
 * by one that has them: the same process id, the same arguments, about 35 ms later.
 *
 * - GLIBC_TUNABLES hugetlb=1: glibc asks for huge pages for large allocations, which the arenas of the
 *   store are. A look-up in a cache of many pages waits for address translation as much as for the
 *   data. arena_max=1: one heap for malloc instead of one for each thread. mmap_threshold: without it
 *   malloc learns to keep large blocks for the next time, up to 64 MiB that clients' long lines once had.
 * - The young generation of the JavaScript heap stays small. Commands allocate nothing, so the 16 MiB
 *   that each thread would fill before it collects are of no use. 1 MiB instead of 2 makes the loaded
 *   server 4 MiB smaller and costs no time.
 * - The compiler may inline about twice as much as it would. The way of a command is many small
 *   functions: 4 to 7 % less CPU at pipeline 32, for 2 MiB more of machine code.
 * - The garbage of the start can be collected when it is over: base/start-garbage.ts.
 *
 * Whoever sets GLIBC_TUNABLES, be it to nothing, has the process as he started it.
 */
export const LAUNCH_TUNABLES =
  'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=262144'
export const LAUNCH_FLAGS: readonly string[] = [
  '--expose-gc',
  '--max-semi-space-size=1',
  '--max-inlined-bytecode-size-cumulative=2000',
]

/** Always among the flags of a process that was launched, so that it is known by it. */
const LAST_FLAG = LAUNCH_FLAGS[LAUNCH_FLAGS.length - 1] as string
const TUNABLES_NAME = 'GLIBC_TUNABLES'
const OPTIONS_NAME = 'NODE_OPTIONS'

/** Where the kernel says whether huge pages can be asked for; missing where there are none. */
const HUGE_PAGES_PATH = '/sys/kernel/mm/transparent_hugepage/enabled'

/** Returns when this process is as it should be, or cannot be made so. */
export function relaunchIfNeeded(): void {
  const { env, execArgv, execve, execPath } = process
  if (execve === undefined || process.platform !== 'linux' || env[TUNABLES_NAME] !== undefined)
    return
  // The loader takes the variable away from a program with privileges of its own: once is enough.
  if (execArgv.includes(LAST_FLAG)) return
  // Somebody talks to this process over a channel that would not survive.
  if (process.send !== undefined || !existsSync(HUGE_PAGES_PATH)) return
  const given = `${execArgv.join(' ')} ${env[OPTIONS_NAME] ?? ''}`
  const flags = LAUNCH_FLAGS.filter((flag) => flag === LAST_FLAG || !given.includes(nameOf(flag)))
  try {
    accessSync(execPath, constants.X_OK)
    const args = [execPath, ...execArgv, ...flags, ...process.argv.slice(1)]
    execve(execPath, args, { ...env, [TUNABLES_NAME]: LAUNCH_TUNABLES })
  } catch {
    // It serves as it is; this was only to make it faster.
  }
}

/** What somebody has chosen himself is not chosen again. */
function nameOf(flag: string): string {
  return flag.replace(/=.*/, '')
}
