import type { CompatConfig } from '../base/config.ts'

/**
 * What memcached's tuning commands (`lru`, `lru_crawler`, `slabs`) set and `stats settings` shows. A
 * store without slabs has nothing to tune, but scripts that set a value and read it back find what
 * they set, from whichever worker they ask. Shared words, changed by plain stores: each is a number
 * of its own and the last writer wins.
 */
export const TUNABLE = {
  slabAutomove: 0,
  /** Ratios and factors are kept in thousandths. */
  slabAutomoveRatio: 1,
  slabAutomoveWindow: 2,
  /** 1 while the crawler counts as running: dumps are refused without it. */
  lruCrawler: 3,
  lruCrawlerSleep: 4,
  /** A uint32. */
  lruCrawlerTocrawl: 5,
  lruSegmented: 6,
  hotLruPercent: 7,
  warmLruPercent: 8,
  hotMaxFactor: 9,
  warmMaxFactor: 10,
  tempLru: 11,
  temporaryTtl: 12,
  /** See hashPowerLevel. A warm restart keeps it. */
  hashPowerLevel: 13,
  /** Crawls and dumps begun. */
  crawlerStarts: 14,
  words: 16,
} as const

/** memcached's own start: 2^16 buckets. */
const HASH_POWER_DEFAULT = 16
/** memcached doubles its table at this many items per bucket. */
const HASH_LOAD_MAX = 1.5
const HASH_POWER_MAX = 32

/** @param words TUNABLE.words shared words */
export function fillTunables(words: Int32Array, compat: CompatConfig): void {
  words[TUNABLE.slabAutomove] = compat.slabAutomove
  words[TUNABLE.slabAutomoveRatio] = thousandths(compat.slabAutomoveRatio)
  words[TUNABLE.slabAutomoveWindow] = compat.slabAutomoveWindow
  words[TUNABLE.lruCrawler] = compat.lruCrawler ? 1 : 0
  words[TUNABLE.lruCrawlerSleep] = compat.lruCrawlerSleep
  words[TUNABLE.lruCrawlerTocrawl] = compat.lruCrawlerTocrawl
  words[TUNABLE.lruSegmented] = compat.lruSegmented && compat.lruMaintainer ? 1 : 0
  words[TUNABLE.hotLruPercent] = compat.hotLruPercent
  words[TUNABLE.warmLruPercent] = compat.warmLruPercent
  words[TUNABLE.hotMaxFactor] = thousandths(compat.hotMaxFactor)
  words[TUNABLE.warmMaxFactor] = thousandths(compat.warmMaxFactor)
  words[TUNABLE.tempLru] = compat.tempLru ? 1 : 0
  words[TUNABLE.temporaryTtl] = compat.temporaryTtl
  words[TUNABLE.hashPowerLevel] =
    compat.hashpowerInit > 0 ? compat.hashpowerInit : HASH_POWER_DEFAULT
}

/** A ratio or factor as it is kept; what is beyond the range of the word is cut. */
export function thousandths(value: number): number {
  return Math.min(Math.round(value * 1000), 0x7fffffff)
}

/**
 * The size memcached's hash table would have by now, as a power of two. It only grows, so the control
 * thread calls this once a second to see the peaks.
 */
export function hashPowerLevel(tunables: Int32Array, items: number): number {
  let level = tunables[TUNABLE.hashPowerLevel] as number
  while (level < HASH_POWER_MAX && items > HASH_LOAD_MAX * 2 ** level) level++
  tunables[TUNABLE.hashPowerLevel] = level
  return level
}
