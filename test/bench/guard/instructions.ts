import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { programOnPath } from '../servers/peers.ts'

const RUN = resolve(import.meta.dirname, 'instructions-run.ts')
const COMMANDS_FEW = 60_000
const COMMANDS_MANY = 160_000
/** One thread and no clock in V8's decisions, so that the count is the same within a percent. */
const V8_FLAGS = ['--single-threaded', '--predictable']
const VALGRIND = ['--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=/dev/null']
const RUN_MILLISECONDS_MAX = 120_000

/**
 * Instructions of one command in parser, handler, store and reply writer, by valgrind: the difference
 * between a long run and a short one, so start and compilation cancel out. Null without valgrind.
 */
export async function instructionsPerCommand(
  kind: 'get' | 'set' | 'guarded',
): Promise<number | null> {
  if (programOnPath('valgrind') === undefined) return null
  const cache = mkdtempSync(join(tmpdir(), 'bench-instructions-'))
  try {
    // Types are stripped once, outside valgrind, where it takes a tenth of the time.
    await run([process.execPath], kind, 1, cache)
    const valgrind = ['valgrind', ...VALGRIND, process.execPath]
    // Counts do not care who else runs, so both go at once.
    const runs = [COMMANDS_FEW, COMMANDS_MANY].map((count) => run(valgrind, kind, count, cache))
    const [few = Number.NaN, many = Number.NaN] = (await Promise.all(runs)).map(refs)
    return (many - few) / (COMMANDS_MANY - COMMANDS_FEW)
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}

/** What it wrote to stderr. */
function run(
  command: readonly string[],
  kind: string,
  count: number,
  cache: string,
): Promise<string> {
  const [program = '', ...before] = command
  const child = spawn(program, [...before, ...V8_FLAGS, RUN, kind, String(count)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: RUN_MILLISECONDS_MAX,
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  let text = ''
  child.stderr.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  return new Promise((settle, fail) => {
    child.once('error', fail)
    child.once('close', () => settle(text))
  })
}

/** `==123== I   refs:      2,482,757,907` */
export function refs(text: string): number {
  return Number(/I\s+refs:\s+([\d,]+)/.exec(text)?.[1]?.replaceAll(',', '') ?? Number.NaN)
}
