import { CLASS_COUNTER, classCounterIndex } from './counters.ts'
import { CLASS_BYTES, PAGE_BYTES } from './size-classes.ts'
import type { StatsSource, StoreClassFigures } from './stats.ts'
import { SEGMENT_BYTES, STATS_END, statLine } from './stats.ts'
import { TUNABLE } from './tunables.ts'

/**
 * `stats items` and `stats slabs`. Items lie in a log here, not in slabs, but they are counted by the
 * class memcached would have put them in, because that is what monitoring asks for. What only a slab
 * allocator or a list of lists could know is 0, and pages and chunks are what memcached would need for
 * the items there are.
 */
export function itemsStats(source: StatsSource): string {
  const counters = source.baseline.counters(source.counters)
  let text = ''
  for (const [sizeClass, sinceStart] of source.figures().classes.entries()) {
    if (sinceStart.items === 0) continue
    const ofClass = source.baseline.classFigures(sinceStart, sizeClass)
    for (const [name, value] of classItems(source, ofClass, hitsOf(counters, sizeClass))) {
      text += statLine(`items:${sizeClass}:${name}`, value)
    }
  }
  return text + STATS_END
}

function hitsOf(counters: Float64Array, sizeClass: number): number {
  return (
    classCounter(counters, sizeClass, CLASS_COUNTER.getHits) +
    classCounter(counters, sizeClass, CLASS_COUNTER.touchHits)
  )
}

export type ClassStat = readonly [string, number]

/** What both commands say about one class, since the start of the process. */
export function classStats(
  source: StatsSource,
  figures: StoreClassFigures,
  sizeClass: number,
  counters: Float64Array,
): ClassStat[] {
  return [
    ...classItems(source, figures, hitsOf(counters, sizeClass)),
    ...classSlabs(sizeClass, figures.items, counters),
  ]
}

function classItems(source: StatsSource, figures: StoreClassFigures, hits: number): ClassStat[] {
  const { config, tunables } = source
  const full = config.compat.lruMaintainer
  const temporary: ClassStat[] = tunables[TUNABLE.tempLru] === 1 ? [['number_temp', 0]] : []
  const numbers: ClassStat[] = [
    ['number_hot', 0],
    ['number_warm', 0],
    ['number_cold', figures.items],
    ...temporary,
    ['age_hot', 0],
    ['age_warm', 0],
  ]
  const moves: ClassStat[] = [
    ['moves_to_cold', 0],
    ['moves_to_warm', 0],
    ['moves_within_lru', 0],
    ['direct_reclaims', 0],
    ['hits_to_hot', 0],
    ['hits_to_warm', 0],
    ['hits_to_cold', hits],
    ['hits_to_temp', 0],
  ]
  return [
    ['number', figures.items],
    ...(full ? numbers : []),
    // The nearest thing known to the age of the tail: how old the last evicted item was.
    ['age', figures.evictedTime],
    ['mem_requested', figures.bytes],
    ['evicted', figures.evicted],
    ['evicted_nonzero', figures.evictedNonzero],
    ['evicted_time', figures.evictedTime],
    ['outofmemory', figures.outOfMemory],
    ['tailrepairs', 0],
    ['reclaimed', figures.reclaimed + figures.swept],
    ['expired_unfetched', figures.expiredUnfetched],
    ['evicted_unfetched', figures.evictedUnfetched],
    ...(full ? ([['evicted_active', figures.evictedActive]] as const) : []),
    ['crawler_reclaimed', figures.swept],
    ['crawler_items_checked', 0],
    ['lrutail_reflocked', 0],
    ...(full ? moves : []),
  ]
}

export function slabsStats(source: StatsSource): string {
  const counters = source.baseline.counters(source.counters)
  const figures = source.figures()
  let text = ''
  let active = 0
  for (const [sizeClass, ofClass] of figures.classes.entries()) {
    // A slab class keeps its pages when its last item goes, so a class once used stays in the list:
    // its counters must not vanish from one scrape to the next.
    if (ofClass.items === 0 && !wasUsed(source, sizeClass)) continue
    active++
    for (const [name, value] of classSlabs(sizeClass, ofClass.items, counters)) {
      text += statLine(`${sizeClass}:${name}`, value)
    }
  }
  return (
    text +
    statLine('active_slabs', active) +
    statLine('total_malloced', figures.segmentsUsed * SEGMENT_BYTES) +
    STATS_END
  )
}

/** Whether something was ever stored in the class. */
export function wasUsed({ counters }: StatsSource, sizeClass: number): boolean {
  return counters.some((block) => classCounter(block, sizeClass, CLASS_COUNTER.setCommands) > 0)
}

function classSlabs(sizeClass: number, items: number, counters: Float64Array): ClassStat[] {
  const chunkSize = CLASS_BYTES[sizeClass] as number
  const chunksPerPage = chunkSize === 0 ? 0 : Math.floor(PAGE_BYTES / chunkSize)
  const pages = chunksPerPage === 0 ? 0 : Math.max(1, Math.ceil(items / chunksPerPage))
  const count = (name: string, counter: number): ClassStat => [
    name,
    classCounter(counters, sizeClass, counter),
  ]
  return [
    ['chunk_size', chunkSize],
    ['chunks_per_page', chunksPerPage],
    ['total_pages', pages],
    ['total_chunks', pages * chunksPerPage],
    ['used_chunks', items],
    ['free_chunks', Math.max(0, pages * chunksPerPage - items)],
    ['free_chunks_end', 0],
    count('get_hits', CLASS_COUNTER.getHits),
    count('cmd_set', CLASS_COUNTER.setCommands),
    count('delete_hits', CLASS_COUNTER.deleteHits),
    count('incr_hits', CLASS_COUNTER.incrementHits),
    count('decr_hits', CLASS_COUNTER.decrementHits),
    count('cas_hits', CLASS_COUNTER.casHits),
    count('cas_badval', CLASS_COUNTER.casBadValue),
    count('touch_hits', CLASS_COUNTER.touchHits),
  ]
}

function classCounter(counters: Float64Array, sizeClass: number, counter: number): number {
  return counters[classCounterIndex(sizeClass, counter)] as number
}
