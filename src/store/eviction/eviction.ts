import { assert } from '../../base/assert.ts'
import type { HashIndex } from '../hash-index.ts'
import type { Items } from '../item.ts'
import { recordUnits, wordAt } from '../item.ts'
import * as L from '../layout.ts'
import type { Records } from '../records.ts'
import { copyRecord, DROP_EVICTED, DROP_REMOVED } from '../records.ts'
import type { Segments } from '../segments.ts'
import type { Policy } from './policy.ts'

/**
 * Frees the oldest segment of a log in slices of a bounded size, so that a lock is held for tens of
 * microseconds. How far it is stands in the segment itself, so any thread goes on
 * where another stopped:
 *
 *   NONE -> DECIDE  the hand passes over the records: survivors stay, the rest are dropped
 *        -> MOVE    survivors go to the open segment of their log, while it has room
 *        -> PACK    then the rest are packed to the front of this segment, which becomes the
 *                   newest of the log: so no spare segment is needed to make progress
 *
 * At the end of each slice the segment is a proper sequence of records and fillers.
 */
const RECORDS_PER_SLICE = 256

export class Eviction {
  readonly #items: Items
  readonly #index: HashIndex
  readonly #segments: Segments
  readonly #records: Records
  readonly #policy: Policy
  readonly #tables: Int32Array
  readonly #words: Int32Array[]

  constructor(
    items: Items,
    index: HashIndex,
    segments: Segments,
    records: Records,
    policy: Policy,
  ) {
    this.#items = items
    this.#index = index
    this.#segments = segments
    this.#records = records
    this.#policy = policy
    this.#tables = items.views.tables
    this.#words = items.words
  }

  /**
   * One slice, of `units` of the segment that the policy would free next (or a record more, and at
   * most RECORDS_PER_SLICE of them). False: the shard has no items.
   */
  slice(base: number, units: number, dropAll: boolean): boolean {
    const log = this.#policy.logToEvict(base)
    if (log === -1) return false
    const head = this.#tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_HEAD]!
    this.work(base, log, head, units, dropAll)
    return true
  }

  /** The segment that the policy would free next has been worked at. */
  hasBegun(base: number): boolean {
    const log = this.#policy.logToEvict(base)
    if (log === -1) return false
    const head = this.#tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_HEAD]!
    const phase = this.#tables[L.SEGMENTS_AT + (head << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_PHASE]!
    return phase !== L.PHASE_NONE && phase !== L.PHASE_CLEAN
  }

  /** One slice, of so many units of a segment. */
  work(base: number, log: number, segment: number, units: number, dropAll: boolean): void {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    if (tables[at + L.SEGMENT_LIVE] === 0) {
      this.#release(base, log, segment)
      return
    }
    const phase = tables[at + L.SEGMENT_PHASE]!
    if (phase !== L.PHASE_MOVE && phase !== L.PHASE_PACK) {
      // Merging may have stopped in the middle: begin anew.
      if (phase !== L.PHASE_DECIDE) {
        tables[at + L.SEGMENT_PHASE] = L.PHASE_DECIDE
        tables[at + L.SEGMENT_HAND] = 0
      }
      this.#decide(base, log, segment, units, dropAll)
    } else if (phase === L.PHASE_MOVE) {
      this.#move(base, log, segment, units)
    } else if (this.pack(base, segment, units)) {
      this.#finishPack(base, log, segment)
    } else if (tables[at + L.SEGMENT_LIVE] === 0) {
      this.#release(base, log, segment)
    }
  }

  /**
   * Packs records from the hand on towards SEGMENT_PACK, a slice of so many units. True when the hand
   * is at the end; then SEGMENT_USED is right again, too.
   */
  pack(base: number, segment: number, sliceUnits: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const end = tables[at + L.SEGMENT_USED]!
    let unit = tables[at + L.SEGMENT_HAND]!
    let target = tables[at + L.SEGMENT_PACK]!
    const stop = Math.min(end, unit + sliceUnits)
    for (let seen = 0; unit < stop && seen < RECORDS_PER_SLICE; ) {
      const address = (segment << L.SEGMENT_SHIFT) | unit
      const units = this.#unitsAt(address)
      unit += units
      if (this.#isFiller(address)) continue
      seen++
      const death = this.#records.deathOf(base, address)
      if (death !== DROP_REMOVED) {
        this.#records.drop(address, death)
        continue
      }
      const place = (segment << L.SEGMENT_SHIFT) | target
      if (place !== address) this.#shift(base, address, place, units)
      target += units
    }
    tables[at + L.SEGMENT_HAND] = unit
    tables[at + L.SEGMENT_PACK] = target
    if (unit < end) {
      if (unit > target) {
        this.#segments.writeFiller((segment << L.SEGMENT_SHIFT) | target, unit - target)
      }
      return false
    }
    tables[at + L.SEGMENT_USED] = target
    tables[at + L.SEGMENT_HAND] = 0
    tables[at + L.SEGMENT_PACK] = 0
    tables[at + L.SEGMENT_PHASE] = L.PHASE_NONE
    this.#segments.addUnits(base, 0, target - end)
    return true
  }

  #decide(base: number, log: number, segment: number, units: number, dropAll: boolean): void {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const pagesAt = base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_PAGES
    // Large items give much for one record: more than a segment's worth at once is too much.
    const pagesEnough = tables[pagesAt]! - L.PAGES_PER_SEGMENT
    const end = tables[at + L.SEGMENT_USED]!
    let unit = tables[at + L.SEGMENT_HAND]!
    const stop = Math.min(end, unit + units)
    this.#policy.beginJudging(base)
    for (let seen = 0; unit < stop && seen < RECORDS_PER_SLICE; ) {
      const address = (segment << L.SEGMENT_SHIFT) | unit
      unit += this.#unitsAt(address)
      if (this.#isFiller(address)) continue
      seen++
      this.#judge(base, log, address, dropAll)
      if (tables[pagesAt]! <= pagesEnough) break
    }
    tables[at + L.SEGMENT_HAND] = unit
    if (tables[at + L.SEGMENT_LIVE] === 0) {
      this.#release(base, log, segment)
    } else if (unit >= end) {
      tables[at + L.SEGMENT_PHASE] = L.PHASE_MOVE
      tables[at + L.SEGMENT_HAND] = 0
      this.#closeIfOpen(base, log, segment)
    }
  }

  #judge(base: number, log: number, address: number, dropAll: boolean): void {
    const death = this.#records.deathOf(base, address)
    if (death !== DROP_REMOVED) {
      this.#records.drop(address, death)
      return
    }
    const frequency = this.#items.frequency(address)
    if (!dropAll && this.#policy.survives(frequency, log, this.#weightOf(address))) {
      const words = this.#words[address >>> L.ARENA_SHIFT]!
      const at = wordAt(address)
      words[at] =
        (words[at]! & ~L.FREQUENCY_MASK) |
        (this.#policy.frequencyOfSurvivor(frequency, log) << L.FREQUENCY_SHIFT)
      return
    }
    this.#policy.evicted(base, this.#items.hashOf(address), log)
    this.#records.drop(address, DROP_EVICTED)
  }

  #move(base: number, log: number, segment: number, sliceUnits: number): void {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const destination = this.#policy.destinationOf(log)
    const end = tables[at + L.SEGMENT_USED]!
    let unit = tables[at + L.SEGMENT_HAND]!
    const stop = Math.min(end, unit + sliceUnits)
    for (let seen = 0; unit < stop && seen < RECORDS_PER_SLICE; ) {
      const address = (segment << L.SEGMENT_SHIFT) | unit
      const units = this.#unitsAt(address)
      if (!this.#isFiller(address)) {
        seen++
        const death = this.#records.deathOf(base, address)
        if (death !== DROP_REMOVED) {
          this.#records.drop(address, death)
        } else {
          const target = this.#segments.appendIfRoom(base, destination, units, segment)
          if (target === 0) {
            tables[at + L.SEGMENT_PHASE] = L.PHASE_PACK
            tables[at + L.SEGMENT_PACK] = 0
            break
          }
          this.#records.move(base, address, target)
        }
      }
      unit += units
    }
    tables[at + L.SEGMENT_HAND] = unit
    if (tables[at + L.SEGMENT_LIVE] === 0) this.#release(base, log, segment)
  }

  #finishPack(base: number, log: number, segment: number): void {
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    if (this.#tables[at + L.SEGMENT_LIVE] === 0) {
      this.#release(base, log, segment)
      return
    }
    // What is packed is as good as new: a flush in between has the segment begin anew (startEpoch).
    assert(!this.#segments.isOld(base, segment), 'nothing that was flushed is packed')
    const destination = this.#policy.destinationOf(log)
    this.#segments.unlink(base, log, segment)
    if (destination !== log) this.#movePagesOf(base, log, destination, segment)
    this.#segments.pushOpen(base, destination, segment)
  }

  /** The pages of a whole segment's items change the log they are counted in. */
  #movePagesOf(base: number, log: number, destination: number, segment: number): void {
    const tables = this.#tables
    const end = tables[L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_USED]!
    let pages = 0
    for (let unit = 0; unit < end; ) {
      const address = (segment << L.SEGMENT_SHIFT) | unit
      if (!this.#isFiller(address)) pages += this.#records.pagesOf(address)
      unit += this.#unitsAt(address)
    }
    const sourceAt = base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_PAGES
    const targetAt = base + L.SHARD_LOGS + (destination << L.LOG_SHIFT) + L.LOG_PAGES
    tables[sourceAt] = tables[sourceAt]! - pages
    tables[targetAt] = tables[targetAt]! + pages
  }

  /** A record moves towards the front of its own segment; the bytes may overlap. */
  #shift(base: number, source: number, target: number, units: number): void {
    const hash = this.#items.hashOf(source)
    copyRecord(this.#items, source, target, units)
    this.#index.repointMoved(hash, source, target)
    this.#records.movedChain(base, source, target)
    this.#records.countMoved(base)
  }

  /** A segment without live items leaves its log, even if it is the open one. */
  #release(base: number, log: number, segment: number): void {
    this.#closeIfOpen(base, log, segment)
    this.#segments.reap(base, segment)
  }

  #closeIfOpen(base: number, log: number, segment: number): void {
    const open = this.#tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_OPEN]
    if (open === segment) this.#segments.close(base, log)
  }

  /** Units that the item's end would give back. */
  #weightOf(address: number): number {
    return this.#unitsAt(address) + this.#records.pagesOf(address) * L.PAGE_UNITS
  }

  #isFiller(address: number): boolean {
    return (this.#words[address >>> L.ARENA_SHIFT]![wordAt(address)]! & L.KEY_LENGTH_MASK) === 0
  }

  #unitsAt(address: number): number {
    return unitsAt(this.#words, address)
  }
}

/** Units of the record or filler at an address. */
export function unitsAt(wordsOfArenas: Int32Array[], address: number): number {
  const words = wordsOfArenas[address >>> L.ARENA_SHIFT]!
  const at = wordAt(address)
  const head = words[at]!
  if ((head & L.KEY_LENGTH_MASK) === 0) return head >>> L.FILLER_SHIFT
  return recordUnits(head, words[at + L.RECORD_VALUE]!)
}
