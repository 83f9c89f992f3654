import type { ShardFigures } from './insight.ts'
import { readEvictedAgeSum, readEvictedAges, readExpiredBytes, readShards } from './insight.ts'
import * as L from './layout.ts'
import type { Views } from './memory.ts'
import { CLASS_SIZES } from './size-class.ts'

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
  /** Slices of reclaiming that a writer waited for; those ahead of need are not counted. */
  directReclaims: number
  outOfMemory: number
  /** lastAccess of the last evicted item, relative seconds, 0 = none yet. */
  evictedLastAccess: number
  /** Index = size class 0..63. Read when asked for, since the totals are all that most want. */
  readonly classes: readonly Readonly<ClassFigures>[]
  /** See insight.ts; these, too, are read when asked for. */
  readonly evictedAges: readonly number[]
  readonly evictedAgeSum: number
  readonly expiredBytes: number
  readonly shards: readonly ShardFigures[]
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

/** Doubles of the classes that items can be in; the numbers behind the last of them stay 0. */
const CLASS_SUMS = CLASS_SIZES.length << L.CLASS_SHIFT

/**
 * Sums over the shards, class by class as in a shard's block. Used again by each reading, which is
 * done with it before it returns.
 */
const classSums = new Float64Array(CLASS_SUMS)

/**
 * Sums the shards' figures. Read without locks: each number was true at some moment of the call,
 * but two of them need not be of the same moment. Monitoring asks every second or so, which is too
 * seldom for the compiler to help and often enough for garbage to matter; hence one plain loop over
 * all numbers and no object for each class.
 */
export function readFigures(views: Views): Figures {
  const { tables } = views
  sumClasses(views)
  return {
    limitBytes: tables[L.POOL_TARGET]! * L.SEGMENT_BYTES,
    segmentsUsed: tables[L.POOL_IN_USE]!,
    segmentsLimit: tables[L.POOL_TARGET]!,
    segmentsTemp: sumLog(views, L.LOG_TEMP),
    segmentsSmall: sumLog(views, L.LOG_SMALL),
    segmentsMain: sumLog(views, L.LOG_MAIN),
    segmentsIndex: sumShards(views, chunksOf),
    segmentsPages: tables[L.POOL_PAGE_SEGMENTS]!,
    segmentsSpare: sumShards(views, spareOf),
    pagesUsed: tables[L.POOL_PAGES_USED]!,
    items: total(L.CLASS_ITEMS),
    itemBytes: total(L.CLASS_BYTES),
    liveRecordBytes: sumFigure(views, L.FIGURE_LIVE_UNITS) * L.UNIT_BYTES,
    deadBytes: sumFigure(views, L.FIGURE_DEAD_UNITS) * L.UNIT_BYTES,
    indexBuckets: sumShards(views, bucketsOf),
    itemsTotal: sumFigure(views, L.FIGURE_ITEMS_TOTAL),
    evictions: total(L.CLASS_EVICTED),
    evictedActive: total(L.CLASS_EVICTED_ACTIVE),
    evictedUnfetched: total(L.CLASS_EVICTED_UNFETCHED),
    evictedNonzero: total(L.CLASS_EVICTED_NONZERO),
    expired: sumFigure(views, L.FIGURE_EXPIRED),
    expiredUnfetched: total(L.CLASS_EXPIRED_UNFETCHED),
    reclaimed: total(L.CLASS_RECLAIMED),
    swept: total(L.CLASS_SWEPT),
    flushed: sumFigure(views, L.FIGURE_FLUSHED),
    moved: sumFigure(views, L.FIGURE_MOVED),
    directReclaims: sumFigure(views, L.FIGURE_RECLAIMS),
    outOfMemory: total(L.CLASS_OUT_OF_MEMORY),
    evictedLastAccess: lastEvictedAccess(views),
    get classes() {
      return readClasses(views)
    },
    get evictedAges() {
      return readEvictedAges(views)
    },
    get evictedAgeSum() {
      return readEvictedAgeSum(views)
    },
    get expiredBytes() {
      return readExpiredBytes(views)
    },
    get shards() {
      return readShards(views)
    },
  }
}

/** Index chunks of the shard. */
export function chunksOf(base: number, tables: Int32Array): number {
  return Math.ceil(tables[base + L.SHARD_BUCKETS]! / L.BUCKETS_PER_CHUNK)
}

function spareOf(base: number, tables: Int32Array): number {
  return tables[base + L.SHARD_SPARE] === 0 ? 0 : 1
}

function bucketsOf(base: number, tables: Int32Array): number {
  return tables[base + L.SHARD_BUCKETS]!
}

function sumShards(views: Views, of: (base: number, tables: Int32Array) => number): number {
  let sum = 0
  for (let shard = 0; shard < views.shardCount; shard++) {
    sum += of(L.SHARDS_AT + shard * L.SHARD_WORDS, views.tables)
  }
  return sum
}

function sumLog({ shardCount, tables }: Views, log: number): number {
  const at = L.SHARDS_AT + L.SHARD_LOGS + log * L.LOG_WORDS + L.LOG_SEGMENTS
  let sum = 0
  for (let shard = 0; shard < shardCount; shard++) sum += tables[at + shard * L.SHARD_WORDS]!
  return sum
}

function sumFigure({ shardCount, figures }: Views, figure: number): number {
  let sum = 0
  for (let shard = 0; shard < shardCount; shard++)
    sum += figures[shard * L.FIGURE_DOUBLES + figure]!
  return sum
}

function lastEvictedAccess({ shardCount, figures }: Views): number {
  let latest = 0
  for (let shard = 0; shard < shardCount; shard++) {
    latest = Math.max(latest, figures[shard * L.FIGURE_DOUBLES + L.FIGURE_EVICTED_ACCESS]!)
  }
  return latest
}

/** Fills classSums. CLASS_EVICTED_TIME is summed too, which means nothing. */
function sumClasses({ shardCount, figures }: Views): void {
  const sums = classSums
  sums.fill(0)
  for (let shard = 0; shard < shardCount; shard++) {
    const at = shard * L.FIGURE_DOUBLES + L.FIGURE_CLASSES
    for (let index = 0; index < CLASS_SUMS; index++)
      sums[index] = sums[index]! + figures[at + index]!
  }
}

/** Of classSums, over all classes. */
function total(figure: number): number {
  let sum = 0
  for (let at = figure; at < CLASS_SUMS; at += L.CLASS_DOUBLES) sum += classSums[at]!
  return sum
}

/** One object for all classes that nothing has happened in. */
const NOTHING: Readonly<ClassFigures> = Object.freeze({
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

function readClasses(views: Views): Readonly<ClassFigures>[] {
  sumClasses(views)
  const classes = new Array<Readonly<ClassFigures>>(L.CLASS_COUNT).fill(NOTHING)
  for (let index = 0; index < CLASS_SIZES.length; index++) {
    if (isCounted(index << L.CLASS_SHIFT)) classes[index] = readClass(views, index)
  }
  return classes
}

function isCounted(at: number): boolean {
  for (let figure = 0; figure < L.CLASS_DOUBLES; figure++) {
    if (classSums[at + figure] !== 0) return true
  }
  return false
}

function readClass(views: Views, index: number): ClassFigures {
  const at = index << L.CLASS_SHIFT
  return {
    items: classSums[at + L.CLASS_ITEMS]!,
    bytes: classSums[at + L.CLASS_BYTES]!,
    evicted: classSums[at + L.CLASS_EVICTED]!,
    evictedNonzero: classSums[at + L.CLASS_EVICTED_NONZERO]!,
    evictedUnfetched: classSums[at + L.CLASS_EVICTED_UNFETCHED]!,
    evictedActive: classSums[at + L.CLASS_EVICTED_ACTIVE]!,
    expiredUnfetched: classSums[at + L.CLASS_EXPIRED_UNFETCHED]!,
    reclaimed: classSums[at + L.CLASS_RECLAIMED]!,
    swept: classSums[at + L.CLASS_SWEPT]!,
    outOfMemory: classSums[at + L.CLASS_OUT_OF_MEMORY]!,
    evictedTime: longestEvictedTime(views, at),
  }
}

function longestEvictedTime({ shardCount, figures }: Views, classAt: number): number {
  const at = L.FIGURE_CLASSES + classAt + L.CLASS_EVICTED_TIME
  let longest = 0
  for (let shard = 0; shard < shardCount; shard++) {
    longest = Math.max(longest, figures[shard * L.FIGURE_DOUBLES + at]!)
  }
  return longest
}
