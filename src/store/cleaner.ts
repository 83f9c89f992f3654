import type { Eviction } from './eviction/eviction.ts'
import { unitsAt } from './eviction/eviction.ts'
import { wordAt } from './item.ts'
import * as L from './layout.ts'
import type { Views } from './memory.ts'
import type { Records } from './records.ts'
import { DROP_REMOVED } from './records.ts'
import type { Segments } from './segments.ts'

/**
 * Gets memory back without dropping live items: expires what is due, and merges neighbours of a log
 * when their dead space adds up to a segment. Merging keeps the order of the log: each segment
 * is packed in place and filled up from the front of the next one, until one is empty. All methods
 * need the shard's lock and do one bounded slice.
 */
const RECORDS_PER_SLICE = 256
/** Segments that one look for something to merge may go through, and after how many it takes what it has. */
const SCAN_SEGMENTS = 256
const SCAN_SEGMENTS_ENOUGH = 32
/** Neighbours merged into one less: so up to a fifth of a log may be dead. */
const WINDOW = 5
/** Merging that freed nothing is tried again when so many units less are live, or its neighbours are others. */
const VAIN_UNITS = L.SEGMENT_UNITS / 16

export class Cleaner {
  readonly #views: Views
  readonly #segments: Segments
  readonly #records: Records
  readonly #eviction: Eviction
  readonly #tables: Int32Array
  readonly #words: Int32Array[]
  /** Items dropped by expire() since the owner set it to 0. */
  dropped: number
  #live: number
  /** By shard: segments that looks went through in vain, since when, and what was dead in how many then. */
  readonly #seenInVain: Int32Array
  readonly #stateThen: Float64Array
  readonly #secondThen: Int32Array

  constructor(views: Views, segments: Segments, records: Records, eviction: Eviction) {
    this.#views = views
    this.#segments = segments
    this.#records = records
    this.#eviction = eviction
    this.#tables = views.tables
    this.#words = views.words
    this.dropped = 0
    this.#live = 0
    this.#seenInVain = new Int32Array(L.SHARD_COUNT_MAX)
    this.#stateThen = new Float64Array(L.SHARD_COUNT_MAX)
    this.#secondThen = new Int32Array(L.SHARD_COUNT_MAX)
  }

  /** See Records.sweeping. */
  set sweeping(on: boolean) {
    this.#records.sweeping = on
  }

  /** Memory that costs nothing: flushed segments and the oldest TEMP segment when all expired. */
  reapDead(base: number, units: number): boolean {
    const tables = this.#tables
    for (let log = 0; log < L.LOG_COUNT; log++) {
      const head = tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_HEAD]!
      if (head === 0) continue
      const flushed = tables[base + L.SHARD_OLD_SEGMENTS] !== 0 && this.#segments.isOld(base, head)
      if (flushed || (log === L.LOG_TEMP && this.#isExpired(head))) {
        this.#eviction.work(base, log, head, units, false)
        return true
      }
    }
    return false
  }

  /**
   * Goes on merging (so many units), or looks for what can be merged or expired. False: found nothing that
   * is of use to the shard.
   */
  clean(base: number, units: number): boolean {
    if (this.#tables[base + L.SHARD_CLEAN_AT] === 0) return this.#scan(base, units)
    return this.#merge(base, units)
  }

  /**
   * Drops the dead items of a segment, a slice of them. True when none is left; then the deadlines
   * of the segment are exact.
   */
  expire(base: number, segment: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const end = tables[at + L.SEGMENT_USED]!
    let drops = 0
    let least: number = L.NEVER
    let most = 0
    for (let unit = 0; unit < end; ) {
      const address = (segment << L.SEGMENT_SHIFT) | unit
      unit += unitsAt(this.#words, address)
      const words = this.#words[address >>> L.ARENA_SHIFT]!
      if ((words[wordAt(address)]! & L.KEY_LENGTH_MASK) === 0) continue
      const death = this.#records.deathOf(base, address)
      if (death !== DROP_REMOVED) {
        if (drops === RECORDS_PER_SLICE) return false
        drops++
        this.dropped++
        this.#records.drop(address, death)
        continue
      }
      const exptime = words[wordAt(address) + L.RECORD_EXPTIME]!
      if (exptime !== 0) least = Math.min(least, exptime)
      most = exptime === 0 ? L.NEVER : Math.max(most, exptime)
    }
    if (this.#segments.reap(base, segment)) return true
    tables[at + L.SEGMENT_MIN_EXPIRE] = least
    tables[at + L.SEGMENT_MAX_EXPIRE] = most
    return true
  }

  #isExpired(segment: number): boolean {
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    return this.#tables[at + L.SEGMENT_MAX_EXPIRE]! <= this.#views.now
  }

  /**
   * Looks at the next SCAN_SEGMENTS segments of the shard, round and round, for the shortest run of
   * neighbours that holds a segment's worth of dead space: the fewer live items are moved the better.
   */
  #scan(base: number, units: number): boolean {
    if (this.#hasSeenAll(base)) return false
    const tables = this.#tables
    const start = this.#scanStart(base)
    let segment = start
    let best = 0
    let bestLength = WINDOW + 1
    let seen = 0
    for (; seen < SCAN_SEGMENTS && segment !== 0; seen++) {
      if (best !== 0 && seen >= SCAN_SEGMENTS_ENOUGH) break
      const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
      const next = this.#after(base, segment)
      tables[base + L.SHARD_SCAN_AT] = next
      if (tables[at + L.SEGMENT_MIN_EXPIRE]! <= this.#views.now) {
        this.expire(base, segment)
        return true
      }
      const length = this.#windowLength(base, segment)
      if (length < bestLength) {
        best = segment
        bestLength = length
        if (length === 2) break
      }
      segment = next === 0 ? this.#firstHead(base, 0) : next
      if (segment === start) break
    }
    if (best === 0) {
      this.#seenInVain[tables[base + L.SHARD_NUMBER]!]! += seen
      return false
    }
    tables[base + L.SHARD_CLEAN_FIRST] = best
    tables[base + L.SHARD_CLEAN_AT] = best
    tables[base + L.SHARD_CLEAN_LEFT] = WINDOW
    return this.#merge(base, units)
  }

  /**
   * Nothing has died, expired or been closed since looks went all round the shard and found nothing. Where
   * nothing may be evicted every write that is refused would look again.
   */
  #hasSeenAll(base: number): boolean {
    const tables = this.#tables
    const shard = tables[base + L.SHARD_NUMBER]!
    let segments = 0
    for (let log = 0; log < L.LOG_COUNT; log++) {
      segments += tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_SEGMENTS]!
    }
    const dead = this.#views.figures[shard * L.FIGURE_DOUBLES + L.FIGURE_DEAD_UNITS]!
    const state = dead * L.SEGMENT_COUNT_MAX + segments
    const { now } = this.#views
    if (state === this.#stateThen[shard] && now === this.#secondThen[shard]) {
      return this.#seenInVain[shard]! > segments
    }
    this.#stateThen[shard] = state
    this.#secondThen[shard] = now
    this.#seenInVain[shard] = 0
    return false
  }

  #scanStart(base: number): number {
    const segment = this.#tables[base + L.SHARD_SCAN_AT]!
    return segment !== 0 && this.#isInLog(base, segment) ? segment : this.#firstHead(base, 0)
  }

  /** The next segment of the same log, else the oldest of the next log, else 0. */
  #after(base: number, segment: number): number {
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const next = this.#tables[at + L.SEGMENT_NEXT]!
    if (next !== 0) return next
    return this.#firstHead(base, (this.#tables[at]! & L.KIND_MASK) - L.KIND_LOG + 1)
  }

  #firstHead(base: number, from: number): number {
    for (let log = from; log < L.LOG_COUNT; log++) {
      const head = this.#tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_HEAD]!
      if (head !== 0) return head
    }
    return 0
  }

  #isInLog(base: number, segment: number): boolean {
    const kind = this.#tables[L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)]!
    const log = (kind & L.KIND_MASK) - L.KIND_LOG
    const shard = this.#tables[base + L.SHARD_NUMBER]!
    return log >= 0 && log < L.LOG_COUNT && kind >>> L.KIND_SHARD_SHIFT === shard
  }

  /** How many neighbours from here on have a segment's worth of dead space; Infinity: too many. */
  #windowLength(base: number, first: number): number {
    const tables = this.#tables
    let free = 0
    let segment = first
    for (let count = 1; count <= WINDOW && segment !== 0; count++) {
      if (!this.#mayMerge(base, segment)) return Number.POSITIVE_INFINITY
      const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
      const live = tables[at + L.SEGMENT_LIVE]!
      // A record cannot be split, so each segment but the last may keep a gap of about one record.
      const gap = live / Math.max(1, tables[at + L.SEGMENT_ITEMS]!)
      free += L.SEGMENT_UNITS - live - gap
      if (count > 1 && free >= L.SEGMENT_UNITS) {
        return this.#wasVain(base, first) ? Number.POSITIVE_INFINITY : count
      }
      segment = tables[at + L.SEGMENT_NEXT]!
    }
    return Number.POSITIVE_INFINITY
  }

  /** Only closed segments of the present epoch that nobody evicts. */
  #mayMerge(base: number, segment: number): boolean {
    const tables = this.#tables
    if (!this.#isInLog(base, segment)) return false
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const phase = tables[at + L.SEGMENT_PHASE]
    if (phase !== L.PHASE_NONE && phase !== L.PHASE_CLEAN) return false
    const log = (tables[at]! & L.KIND_MASK) - L.KIND_LOG
    if (tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_OPEN] === segment) return false
    return !this.#segments.isOld(base, segment)
  }

  /** Merging from here on freed nothing before, and would free nothing again. */
  #wasVain(base: number, first: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (first << L.SEGMENT_WORD_SHIFT)
    const vainLast = tables[at + L.SEGMENT_VAIN_LAST]!
    if (vainLast === 0) return false
    const last = this.#lastOfWindow(base, first)
    return last === vainLast && this.#live > tables[at + L.SEGMENT_VAIN_LIVE]! - VAIN_UNITS
  }

  /** The last segment of the longest window from here on; #live is what all of it has alive then. */
  #lastOfWindow(base: number, first: number): number {
    const tables = this.#tables
    let last = 0
    let segment = first
    this.#live = 0
    for (let count = 0; count < WINDOW && segment !== 0; count++) {
      if (!this.#mayMerge(base, segment)) break
      const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
      this.#live += tables[at + L.SEGMENT_LIVE]!
      last = segment
      segment = tables[at + L.SEGMENT_NEXT]!
    }
    return last
  }

  /** One step: pack the segment at SHARD_CLEAN_AT, or fill it up from the next one. False: see clean(). */
  #merge(base: number, units: number): boolean {
    const tables = this.#tables
    const segment = tables[base + L.SHARD_CLEAN_AT]!
    if (!this.#mayMerge(base, segment)) {
      // Somebody evicts it, or fills it.
      tables[base + L.SHARD_CLEAN_AT] = 0
      return true
    }
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    if (tables[at + L.SEGMENT_LIVE]! < tables[at + L.SEGMENT_USED]!) {
      if (tables[at + L.SEGMENT_PHASE] !== L.PHASE_CLEAN) {
        tables[at + L.SEGMENT_PHASE] = L.PHASE_CLEAN
        tables[at + L.SEGMENT_HAND] = 0
        tables[at + L.SEGMENT_PACK] = 0
      }
      this.#eviction.pack(base, segment, units)
      this.#segments.reap(base, segment)
      return true
    }
    tables[at + L.SEGMENT_PHASE] = L.PHASE_NONE
    const next = tables[at + L.SEGMENT_NEXT]!
    const left = tables[base + L.SHARD_CLEAN_LEFT]! - 1
    if (next === 0 || left <= 0 || !this.#mayMerge(base, next)) return this.#mergedInVain(base)
    if (this.#pull(base, segment, next, units)) {
      tables[base + L.SHARD_CLEAN_AT] = next
      tables[base + L.SHARD_CLEAN_LEFT] = left
    }
    // A segment became empty: that is what all this was for.
    if (this.#segments.reap(base, next)) tables[base + L.SHARD_CLEAN_AT] = 0
    return true
  }

  /**
   * The window has come to its end, and none of it is free. Before live items
   * are evicted one looks for another window; where they may not be, another shard may have something.
   */
  #mergedInVain(base: number): boolean {
    const tables = this.#tables
    const first = tables[base + L.SHARD_CLEAN_FIRST]!
    const last = this.#lastOfWindow(base, first)
    if (last !== 0) {
      const at = L.SEGMENTS_AT + (first << L.SEGMENT_WORD_SHIFT)
      tables[at + L.SEGMENT_VAIN_LAST] = last
      tables[at + L.SEGMENT_VAIN_LIVE] = this.#live
    }
    tables[base + L.SHARD_CLEAN_AT] = 0
    return this.#views.memory.options.evict
  }

  /**
   * Moves records, of so many units, from the front of `next` to the end of `segment`. What does not fit is
   * passed over: smaller ones behind it may. True: no more fit.
   */
  #pull(base: number, segment: number, next: number, sliceUnits: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const nextAt = L.SEGMENTS_AT + (next << L.SEGMENT_WORD_SHIFT)
    // The hand of a merge that was given up means nothing once records move.
    tables[nextAt + L.SEGMENT_PHASE] = L.PHASE_NONE
    const end = tables[nextAt + L.SEGMENT_USED]!
    let seen = 0
    let left = sliceUnits
    for (let unit = 0; unit < end; ) {
      const room = L.SEGMENT_UNITS - tables[at + L.SEGMENT_USED]!
      if (room < L.RECORD_UNITS_MIN) return true
      const address = (next << L.SEGMENT_SHIFT) | unit
      const units = unitsAt(this.#words, address)
      unit += units
      const head = this.#words[address >>> L.ARENA_SHIFT]![wordAt(address)]!
      if ((head & L.KEY_LENGTH_MASK) === 0) continue
      const death = this.#records.deathOf(base, address)
      if (death === DROP_REMOVED && units > room) continue
      if (seen++ === RECORDS_PER_SLICE || left <= 0) return false
      left -= units
      if (death !== DROP_REMOVED) this.#records.drop(address, death)
      else this.#records.move(base, address, this.#segments.appendTo(base, segment, units))
    }
    return true
  }
}
