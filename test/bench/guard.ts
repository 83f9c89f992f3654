import { parseArgs } from 'node:util'
import { measureHeap } from './guard/allocations.ts'
import { BOUNDS } from './guard/bounds.ts'
import type { PolicyName } from './guard/held-items.ts'
import { heldItems, missesOfFixedTrace } from './guard/held-items.ts'
import { bytesPerIdleConnection } from './guard/idle-connections.ts'
import { instructionsPerCommand } from './guard/instructions.ts'
import type { Verdict } from './guard/judge.ts'
import { describeVerdict, judge } from './guard/judge.ts'
import { countSyscalls } from './guard/syscalls.ts'
import { buildIfOlder } from './servers/build.ts'

const USAGE = `npm run bench:guard -- [options]

Counts what a command costs, each against a bound of test/bench/guard/bounds.ts, and fails when one
is broken. Nothing here is a time, so it holds on a busy machine. Counting syscalls needs strace, and
counting instructions valgrind; where one is missing that is said and does not fail.

  --quick        without the counts that take longest (instructions)
  --only TEXT    only bounds with TEXT in their names
`

const POLICIES: readonly PolicyName[] = ['lru', 's3-fifo']

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else await main()

/** What measures a group of bounds, by how all their names begin or what they contain. */
async function main(): Promise<void> {
  buildIfOlder()
  const bounds = BOUNDS.filter(
    ({ name, slow }) => name.includes(options.only) && !(options.quick && slow === true),
  )
  const figures = new Map<string, number | null>()
  const wanted = (part: string): boolean => bounds.some(({ name }) => name.includes(part))
  if (wanted('heap') || wanted('messages')) await addHeap(figures)
  if (wanted('per unpipelined') || wanted('per pipeline of') || wanted('wake-ups')) {
    await addSyscalls(figures)
  }
  if (wanted('idle connection')) {
    console.error('opening connections')
    figures.set('resident per idle connection', await bytesPerIdleConnection())
  }
  if (wanted('items of') || wanted('misses')) addStore(figures)
  if (wanted('instructions')) await addInstructions(figures)
  for (const name of figures.keys()) {
    if (!bounds.some((bound) => bound.name === name)) figures.delete(name)
  }
  finish(judge(bounds, figures))
}

async function addHeap(figures: Map<string, number | null>): Promise<void> {
  console.error('counting heap bytes')
  const heap = await measureHeap()
  for (const [word, bytes] of Object.entries(heap.pipelined)) {
    figures.set(`heap per pipelined ${word}`, bytes)
  }
  figures.set('heap per read from a client', heap.single)
  figures.set('messages between threads for commands', heap.messages)
}

async function addSyscalls(figures: Map<string, number | null>): Promise<void> {
  console.error('counting system calls')
  const calls = await countSyscalls()
  const words = { reads: 'reads', writes: 'writes', waits: 'waits', others: 'other syscalls' }
  for (const [key, word] of Object.entries(words)) {
    figures.set(`${word} per unpipelined request`, calls?.single[key] ?? null)
    figures.set(`${word} per pipeline of 32`, calls?.pipelined[key] ?? null)
  }
  figures.set('wake-ups when idle', calls?.idleWakeUps ?? null)
}

function addStore(figures: Map<string, number | null>): void {
  for (const policy of POLICIES) {
    console.error(`filling stores, ${policy}`)
    for (const size of [10, 100, 1000]) {
      figures.set(`items of ${size} bytes in 64 MiB, ${policy}`, heldItems(policy, size))
    }
    figures.set(`misses of the fixed trace, ${policy}`, missesOfFixedTrace(policy))
  }
}

async function addInstructions(figures: Map<string, number | null>): Promise<void> {
  for (const kind of ['get', 'set'] as const) {
    console.error(`counting instructions of ${kind}`)
    figures.set(`instructions per ${kind}`, await instructionsPerCommand(kind))
  }
}

function finish(verdicts: readonly Verdict[]): void {
  for (const verdict of verdicts) console.log(describeVerdict(verdict))
  const broken = verdicts.filter(({ kept }) => !kept)
  if (broken.length === 0) return
  console.error(`\n${broken.length} bounds of test/bench/guard/bounds.ts are broken`)
  process.exitCode = 1
}
