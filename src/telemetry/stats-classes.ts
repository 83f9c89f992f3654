import { CLASS_COUNTER, classCounterIndex } from './counters.ts'
import { CLASS_BYTES, PAGE_BYTES } from './size-classes.ts'
import { StatText } from './stat-text.ts'
import type { StatsSource, StoreClassFigures } from './stats.ts'
import { SEGMENT_BYTES, STATS_END } from './stats.ts'
import { TUNABLE } from './tunables.ts'

/**
 * `stats items` and `stats slabs`. Items lie in a log here, not in slabs, but they are counted by the
 * class memcached would have put them in, because that is what monitoring asks for. What only a slab
 * allocator or a list of lists could know is 0, and pages and chunks are what memcached would need for
 * the items there are.
 */
export function itemsStats(source: StatsSource): Buffer {
  const counters = source.baseline.counters(source.counters)
  const text = new StatText()
  for (const [sizeClass, sinceStart] of source.figures().classes.entries()) {
    if (sinceStart.items === 0) continue
    const ofClass = source.baseline.classFigures(sinceStart, sizeClass)
    const prefix = `items:${sizeClass}:`
    const put: Put = (name, value) => text.line(prefix, name, value)
    putItems(put, source, ofClass, hitsOf(counters, sizeClass))
  }
  text.add(STATS_END)
  return text.bytes
}

function hitsOf(counters: Float64Array, sizeClass: number): number {
  return (
    classCounter(counters, sizeClass, CLASS_COUNTER.getHits) +
    classCounter(counters, sizeClass, CLASS_COUNTER.touchHits)
  )
}

export type ClassStat = readonly [string, number]

/** What is done with each figure, in memcached's order. */
type Put = (name: string, value: number) => void

/** What both commands say about one class, since the start of the process. */
export function classStats(
  source: StatsSource,
  figures: StoreClassFigures,
  sizeClass: number,
  counters: Float64Array,
): ClassStat[] {
  const stats: ClassStat[] = []
  const put: Put = (name, value) => stats.push([name, value])
  putItems(put, source, figures, hitsOf(counters, sizeClass))
  putSlabs(put, sizeClass, figures.items, counters)
  return stats
}

function putItems(
  put: Put,
  { config, tunables }: StatsSource,
  figures: StoreClassFigures,
  hits: number,
): void {
  const full = config.compat.lruMaintainer
  put('number', figures.items)
  if (full) {
    put('number_hot', 0)
    put('number_warm', 0)
    put('number_cold', figures.items)
    if (tunables[TUNABLE.tempLru] === 1) put('number_temp', 0)
    put('age_hot', 0)
    put('age_warm', 0)
  }
  // The nearest thing known to the age of the tail: how old the last evicted item was.
  put('age', figures.evictedTime)
  put('mem_requested', figures.bytes)
  put('evicted', figures.evicted)
  put('evicted_nonzero', figures.evictedNonzero)
  put('evicted_time', figures.evictedTime)
  put('outofmemory', figures.outOfMemory)
  put('tailrepairs', 0)
  put('reclaimed', figures.reclaimed + figures.swept)
  put('expired_unfetched', figures.expiredUnfetched)
  put('evicted_unfetched', figures.evictedUnfetched)
  if (full) put('evicted_active', figures.evictedActive)
  put('crawler_reclaimed', figures.swept)
  put('crawler_items_checked', 0)
  put('lrutail_reflocked', 0)
  if (full) putMoves(put, hits)
}

function putMoves(put: Put, hits: number): void {
  put('moves_to_cold', 0)
  put('moves_to_warm', 0)
  put('moves_within_lru', 0)
  put('direct_reclaims', 0)
  put('hits_to_hot', 0)
  put('hits_to_warm', 0)
  put('hits_to_cold', hits)
  put('hits_to_temp', 0)
}

export function slabsStats(source: StatsSource): Buffer {
  const counters = source.baseline.counters(source.counters)
  const figures = source.figures()
  const text = new StatText()
  let active = 0
  for (const [sizeClass, ofClass] of figures.classes.entries()) {
    // A slab class keeps its pages when its last item goes, so a class once used stays in the list:
    // its counters must not vanish from one scrape to the next.
    if (ofClass.items === 0 && !wasUsed(source, sizeClass)) continue
    active++
    const prefix = `${sizeClass}:`
    putSlabs((name, value) => text.line(prefix, name, value), sizeClass, ofClass.items, counters)
  }
  text.line('', 'active_slabs', active)
  text.line('', 'total_malloced', figures.segmentsUsed * SEGMENT_BYTES)
  text.add(STATS_END)
  return text.bytes
}

/** Whether something was ever stored in the class. */
export function wasUsed({ counters }: StatsSource, sizeClass: number): boolean {
  return counters.some((block) => classCounter(block, sizeClass, CLASS_COUNTER.setCommands) > 0)
}

function putSlabs(put: Put, sizeClass: number, items: number, counters: Float64Array): void {
  const chunkSize = CLASS_BYTES[sizeClass] as number
  const chunksPerPage = chunkSize === 0 ? 0 : Math.floor(PAGE_BYTES / chunkSize)
  const pages = chunksPerPage === 0 ? 0 : Math.max(1, Math.ceil(items / chunksPerPage))
  const counted = (counter: number): number => classCounter(counters, sizeClass, counter)
  put('chunk_size', chunkSize)
  put('chunks_per_page', chunksPerPage)
  put('total_pages', pages)
  put('total_chunks', pages * chunksPerPage)
  put('used_chunks', items)
  put('free_chunks', Math.max(0, pages * chunksPerPage - items))
  put('free_chunks_end', 0)
  put('get_hits', counted(CLASS_COUNTER.getHits))
  put('cmd_set', counted(CLASS_COUNTER.setCommands))
  put('delete_hits', counted(CLASS_COUNTER.deleteHits))
  put('incr_hits', counted(CLASS_COUNTER.incrementHits))
  put('decr_hits', counted(CLASS_COUNTER.decrementHits))
  put('cas_hits', counted(CLASS_COUNTER.casHits))
  put('cas_badval', counted(CLASS_COUNTER.casBadValue))
  put('touch_hits', counted(CLASS_COUNTER.touchHits))
}

function classCounter(counters: Float64Array, sizeClass: number, counter: number): number {
  return counters[classCounterIndex(sizeClass, counter)] as number
}
