// The global of this name is a getter: 0.6 % of the samples of requests on their own.
import { performance } from 'node:perf_hooks'
import { OPCODE_WORDS } from '../protocol/opcode.ts'

/**
 * How long commands take: from the moment when a worker begins with the bytes that it has read until
 * the replies of the turn are handed to the kernel. All commands of a turn have the turn's duration,
 * because that is how long their client waits for the server. The time a request spends in the kernel's
 * buffers before a worker reads it is not in it. A command that comes in pieces, or waits for a client
 * that does not read, is measured from the beginning of the turn in which it ends.
 *
 * The figures are plain doubles in shared memory; only the worker that owns a block writes to it.
 */

/** Upper bounds of the buckets. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = [
  1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,
]
const BOUNDS_MILLISECONDS = Float64Array.from(LATENCY_BOUNDS_SECONDS, (bound) => bound * 1000)
/** One more than there are bounds: what is longer than the last. */
export const LATENCY_BUCKETS = LATENCY_BOUNDS_SECONDS.length + 1

/** Doubles for each opcode: the buckets, not cumulated, then the sum in milliseconds. */
const OPCODE_DOUBLES = 24
const SUM_AT = LATENCY_BUCKETS
const BLOCK_DOUBLES = OPCODE_WORDS.length * OPCODE_DOUBLES

/** What one command's histogram says, over all workers. */
export interface LatencyFigures {
  /** The word that clients write. */
  readonly command: string
  /** Commands in each bucket alone; LATENCY_BUCKETS of them. */
  readonly buckets: readonly number[]
  readonly count: number
  readonly sumSeconds: number
}

export function createLatency(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * BLOCK_DOUBLES * Float64Array.BYTES_PER_ELEMENT)
}

function latencyBlock(shared: SharedArrayBuffer, worker: number): Float64Array {
  const bytes = BLOCK_DOUBLES * Float64Array.BYTES_PER_ELEMENT
  return new Float64Array(shared, worker * bytes, BLOCK_DOUBLES)
}

/** Control thread, at a scrape: the commands that were used at all. */
export class LatencyReader {
  readonly #blocks: readonly Float64Array[]

  constructor(shared: SharedArrayBuffer, workers: number) {
    this.#blocks = Array.from({ length: workers }, (_, worker) => latencyBlock(shared, worker))
  }

  read(): LatencyFigures[] {
    const figures: LatencyFigures[] = []
    for (let opcode = 0; opcode < OPCODE_WORDS.length; opcode++) {
      const buckets = Array.from({ length: LATENCY_BUCKETS }, (_, bucket) =>
        this.#sum(opcode * OPCODE_DOUBLES + bucket),
      )
      const count = buckets.reduce((sum, bucket) => sum + bucket, 0)
      if (count === 0) continue
      const sumSeconds = this.#sum(opcode * OPCODE_DOUBLES + SUM_AT) / 1000
      figures.push({ command: OPCODE_WORDS[opcode] ?? '', buckets, count, sumSeconds })
    }
    return figures
  }

  #sum(at: number): number {
    return this.#blocks.reduce((sum, block) => sum + (block[at] ?? 0), 0)
  }
}

/** A worker's side: begin, then each command, then end. Two readings of the clock for a turn. */
export class LatencyRecorder {
  readonly #block: Float64Array
  readonly #keeps: boolean
  /** Commands of this turn by opcode, and the opcodes that there are. */
  readonly #counts = new Int32Array(OPCODE_WORDS.length)
  readonly #opcodes = new Int32Array(OPCODE_WORDS.length)
  #distinct = 0
  /** Commands that ended in the last turn. */
  turnCommands = 0
  /** Milliseconds of performance.now(). */
  startedAt = 0

  /** @param keeps false: turns are measured for who asks, but nothing is kept of them */
  constructor(shared: SharedArrayBuffer, worker: number, keeps = true) {
    this.#block = latencyBlock(shared, worker)
    this.#keeps = keeps
  }

  begin(at = performance.now()): void {
    this.startedAt = at
  }

  command(opcode: number): void {
    const count = this.#counts[opcode] as number
    if (count === 0) this.#opcodes[this.#distinct++] = opcode
    this.#counts[opcode] = count + 1
  }

  /** Of the turn that is going on, or of the last. */
  get firstOpcode(): number {
    return this.#opcodes[0] as number
  }

  /** The turn is over. Returns how long it took, in milliseconds; 0 when no command ended in it. */
  end(): number {
    if (this.#distinct === 0) return 0
    let commands = 0
    const milliseconds = performance.now() - this.startedAt
    const bucket = bucketOf(milliseconds)
    const block = this.#block
    for (let index = 0; index < this.#distinct; index++) {
      const opcode = this.#opcodes[index] as number
      const count = this.#counts[opcode] as number
      const at = opcode * OPCODE_DOUBLES
      if (this.#keeps) {
        block[at + bucket] = (block[at + bucket] as number) + count
        block[at + SUM_AT] = (block[at + SUM_AT] as number) + count * milliseconds
      }
      this.#counts[opcode] = 0
      commands += count
    }
    this.#distinct = 0
    this.turnCommands = commands
    return milliseconds
  }
}

function bucketOf(milliseconds: number): number {
  const bounds = BOUNDS_MILLISECONDS
  let bucket = 0
  while (bucket < bounds.length && milliseconds > (bounds[bucket] as number)) bucket++
  return bucket
}
