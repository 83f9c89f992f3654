import { accessSync, constants, existsSync } from 'node:fs'
import { isGiven } from './base/engine.ts'

/**
 * The process as it should have been started. What makes the server faster and smaller and can only be
 * said before Node begins: a process that was started without it replaces itself, once, by one that has
 * it: the same process id, the same arguments, about 35 ms later.
 *
 * - GLIBC_TUNABLES hugetlb=1: glibc asks for huge pages for large allocations, which the arenas of the
 *   store are. A look-up in a cache of many pages waits for address translation as much as for the
 *   data. arena_max=1: one heap for malloc instead of one for each thread. mmap_threshold: larger blocks
 *   are given back to the system at once. Without it malloc would learn to keep them for the next time,
 *   up to 64 MiB that clients' long lines once had; with 256 KiB what the compiler had, 32 KiB at a time,
 *   left 1 to 2 MiB more in the heap. Below 17 KiB each record of TLS would be mapped anew. mmap_max: so
 *   many at most, of the 65,530 parts that the memory of a process may have.
 * - The young generation of the JavaScript heap stays small. Commands allocate nothing, so the 16 MiB
 *   that each thread would fill before it collects are of no use. 1 MiB instead of 2 makes the loaded
 *   server 4 MiB smaller and costs no time.
 * - A flag that says what is so without it is the mark by which a process that was launched is known.
 *
 * Flags that change the code which V8 makes do not belong here, but into base/engine.ts: with one of them
 * on the command line, Node does not use its own compiled code, and each thread begins 35 ms later.
 *
 * Whoever sets GLIBC_TUNABLES, be it to nothing, has the process as he started it.
 */
export const LAUNCH_TUNABLES =
  'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=20480:glibc.malloc.mmap_max=8192'
const MARK = '--no-verify-base-objects'
export const LAUNCH_FLAGS: readonly string[] = ['--max-semi-space-size=1', MARK]

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
  if (execArgv.includes(MARK)) return
  // Somebody talks to this process over a channel that would not survive.
  if (process.send !== undefined || !existsSync(HUGE_PAGES_PATH)) return
  const given = givenFlags()
  const flags = LAUNCH_FLAGS.filter((flag) => flag === MARK || !isGiven(flag, given))
  try {
    accessSync(execPath, constants.X_OK)
    const args = [execPath, ...execArgv, ...flags, ...process.argv.slice(1)]
    execve(execPath, args, { ...env, [TUNABLES_NAME]: LAUNCH_TUNABLES })
  } catch {
    // It serves as it is; this was only to make it faster.
  }
}

/** What Node was told when it was started; what somebody has chosen himself is not chosen again. */
export function givenFlags(): string[] {
  const { env, execArgv } = process
  return [...execArgv, ...(env[OPTIONS_NAME] ?? '').split(/\s+/)]
}
