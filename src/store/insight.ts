import * as L from './layout.ts'
import * as locks from './locks.ts'
import type { Views } from './memory.ts'

/**
 * What operators want to know of the store beyond its sums. Read without locks, as figures.ts does,
 * and only when somebody asks.
 */

/** Upper bounds, in seconds, of how long evicted items had not been used; one bucket more follows. */
export const EVICTED_AGE_BOUNDS: readonly number[] = [
  1, 10, 60, 300, 900, 3600, 21_600, 86_400, 259_200, 604_800,
]

export interface ShardFigures {
  readonly items: number
  /** Bytes of live records, headers and rounding included, without the pages of large values. */
  readonly bytes: number
}

/** Of the thread that asks: see locks.ts. */
export function lockWaits(): number {
  return locks.lockFigures.waits
}

export function lockSleeps(): number {
  return locks.lockFigures.sleeps
}

/** See locks.ts. */
export function whileWaitingLong(callback: () => void): void {
  locks.whileWaitingLong(callback)
}

/** Items evicted, by the bucket of their age; not cumulated. */
export function readEvictedAges(views: Views): number[] {
  return Array.from({ length: EVICTED_AGE_BOUNDS.length + 1 }, (_, bucket) =>
    sumOverShards(views, L.FIGURE_EVICTED_AGES + bucket),
  )
}

/** Seconds. */
export function readEvictedAgeSum(views: Views): number {
  return sumOverShards(views, L.FIGURE_EVICTED_AGE_SUM)
}

export function readShards({ shardCount, tables, figures }: Views): ShardFigures[] {
  return Array.from({ length: shardCount }, (_, shard) => ({
    items: tables[L.SHARDS_AT + shard * L.SHARD_WORDS + L.SHARD_ITEMS] as number,
    bytes: (figures[shard * L.FIGURE_DOUBLES + L.FIGURE_LIVE_UNITS] as number) * L.UNIT_BYTES,
  }))
}

/**
 * Bytes of live records in segments that hold at least one expired item: an upper bound of what
 * expired items still hold before the sweep comes by.
 */
export function readExpiredBytes({ tables, now }: Views): number {
  const count = tables[L.POOL_FRESH] as number
  let units = 0
  for (let segment = 1; segment < count; segment++) {
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const kind = (tables[at] as number) & L.KIND_MASK
    if (kind < L.KIND_LOG || kind >= L.KIND_INDEX) continue
    if ((tables[at + L.SEGMENT_MIN_EXPIRE] as number) <= now) {
      units += tables[at + L.SEGMENT_LIVE] as number
    }
  }
  return units * L.UNIT_BYTES
}

/** The bucket of an age in seconds. */
export function evictedAgeBucket(seconds: number): number {
  let bucket = 0
  while (bucket < EVICTED_AGE_BOUNDS.length && seconds > EVICTED_AGE_BOUNDS[bucket]!) bucket++
  return bucket
}

function sumOverShards({ shardCount, figures }: Views, figure: number): number {
  let sum = 0
  for (let shard = 0; shard < shardCount; shard++) {
    sum += figures[shard * L.FIGURE_DOUBLES + figure] as number
  }
  return sum
}
