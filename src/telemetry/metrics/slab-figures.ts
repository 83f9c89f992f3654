import { COUNTER_BLOCK_LENGTH } from '../counters.ts'
import type { StatsSource, StoreClassFigures, StoreFigures } from '../stats.ts'
import { classStats, wasUsed } from '../stats-classes.ts'

/** One value of the label `slab`: what `stats items` and `stats slabs` say, by their names. */
export interface SlabFigures {
  readonly slab: string
  readonly stats: ReadonlyMap<string, number>
}

/** What the label `slab` says where all classes are taken together. */
export const ALL_SLABS = 'total'

/**
 * By `metrics.slabs` every class that was ever used, or all of them as one. The latter also when the
 * setting is `off`: the one metric that is left then needs it.
 */
export function readSlabs(
  source: StatsSource,
  figures: StoreFigures,
  counters: Float64Array,
): SlabFigures[] {
  const classes: SlabFigures[] = []
  for (const [sizeClass, ofClass] of figures.classes.entries()) {
    if (!isUsed(source, ofClass, sizeClass)) continue
    const stats = new Map(classStats(source, ofClass, sizeClass, counters))
    classes.push({ slab: String(sizeClass), stats })
  }
  if (source.config.metrics.slabs === 'full') return classes
  return [{ slab: ALL_SLABS, stats: aggregate(source, classes) }]
}

/** A class once used stays: its counters must not vanish from one scrape to the next. */
function isUsed(source: StatsSource, ofClass: StoreClassFigures, sizeClass: number): boolean {
  return wasUsed(source, sizeClass) || Object.values(ofClass).some((figure) => figure !== 0)
}

/** Ages do not add up: the whole is as old as its oldest part. */
const TAKEN_AS_MAXIMUM = new Set(['age', 'evicted_time'])

function aggregate(source: StatsSource, classes: readonly SlabFigures[]): Map<string, number> {
  const sums = new Map(nothing(source))
  let bytes = 0
  for (const { stats } of classes) {
    bytes += (stats.get('chunk_size') ?? 0) * (stats.get('total_chunks') ?? 0)
    for (const [name, value] of stats) {
      const soFar = sums.get(name) ?? 0
      sums.set(name, TAKEN_AS_MAXIMUM.has(name) ? Math.max(soFar, value) : soFar + value)
    }
  }
  // Of these the mean, so that size times number is still the memory of all chunks.
  const chunks = sums.get('total_chunks') ?? 0
  const pages = sums.get('total_pages') ?? 0
  sums.set('chunk_size', chunks === 0 ? 0 : bytes / chunks)
  sums.set('chunks_per_page', pages === 0 ? 0 : chunks / pages)
  return sums
}

const NO_FIGURES: Readonly<StoreClassFigures> = Object.freeze({
  items: 0,
  bytes: 0,
  evicted: 0,
  evictedNonzero: 0,
  evictedUnfetched: 0,
  evictedActive: 0,
  expiredUnfetched: 0,
  reclaimed: 0,
  swept: 0,
  outOfMemory: 0,
  evictedTime: 0,
})

const NO_COUNTERS = new Float64Array(COUNTER_BLOCK_LENGTH)

/** Every name with a zero, so that a server that holds nothing yet shows the same series as later. */
function nothing(source: StatsSource): [string, number][] {
  const none = classStats(source, NO_FIGURES, 0, NO_COUNTERS)
  return none.map(([name]) => [name, 0])
}
