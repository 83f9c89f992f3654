import * as L from './layout.ts'
import type { Views } from './memory.ts'

/** Levels and counters of the whole store, plain numbers. */
export interface Figures {
  limitBytes: number
  /** Segments in use (logs, index, pages, spares) and the limit, in segments. */
  segmentsUsed: number
  segmentsLimit: number
  segmentsTemp: number
  segmentsSmall: number
  segmentsMain: number
  segmentsIndex: number
  segmentsPages: number
  segmentsSpare: number
  pagesUsed: number
  items: number
  /** memcached's `bytes`. */
  itemBytes: number
  /** Bytes of live records, headers and rounding included, without pages. */
  liveRecordBytes: number
  deadBytes: number
  indexBuckets: number
  itemsTotal: number
  evictions: number
  evictedActive: number
  evictedUnfetched: number
  evictedNonzero: number
  expired: number
  /** Expired or flushed items whose room a command took back, and those that the sweep did. */
  reclaimed: number
  swept: number
  expiredUnfetched: number
  flushed: number
  /** Survivors moved by eviction or cleaning. */
  moved: number
  /** Slices of reclaiming that a writer had to do itself. */
  directReclaims: number
  outOfMemory: number
  /** lastAccess of the last evicted item, relative seconds, 0 = none yet. */
  evictedLastAccess: number
  /** Index = size class 0..63. */
  classes: ClassFigures[]
}

export interface ClassFigures {
  items: number
  bytes: number
  evicted: number
  evictedNonzero: number
  evictedUnfetched: number
  evictedActive: number
  expiredUnfetched: number
  /** Expired items whose memory was taken back. */
  reclaimed: number
  swept: number
  outOfMemory: number
  /** now - lastAccess of the class's last evicted item, seconds. */
  evictedTime: number
}

/**
 * Sums the shards' figures. Read without locks: each number was true at some moment of the call,
 * but two of them need not be of the same moment.
 */
export function readFigures(views: Views): Figures {
  const { tables, figures: doubles } = views
  const classes: ClassFigures[] = []
  for (let index = 0; index < L.CLASS_COUNT; index++) classes.push(readClass(views, index))
  const sum = (figure: number): number => {
    let total = 0
    for (let shard = 0; shard < views.shardCount; shard++) {
      total += doubles[shard * L.FIGURE_DOUBLES + figure]!
    }
    return total
  }
  const sumClasses = (name: keyof ClassFigures): number =>
    classes.reduce((total, figures) => total + figures[name], 0)
  return {
    limitBytes: tables[L.POOL_LIMIT]! * L.SEGMENT_BYTES,
    segmentsUsed: tables[L.POOL_IN_USE]!,
    segmentsLimit: tables[L.POOL_LIMIT]!,
    segmentsTemp: sumLog(views, L.LOG_TEMP),
    segmentsSmall: sumLog(views, L.LOG_SMALL),
    segmentsMain: sumLog(views, L.LOG_MAIN),
    segmentsIndex: sumShards(views, chunksOf),
    segmentsPages: tables[L.POOL_PAGE_SEGMENTS]!,
    segmentsSpare: sumShards(views, (base) => (tables[base + L.SHARD_SPARE] === 0 ? 0 : 1)),
    pagesUsed: tables[L.POOL_PAGES_USED]!,
    items: sumClasses('items'),
    itemBytes: sumClasses('bytes'),
    liveRecordBytes: sum(L.FIGURE_LIVE_UNITS) * L.UNIT_BYTES,
    deadBytes: sum(L.FIGURE_DEAD_UNITS) * L.UNIT_BYTES,
    indexBuckets: sumShards(views, (base) => tables[base + L.SHARD_BUCKETS]!),
    itemsTotal: sum(L.FIGURE_ITEMS_TOTAL),
    evictions: sumClasses('evicted'),
    evictedActive: sumClasses('evictedActive'),
    evictedUnfetched: sumClasses('evictedUnfetched'),
    evictedNonzero: sumClasses('evictedNonzero'),
    expired: sum(L.FIGURE_EXPIRED),
    expiredUnfetched: sumClasses('expiredUnfetched'),
    reclaimed: sumClasses('reclaimed'),
    swept: sumClasses('swept'),
    flushed: sum(L.FIGURE_FLUSHED),
    moved: sum(L.FIGURE_MOVED),
    directReclaims: sum(L.FIGURE_RECLAIMS),
    outOfMemory: sumClasses('outOfMemory'),
    evictedLastAccess: lastEvictedAccess(views),
    classes,
  }
}

/** Index chunks of the shard. */
export function chunksOf(base: number, tables: Int32Array): number {
  return Math.ceil(tables[base + L.SHARD_BUCKETS]! / L.BUCKETS_PER_CHUNK)
}

function sumShards(views: Views, of: (base: number, tables: Int32Array) => number): number {
  let total = 0
  for (let shard = 0; shard < views.shardCount; shard++) {
    total += of(L.SHARDS_AT + shard * L.SHARD_WORDS, views.tables)
  }
  return total
}

function sumLog(views: Views, log: number): number {
  const at = L.SHARD_LOGS + log * L.LOG_WORDS + L.LOG_SEGMENTS
  return sumShards(views, (base, tables) => tables[base + at]!)
}

function lastEvictedAccess(views: Views): number {
  let latest = 0
  for (let shard = 0; shard < views.shardCount; shard++) {
    const at = shard * L.FIGURE_DOUBLES + L.FIGURE_EVICTED_ACCESS
    latest = Math.max(latest, views.figures[at]!)
  }
  return latest
}

function readClass(views: Views, index: number): ClassFigures {
  const classAt = L.FIGURE_CLASSES + (index << L.CLASS_SHIFT)
  const sum = (figure: number): number => {
    let total = 0
    for (let shard = 0; shard < views.shardCount; shard++) {
      total += views.figures[shard * L.FIGURE_DOUBLES + classAt + figure]!
    }
    return total
  }
  let evictedTime = 0
  for (let shard = 0; shard < views.shardCount; shard++) {
    const at = shard * L.FIGURE_DOUBLES + classAt + L.CLASS_EVICTED_TIME
    evictedTime = Math.max(evictedTime, views.figures[at]!)
  }
  return {
    items: sum(L.CLASS_ITEMS),
    bytes: sum(L.CLASS_BYTES),
    evicted: sum(L.CLASS_EVICTED),
    evictedNonzero: sum(L.CLASS_EVICTED_NONZERO),
    evictedUnfetched: sum(L.CLASS_EVICTED_UNFETCHED),
    evictedActive: sum(L.CLASS_EVICTED_ACTIVE),
    expiredUnfetched: sum(L.CLASS_EXPIRED_UNFETCHED),
    reclaimed: sum(L.CLASS_RECLAIMED),
    swept: sum(L.CLASS_SWEPT),
    outOfMemory: sum(L.CLASS_OUT_OF_MEMORY),
    evictedTime,
  }
}
