import { CLASS_COUNT, COUNTER, COUNTER_BLOCK_LENGTH } from './counters.ts'
import type { StoreClassFigures, StoreFigures } from './stats.ts'

/** Counters of the store that `stats reset` sets back, and where the baseline keeps them. */
const FIGURES = [
  'itemsTotal',
  'evictions',
  'evictedActive',
  'evictedUnfetched',
  'reclaimed',
  'swept',
  'expiredUnfetched',
  'moved',
  'directReclaims',
] as const

/** The store's figures that are counters. */
export type CountedFigures = Record<(typeof FIGURES)[number], number>

const NOTHING_COUNTED: Readonly<CountedFigures> = {
  itemsTotal: 0,
  evictions: 0,
  evictedActive: 0,
  evictedUnfetched: 0,
  reclaimed: 0,
  swept: 0,
  expiredUnfetched: 0,
  moved: 0,
  directReclaims: 0,
}

const CLASS_FIGURES = [
  'evicted',
  'evictedNonzero',
  'evictedUnfetched',
  'evictedActive',
  'expiredUnfetched',
  'reclaimed',
  'swept',
  'outOfMemory',
] as const

/** These say how things are now, so a reset leaves them alone. */
const GAUGES: readonly number[] = [
  COUNTER.connections,
  COUNTER.watchers,
  COUNTER.readBuffers,
  COUNTER.readBufferBytes,
  COUNTER.readBufferBytesFree,
  COUNTER.replyBuffers,
  COUNTER.replyBufferBytes,
  COUNTER.tlsHandshaking,
  COUNTER.tlsConnections,
]

const CLASSES_START = COUNTER_BLOCK_LENGTH + FIGURES.length
export const BASELINE_LENGTH = CLASSES_START + CLASS_COUNT * CLASS_FIGURES.length

/**
 * What `stats reset` remembers: the values of all counters at the time of the last reset, which
 * `stats` then subtracts. The counters themselves only go up, as Prometheus needs. Shared by all
 * threads; a reader in the middle of a reset may see some counters before and some after it, and
 * what is below its baseline shows as 0.
 */
export class StatsBaseline {
  readonly #values: Float64Array
  /** What counters() answers with. */
  readonly #sums = new Float64Array(COUNTER_BLOCK_LENGTH)

  /** @param values BASELINE_LENGTH shared doubles, zero at the start */
  constructor(values: Float64Array) {
    this.#values = values
  }

  reset(blocks: readonly Float64Array[], figures: StoreFigures): void {
    const values = this.#values
    const sums = this.#sums
    sumBlocks(blocks, sums, sums.length)
    for (let index = 0; index < sums.length; index++) {
      values[index] = GAUGES.includes(index) ? 0 : (sums[index] as number)
    }
    for (const [index, name] of FIGURES.entries()) {
      values[COUNTER_BLOCK_LENGTH + index] = figures[name]
    }
    for (const [sizeClass, figuresOfClass] of figures.classes.entries()) {
      for (const [index, name] of CLASS_FIGURES.entries()) {
        values[classIndex(sizeClass, index)] = figuresOfClass[name]
      }
    }
  }

  /**
   * Sums over all workers since the reset, indexed like one counter block, up to `until`. The array
   * is used again by the next call.
   */
  counters(blocks: readonly Float64Array[], until = COUNTER_BLOCK_LENGTH): Float64Array {
    const sums = this.#sums
    sumBlocks(blocks, sums, until)
    for (let index = 0; index < until; index++) {
      sums[index] = this.#since(sums[index] as number, index)
    }
    return sums
  }

  /** The store's counters since the reset. */
  figures(figures: StoreFigures): CountedFigures {
    const since = { ...NOTHING_COUNTED }
    for (let index = 0; index < FIGURES.length; index++) {
      const name = FIGURES[index] as keyof CountedFigures
      since[name] = this.#since(figures[name], COUNTER_BLOCK_LENGTH + index)
    }
    return since
  }

  /** The figures of one size class, with its counters since the reset. */
  classFigures(figures: StoreClassFigures, sizeClass: number): StoreClassFigures {
    const since = { ...figures }
    for (const [index, name] of CLASS_FIGURES.entries()) {
      since[name] = this.#since(figures[name], classIndex(sizeClass, index))
    }
    return since
  }

  #since(value: number, index: number): number {
    return Math.max(0, value - (this.#values[index] as number))
  }
}

/** The sums of all blocks' first counters, since the start of the process. */
export function sumBlocks(
  blocks: readonly Float64Array[],
  sums: Float64Array,
  until: number,
): void {
  sums.fill(0, 0, until)
  for (const block of blocks) {
    for (let index = 0; index < until; index++) {
      sums[index] = (sums[index] as number) + (block[index] as number)
    }
  }
}

function classIndex(sizeClass: number, index: number): number {
  return CLASSES_START + sizeClass * CLASS_FIGURES.length + index
}
