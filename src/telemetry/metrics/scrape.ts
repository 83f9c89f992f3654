import { COUNTER_BLOCK_LENGTH } from '../counters.ts'
import type { LatencyFigures } from '../latency.ts'
import { sumBlocks } from '../stats-baseline.ts'
import type { ThreadFigures } from '../thread-figures.ts'
import type { ProcessFigures } from './process-figures.ts'
import { readProcess } from './process-figures.ts'
import type { SlabFigures } from './slab-figures.ts'
import { readSlabs } from './slab-figures.ts'
import type { MetricsFigures, MetricsSource } from './source.ts'

/** What all families of one page are made from, read at one moment and once. */
export interface Scrape {
  readonly source: MetricsSource
  /** Seconds of the coarse clock. */
  readonly now: number
  readonly figures: MetricsFigures
  /** The counters of all threads together, indexed by COUNTER, since the start of the process. */
  readonly counters: Float64Array
  /** Of the commands used so far. */
  readonly latency: readonly LatencyFigures[]
  readonly threads: readonly ThreadFigures[]
  readonly slabs: readonly SlabFigures[]
  readonly process: ProcessFigures
  readonly ratchet: Ratchet
}

export function readScrape(source: MetricsSource, ratchet: Ratchet): Scrape {
  const { stats } = source
  const counters = new Float64Array(COUNTER_BLOCK_LENGTH)
  sumBlocks(stats.counters, counters, counters.length)
  const figures = source.figures()
  return {
    source,
    now: stats.clock.seconds(),
    figures,
    counters,
    latency: source.latency.read(),
    threads: source.threads.read(),
    slabs: readSlabs(stats, figures, counters),
    process: readProcess(),
    ratchet,
  }
}

/**
 * Keeps counters that are differences of others from going back. Each counter alone only goes up,
 * but a worker may raise two of them while they are read one after the other, and Prometheus would
 * take a difference that went back by one for a restart.
 */
export class Ratchet {
  readonly #highest = new Map<string, number>()

  /** The highest value so far of what has this name, never below 0. */
  raise(name: string, value: number): number {
    const highest = Math.max(this.#highest.get(name) ?? 0, value)
    this.#highest.set(name, highest)
    return highest
  }
}
