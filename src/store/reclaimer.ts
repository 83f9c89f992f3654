import type { Cleaner } from './cleaner.ts'
import type { Eviction } from './eviction/eviction.ts'
import { bornOf, olderLog } from './eviction/lru.ts'
import * as L from './layout.ts'
import type { Views } from './memory.ts'
import type { PageMover } from './page-mover.ts'
import type { Pool } from './pool.ts'
import type { Segments } from './segments.ts'
import type { Shards } from './shards.ts'

/**
 * Finds memory for whoever needs some, one bounded slice at a time, cheapest first: a free segment
 * of the pool, a page segment that can be emptied, what is dead in a shard, and last live items.
 * No lock is held by the caller.
 */
/** After so many slices survivors are dropped as well: about a millisecond, whatever the hits. */
const SLICES_BEFORE_FORCE = 48
/** Where nothing may be evicted, a writer is refused after so many slices that freed less than it wants. */
const SLICES_BEFORE_REFUSAL = 256
/**
 * While a segment is being evicted, a look for dead space that found none is not repeated for so many
 * slices: they are small then, and a look goes through up to 256 segments.
 */
const SLICES_WITHOUT_LOOK = 7
/** A shard reclaims from itself while it is at most this much younger than the oldest one. */
const AGE_SLACK_SHIFT = 4

export class Reclaimer {
  readonly #views: Views
  readonly #pool: Pool
  readonly #segments: Segments
  readonly #shards: Shards
  readonly #cleaner: Cleaner
  readonly #eviction: Eviction
  readonly #mover: PageMover
  readonly #tables: Int32Array
  readonly #evicts: boolean
  /** By shard. */
  readonly #slicesWithoutLook: Int32Array
  /** Slices since the limit was lowered by a segment. */
  #shrinkAttempts: number

  constructor(
    views: Views,
    pool: Pool,
    segments: Segments,
    shards: Shards,
    parts: { cleaner: Cleaner; eviction: Eviction; mover: PageMover },
  ) {
    this.#views = views
    this.#pool = pool
    this.#segments = segments
    this.#shards = shards
    this.#cleaner = parts.cleaner
    this.#eviction = parts.eviction
    this.#mover = parts.mover
    this.#tables = views.tables
    this.#evicts = views.memory.options.evict
    this.#slicesWithoutLook = new Int32Array(L.SHARD_COUNT_MAX)
    this.#shrinkAttempts = 0
  }

  /** Gets a shard nearer to a spare segment, or to room in its logs. False: nothing is left. */
  supply(shard: number, attempt: number): boolean {
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    const segment = this.#pool.take(L.KIND_SPARE)
    if (segment !== 0) {
      this.#shards.enter(base)
      if (this.#tables[base + L.SHARD_SPARE] === 0) this.#segments.putSpare(base, segment)
      else this.#segments.oweSegment(segment)
      this.#shards.leave(base)
      return true
    }
    return this.#reclaim(shard, attempt)
  }

  /** Gets the pool nearer to a free segment or a free page. False: nothing is left. */
  supplyPool(attempt: number): boolean {
    return this.#reclaim(-1, attempt)
  }

  /** Lowers the limit to what was asked for, until the time is over. False: nothing can be freed. */
  shrinkPool(budgetMicroseconds: number): boolean {
    const tables = this.#tables
    const deadline = performance.now() + budgetMicroseconds / 1000
    while (tables[L.POOL_LIMIT]! > tables[L.POOL_TARGET]!) {
      const limit = tables[L.POOL_LIMIT]!
      const progress = this.supplyPool(this.#shrinkAttempts++)
      this.#pool.lowerLimit()
      // Survivors are dropped when one segment takes long, not when many have to go.
      if (!progress || tables[L.POOL_LIMIT]! < limit) this.#shrinkAttempts = 0
      if (!progress) return false
      if (performance.now() >= deadline) break
    }
    return true
  }

  /**
   * One slice of what the next segment of a shard will take, while the writer still has room. Without it
   * one writer in two hundred does all of it, 0.3 ms, and everybody behind him waits. `units` is how
   * much of the segment: see Segments.sliceAhead.
   */
  workAhead(shard: number, units: number): void {
    if (this.#mover.compact()) return
    // What has been begun is finished, or two shards would each have a segment half empty.
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    if (!this.#eviction.hasBegun(base) && this.#chooseShard(shard) !== shard) return
    this.#shards.enter(base)
    this.#free(base, true, units, false)
    this.#shards.leave(base)
  }

  /** One slice for `own` (-1: for the pool), from it or from the shard with the oldest items. */
  #reclaim(own: number, attempt: number): boolean {
    if (this.#mover.compact()) return true
    if (!this.#evicts && attempt >= SLICES_BEFORE_REFUSAL) return false
    const force = this.#evicts && attempt >= SLICES_BEFORE_FORCE
    const first = this.#chooseShard(own)
    if (this.#slice(first, first === own, force)) return true
    for (let shard = 0; shard < this.#views.shardCount; shard++) {
      if (shard !== first && this.#slice(shard, shard === own, force)) return true
    }
    for (let shard = 0; shard < this.#views.shardCount; shard++) {
      if (shard !== own && this.#takeSpareOf(shard)) return true
    }
    return false
  }

  /** A large slice, for a writer who waits. */
  #slice(shard: number, keep: boolean, force: boolean): boolean {
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    this.#shards.enter(base)
    const progress = this.#free(base, keep, L.SEGMENT_UNITS, force)
    const at = shard * L.FIGURE_DOUBLES + L.FIGURE_RECLAIMS
    if (progress) this.#views.figures[at] = this.#views.figures[at]! + 1
    this.#shards.leave(base)
    return progress
  }

  /** Under the lock of the shard. `keep`: what becomes free is for this shard. False: found nothing. */
  #free(base: number, keep: boolean, units: number, force: boolean): boolean {
    this.#segments.keepFreed = keep
    let progress = this.#cleaner.reapDead(base, units)
    if (!progress && !force && this.#mayLook(base)) {
      progress = this.#cleaner.clean(base, units)
      if (!progress)
        this.#slicesWithoutLook[this.#tables[base + L.SHARD_NUMBER]!] = SLICES_WITHOUT_LOOK
    }
    if (!progress && this.#evicts) progress = this.#eviction.slice(base, units, force)
    this.#segments.keepFreed = false
    return progress
  }

  /** Whether it is time to look for dead space in the shard. */
  #mayLook(base: number): boolean {
    if (!this.#evicts || !this.#eviction.hasBegun(base)) return true
    const shard = this.#tables[base + L.SHARD_NUMBER]!
    if (this.#slicesWithoutLook[shard] === 0) return true
    this.#slicesWithoutLook[shard]!--
    return false
  }

  #takeSpareOf(shard: number): boolean {
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    if (this.#tables[base + L.SHARD_SPARE] === 0) return false
    this.#shards.enter(base)
    const segment = this.#segments.takeSpare(base, L.KIND_OWED)
    if (segment !== 0) this.#segments.oweSegment(segment)
    this.#shards.leave(base)
    return segment !== 0
  }

  /**
   * The shard whose oldest segment is the oldest of all; `own` when it is about as old, because it
   * is likely in this core's cache. Read without locks: a wrong guess costs a little hit ratio.
   */
  #chooseShard(own: number): number {
    let oldest = Math.max(own, 0)
    let oldestAge = this.#ageOf(oldest)
    const ownAge = own === -1 ? -1 : oldestAge
    for (let shard = 0; shard < this.#views.shardCount; shard++) {
      const age = this.#ageOf(shard)
      if (age > oldestAge) {
        oldest = shard
        oldestAge = age
      }
    }
    const slack = this.#views.shardCount + (this.#tables[L.POOL_LIMIT]! >> AGE_SLACK_SHIFT)
    return ownAge >= 0 && oldestAge - ownAge <= slack ? own : oldest
  }

  /** Segments opened (anywhere) since the oldest of the shard was; -1 when it has none. */
  #ageOf(shard: number): number {
    const tables = this.#tables
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    if (tables[base + L.SHARD_OLD_SEGMENTS] !== 0) return L.NEVER
    // Where there is a small log its age says how fast the shard is turned over, not MAIN's.
    const smallHead = tables[base + L.SHARD_LOGS + (L.LOG_SMALL << L.LOG_SHIFT) + L.LOG_HEAD]!
    const other = smallHead === 0 ? L.LOG_MAIN : L.LOG_SMALL
    const log = olderLog(tables, base, L.LOG_TEMP, other)
    if (log === -1) return -1
    const head = tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_HEAD]!
    if (head === 0) return -1
    return Math.max(0, (tables[L.POOL_SEQUENCE]! - bornOf(tables, head)) | 0)
  }
}
