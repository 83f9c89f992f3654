import type { NodeGCPerformanceDetail, PerformanceEntry } from 'node:perf_hooks'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

/**
 * What each thread says about itself: its heap, its event loop and its garbage collector. One block
 * of doubles for each worker, then one for the control thread; each is written by its thread alone,
 * with plain stores. Durations are seconds.
 *
 *   0 heap in use · 1 heap reserved · 2 bytes outside of it that its objects hold
 *   3 seconds busy · 4 seconds waiting · 5 share of time busy, of late
 *   8 … delays: buckets, not cumulated, then the sum
 *   24 … collections: for each kind the same, GC_DOUBLES apart
 */
const BLOCK_DOUBLES = 128
const HEAP_USED = 0
const HEAP_TOTAL = 1
const EXTERNAL = 2
const BUSY = 3
const WAITING = 4
const UTILIZATION = 5
const DELAYS_AT = 8
const GC_AT = 24
const GC_DOUBLES = 16

/** Upper bounds of the buckets. A timer is a millisecond late by its nature. */
export const DELAY_BOUNDS_SECONDS: readonly number[] = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
]
export const GC_BOUNDS_SECONDS: readonly number[] = [
  1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5,
]

/** An entry of the kind `gc`; the types do not know what it has beyond others. */
interface Collection extends PerformanceEntry {
  readonly detail?: NodeGCPerformanceDetail
}

/** In the order of their places in a block. */
const GC_KINDS = ['minor', 'major', 'incremental', 'weakcb'] as const
const GC_KIND_OF_DETAIL = new Map<number, number>([
  [constants.NODE_PERFORMANCE_GC_MINOR, 0],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 1],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 2],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 3],
])

/** How often a thread calls tick(). */
const TICK_MILLISECONDS = 100
/** The heap and the event loop are looked at in every tenth. */
const TICKS_PER_LOOK = 10
/** Looks that the share of time busy is taken over. */
const LOOKS_OF_LATE = 10

export function createThreadFigures(workers: number): SharedArrayBuffer {
  const threads = workers + 1
  return new SharedArrayBuffer(threads * BLOCK_DOUBLES * Float64Array.BYTES_PER_ELEMENT)
}

function threadBlock(shared: SharedArrayBuffer, thread: number): Float64Array {
  const bytes = BLOCK_DOUBLES * Float64Array.BYTES_PER_ELEMENT
  return new Float64Array(shared, thread * bytes, BLOCK_DOUBLES)
}

/** A histogram of fixed buckets: its counts, not cumulated, and the sum of what was counted. */
export interface BucketFigures {
  /** One number for each bound, then what is beyond the last. */
  readonly buckets: readonly number[]
  readonly sum: number
}

export interface ThreadFigures {
  /** `worker-0` and so on, or `control`. */
  readonly thread: string
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  /** Memory outside of the heap that its objects hold, buffers for one; the store is not in it. */
  readonly externalBytes: number
  readonly busySeconds: number
  /** Share of the last ten seconds that the thread was busy, 0 to 1. */
  readonly utilization: number
  readonly delay: BucketFigures
  /** By kind of collection. */
  readonly collections: ReadonlyMap<string, BucketFigures>
}

/** Control thread, at a scrape: what all threads said last. */
export class ThreadReader {
  readonly #blocks: readonly Float64Array[]

  constructor(shared: SharedArrayBuffer, workers: number) {
    this.#blocks = Array.from({ length: workers + 1 }, (_, thread) => threadBlock(shared, thread))
  }

  read(): ThreadFigures[] {
    const workers = this.#blocks.length - 1
    return this.#blocks.map((block, thread) => figuresOf(block, threadName(thread, workers)))
  }
}

/** What a thread is called in metrics and pages; the control thread comes behind the workers. */
export function threadName(thread: number, workers: number): string {
  return thread < workers ? `worker-${thread}` : 'control'
}

function figuresOf(block: Float64Array, thread: string): ThreadFigures {
  const number = (at: number): number => block[at] as number
  return {
    thread,
    heapUsedBytes: number(HEAP_USED),
    heapTotalBytes: number(HEAP_TOTAL),
    externalBytes: number(EXTERNAL),
    busySeconds: number(BUSY),
    utilization: number(UTILIZATION),
    delay: bucketsAt(block, DELAYS_AT, DELAY_BOUNDS_SECONDS.length),
    collections: new Map(
      GC_KINDS.map((kind, index) => [
        kind,
        bucketsAt(block, GC_AT + index * GC_DOUBLES, GC_BOUNDS_SECONDS.length),
      ]),
    ),
  }
}

function bucketsAt(block: Float64Array, at: number, bounds: number): BucketFigures {
  return {
    buckets: Array.from(block.subarray(at, at + bounds + 1)),
    sum: block[at + bounds + 1] as number,
  }
}

/**
 * A thread's own side. Its thread calls `tick` ten times a second; collections of garbage are told
 * by the engine, in between.
 */
export class ThreadObserver {
  readonly #block: Float64Array
  readonly #collections: PerformanceObserver
  /** Busy and waiting seconds of the last looks, in a circle. */
  readonly #busyThen = new Float64Array(LOOKS_OF_LATE)
  readonly #waitingThen = new Float64Array(LOOKS_OF_LATE)
  #ticks = 0
  #looks = 0
  #lastTick = 0

  constructor(shared: SharedArrayBuffer, thread: number) {
    this.#block = threadBlock(shared, thread)
    this.#collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#countCollection(entry)
    })
    this.#collections.observe({ entryTypes: ['gc'] })
    this.#look()
  }

  /** Costs a reading of the clock; every tenth also one of the heap, which allocates some objects. */
  tick(): void {
    const now = performance.now()
    if (this.#lastTick > 0) this.#countDelay(now - this.#lastTick - TICK_MILLISECONDS)
    this.#lastTick = now
    if (++this.#ticks % TICKS_PER_LOOK === 0) this.#look()
  }

  close(): void {
    this.#collections.disconnect()
  }

  /** Timers may be early by a fraction of a millisecond; that is no delay. */
  #countDelay(milliseconds: number): void {
    count(this.#block, DELAYS_AT, DELAY_BOUNDS_SECONDS, Math.max(0, milliseconds) / 1000)
  }

  #countCollection({ duration, detail }: Collection): void {
    const kind = GC_KIND_OF_DETAIL.get(detail?.kind ?? 0)
    if (kind === undefined) return
    count(this.#block, GC_AT + kind * GC_DOUBLES, GC_BOUNDS_SECONDS, duration / 1000)
  }

  #look(): void {
    const block = this.#block
    const heap = getHeapStatistics()
    block[HEAP_USED] = heap.used_heap_size
    block[HEAP_TOTAL] = heap.total_heap_size
    block[EXTERNAL] = heap.external_memory
    const { active, idle } = performance.eventLoopUtilization()
    const busy = active / 1000
    const waiting = idle / 1000
    const place = this.#looks++ % LOOKS_OF_LATE
    const busyOfLate = busy - (this.#busyThen[place] as number)
    const waitingOfLate = waiting - (this.#waitingThen[place] as number)
    const all = busyOfLate + waitingOfLate
    block[BUSY] = busy
    block[WAITING] = waiting
    block[UTILIZATION] = all > 0 ? busyOfLate / all : 0
    this.#busyThen[place] = busy
    this.#waitingThen[place] = waiting
  }
}

function count(block: Float64Array, at: number, bounds: readonly number[], seconds: number): void {
  let bucket = 0
  while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++
  block[at + bucket] = (block[at + bucket] as number) + 1
  const sumAt = at + bounds.length + 1
  block[sumAt] = (block[sumAt] as number) + seconds
}
