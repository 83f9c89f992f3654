import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * What V8 is told about the whole process when all of its threads have loaded their code. On the command
 * line the same would cost each thread 35 ms of its start: code that was compiled beforehand, as Node's
 * own is, holds only for the flags that it was compiled with.
 *
 * - The compiler may inline about twice as much as it would. The way of a command is many small
 *   functions: 4 to 7 % less CPU at pipeline 32, for 2 MiB more of machine code.
 * - Between the interpreter and the optimizing compiler V8 has two more, for programs that begin again and
 *   again. A server passes through them once, and their machine code and the heap that they compiled in
 *   stay: 9 MiB of a loaded server with one worker. The optimizing compiler begins after a third of the
 *   calls instead, with which the first 100,000 requests take as long as they did; without that, 0.3 s of
 *   a processor more.
 * - The garbage of the start can be collected.
 *
 * Node warns that flags which change while V8 runs may have any effect. That these do no harm is shown by
 * the tests alone, all of which run with them.
 */
export const ENGINE_FLAGS: readonly string[] = [
  '--max-inlined-bytecode-size-cumulative=2000',
  '--no-maglev',
  '--no-sparkplug',
  '--invocation-count-for-turbofan=1000',
  '--expose-gc',
]

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/**
 * Once, on the control thread.
 *
 * @param given flags that somebody has chosen himself: they stay as they are
 */
export function tuneEngine(given: readonly string[]): void {
  for (const flag of ENGINE_FLAGS) {
    if (!isGiven(flag, given)) setFlagsFromString(flag)
  }
}

/** Whether something is said about a flag already, be it the opposite. */
export function isGiven(flag: string, given: readonly string[]): boolean {
  const name = nameOf(flag)
  return given.some((word) => nameOf(word) === name)
}

/**
 * Loading code makes the garbage of a lifetime: sources, syntax trees, byte code that ran once. V8
 * would keep it, since afterwards hardly anything is allocated that could make it collect. One thorough
 * collection of a thread that has started gives 4 to 6 MiB back to the system; it takes a
 * thread some 30 ms, once. Before tuneEngine nothing happens, unless Node was started with --expose-gc.
 */
export function collectStartGarbage(): void {
  // Only contexts that are made after the flag was set have the function.
  const gc: unknown = runInNewContext('globalThis.gc')
  if (typeof gc !== 'function') return
  const collect = gc as Collect
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** V8 takes a flag with - and with _, and its opposite with no- or no. */
function nameOf(flag: string): string {
  return flag
    .replace(/=.*/, '')
    .replaceAll('_', '-')
    .replace(/^--no-?/, '--')
}
