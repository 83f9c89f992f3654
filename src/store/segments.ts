import { assert } from '../base/assert.ts'
import * as L from './layout.ts'
import type { Views } from './memory.ts'

/**
 * So much room is left when one begins to empty the segment that will be next, and of that so much is used,
 * or one record, before the next slice of it is due. What has been dropped is free only when its segment is,
 * so to begin earlier costs items: with a quarter of a segment 0.3 % more misses on a trace (bench:guard)
 * than with nothing done ahead, with this 0.17 %.
 */
const AHEAD_UNITS = L.SEGMENT_UNITS / 8
const AHEAD_STEP_UNITS = AHEAD_UNITS / 64
/** Units passed over for each one used: a whole segment twice, to judge its items and to move what stays. */
const AHEAD_RATIO = (2 * L.SEGMENT_UNITS) / AHEAD_UNITS

/**
 * The logs of the shards: which segment is open, what order they have, how much of each is live.
 * All methods need the lock of the shard whose block begins at `base`.
 */
export class Segments {
  readonly #views: Views
  readonly #tables: Int32Array
  readonly #words: Int32Array[]
  readonly #defaultLog: number
  readonly #evicts: boolean
  /** A segment freed now becomes the shard's spare, if it has none: it is freed for that shard. */
  keepFreed: boolean

  constructor(views: Views, defaultLog: number) {
    this.#views = views
    this.#tables = views.tables
    this.#words = views.words
    this.#defaultLog = defaultLog
    this.#evicts = views.memory.options.evict
    this.keepFreed = false
  }

  /**
   * Room for a record at the end of the log; of another log if this one has neither room nor a
   * spare segment. That there is room is the caller's doing (SHARD_ROOM).
   */
  append(base: number, log: number, units: number): number {
    const tables = this.#tables
    const open = tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_OPEN]!
    if (open !== 0) {
      const at = L.SEGMENTS_AT + (open << L.SEGMENT_WORD_SHIFT)
      const used = tables[at + L.SEGMENT_USED]!
      if (used + units <= L.SEGMENT_UNITS) return this.#place(base, open, used, units)
    }
    return this.#appendElsewhere(base, log, units)
  }

  /** As append, but 0 when the open segment of exactly this log has no room. */
  appendIfRoom(base: number, log: number, units: number, except: number): number {
    const tables = this.#tables
    const open = tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_OPEN]!
    if (open === 0 || open === except) return 0
    const used = tables[L.SEGMENTS_AT + (open << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_USED]!
    return used + units <= L.SEGMENT_UNITS ? this.#place(base, open, used, units) : 0
  }

  /** Room at the end of a closed segment (merging); the caller checked it. */
  appendTo(base: number, segment: number, units: number): number {
    const used = this.#tables[L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_USED]!
    assert(used + units <= L.SEGMENT_UNITS, 'a merged record fits')
    return this.#place(base, segment, used, units)
  }

  /** Widens the range of deadlines that the segment of an item knows of. */
  noteExptime(item: number, exptime: number): void {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + ((item >>> L.SEGMENT_SHIFT) << L.SEGMENT_WORD_SHIFT)
    if (exptime === 0) {
      tables[at + L.SEGMENT_MAX_EXPIRE] = L.NEVER
      return
    }
    if (exptime < tables[at + L.SEGMENT_MIN_EXPIRE]!) tables[at + L.SEGMENT_MIN_EXPIRE] = exptime
    if (exptime > tables[at + L.SEGMENT_MAX_EXPIRE]!) tables[at + L.SEGMENT_MAX_EXPIRE] = exptime
  }

  /** The record of a live item becomes a filler. The segment may be fully dead then: see reap. */
  kill(base: number, item: number, units: number): void {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + ((item >>> L.SEGMENT_SHIFT) << L.SEGMENT_WORD_SHIFT)
    this.writeFiller(item, units)
    tables[at + L.SEGMENT_LIVE] = tables[at + L.SEGMENT_LIVE]! - units
    tables[at + L.SEGMENT_ITEMS] = tables[at + L.SEGMENT_ITEMS]! - 1
    this.addUnits(base, -units, units)
  }

  writeFiller(address: number, units: number): void {
    this.#words[address >>> L.ARENA_SHIFT]![(address & L.ARENA_UNIT_MASK) << 1] =
      units << L.FILLER_SHIFT
  }

  /** The record of a live item shrank (or grew into the filler behind it) in place. */
  resizeLive(base: number, item: number, unitsAdded: number): void {
    const at = L.SEGMENTS_AT + ((item >>> L.SEGMENT_SHIFT) << L.SEGMENT_WORD_SHIFT)
    this.#tables[at + L.SEGMENT_LIVE] = this.#tables[at + L.SEGMENT_LIVE]! + unitsAdded
    this.addUnits(base, unitsAdded, -unitsAdded)
  }

  addUnits(base: number, live: number, dead: number): void {
    const figures = this.#views.figures
    const at = this.#tables[base + L.SHARD_NUMBER]! * L.FIGURE_DOUBLES
    figures[at + L.FIGURE_LIVE_UNITS] = figures[at + L.FIGURE_LIVE_UNITS]! + live
    figures[at + L.FIGURE_DEAD_UNITS] = figures[at + L.FIGURE_DEAD_UNITS]! + dead
  }

  /** Takes a segment without live items back. True if it was one (and is gone, or begins anew). */
  reap(base: number, segment: number): boolean {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    if (tables[at + L.SEGMENT_LIVE] !== 0) return false
    const log = (tables[at + L.SEGMENT_KIND]! & L.KIND_MASK) - L.KIND_LOG
    this.addUnits(base, 0, -tables[at + L.SEGMENT_USED]!)
    this.#forgetEpoch(base, at)
    if (tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_OPEN] === segment) {
      this.#begin(base, segment, log)
      this.computeRoom(base)
      return true
    }
    this.unlink(base, log, segment)
    this.free(base, segment)
    return true
  }

  /** A segment in no log any more: the shard's spare, or owed to the pool. */
  free(base: number, segment: number): void {
    const tables = this.#tables
    if (tables[base + L.SHARD_CLEAN_AT] === segment) tables[base + L.SHARD_CLEAN_AT] = 0
    if (this.keepFreed && tables[base + L.SHARD_SPARE] === 0) this.putSpare(base, segment)
    else this.oweSegment(segment)
  }

  oweSegment(segment: number): void {
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    this.#tables[at + L.SEGMENT_KIND] = L.KIND_OWED
    this.#tables[at + L.SEGMENT_NEXT] = this.#views.owedSegments
    this.#views.owedSegments = segment
  }

  putSpare(base: number, segment: number): void {
    const tables = this.#tables
    assert(tables[base + L.SHARD_SPARE] === 0, 'a shard has one spare segment')
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    tables[at + L.SEGMENT_KIND] =
      L.KIND_SPARE | (tables[base + L.SHARD_NUMBER]! << L.KIND_SHARD_SHIFT)
    tables[base + L.SHARD_SPARE] = segment
    tables[base + L.SHARD_ROOM] = L.SEGMENT_UNITS
  }

  /** The spare segment with a new kind, or 0. */
  takeSpare(base: number, kind: number): number {
    const tables = this.#tables
    const segment = tables[base + L.SHARD_SPARE]!
    if (segment === 0) return 0
    tables[base + L.SHARD_SPARE] = 0
    tables[L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_KIND] =
      kind | (tables[base + L.SHARD_NUMBER]! << L.KIND_SHARD_SHIFT)
    this.computeRoom(base)
    return segment
  }

  /** SHARD_ROOM afresh; a record of `wanted` units fits if it can. */
  computeRoom(base: number, wanted = 0): void {
    const room = this.roomLeft(base)
    this.#tables[base + L.SHARD_ROOM] = this.#isScarce(base)
      ? Math.min(room, Math.max(wanted, room - AHEAD_UNITS, AHEAD_STEP_UNITS))
      : room
  }

  /** With a spare anything fits, else what every active log has left. */
  roomLeft(base: number): number {
    const tables = this.#tables
    let room = L.SEGMENT_UNITS
    if (tables[base + L.SHARD_SPARE] !== 0) return room
    for (let log = 0; log < L.LOG_COUNT; log++) {
      const at = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
      if (tables[at + L.LOG_ACTIVE] !== 0) room = Math.min(room, this.#roomOf(at))
    }
    return room
  }

  /** The next segment has to be evicted, and it is time to begin with that. */
  isNearItsEnd(base: number): boolean {
    return this.#isScarce(base) && this.roomLeft(base) <= AHEAD_UNITS
  }

  /** How large a slice of the next segment a writer empties ahead who wants so many units. */
  sliceAhead(wanted: number): number {
    return AHEAD_RATIO * Math.max(wanted, AHEAD_STEP_UNITS)
  }

  /** Whether the shard's next segment costs live items. Read without the pool's lock: a guess. */
  #isScarce(base: number): boolean {
    const tables = this.#tables
    return (
      this.#evicts &&
      tables[base + L.SHARD_SPARE] === 0 &&
      tables[L.POOL_IN_USE]! >= tables[L.POOL_LIMIT]!
    )
  }

  /** The most that any log has left: what a write can still have when there is no more memory. */
  roomAnywhere(base: number): number {
    let room = 0
    for (let log = 0; log < L.LOG_COUNT; log++) {
      room = Math.max(room, this.#roomOf(base + L.SHARD_LOGS + (log << L.LOG_SHIFT)))
    }
    return room
  }

  /** Closes the open segment of a log; what room it had left is not used any more. */
  close(base: number, log: number): void {
    this.#tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_OPEN] = 0
    this.computeRoom(base)
  }

  /** Makes a segment the newest of a log and its open one. */
  pushOpen(base: number, log: number, segment: number): void {
    const tables = this.#tables
    const logAt = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const tail = tables[logAt + L.LOG_TAIL]!
    tables[at + L.SEGMENT_KIND] =
      (L.KIND_LOG + log) | (tables[base + L.SHARD_NUMBER]! << L.KIND_SHARD_SHIFT)
    tables[at + L.SEGMENT_NEXT] = 0
    tables[at + L.SEGMENT_PREV] = tail
    if (tail === 0) tables[logAt + L.LOG_HEAD] = segment
    else tables[L.SEGMENTS_AT + (tail << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_NEXT] = segment
    tables[logAt + L.LOG_TAIL] = segment
    tables[logAt + L.LOG_SEGMENTS] = tables[logAt + L.LOG_SEGMENTS]! + 1
    const previous = tables[logAt + L.LOG_OPEN]!
    tables[logAt + L.LOG_OPEN] = segment
    tables[logAt + L.LOG_ACTIVE] = 1
    // A log's open segment may be empty; once it is closed nobody would find it again.
    if (previous !== 0) this.reap(base, previous)
    this.#stamp(base, at)
    this.computeRoom(base)
  }

  /** Takes a segment out of its log. */
  unlink(base: number, log: number, segment: number): void {
    const tables = this.#tables
    const logAt = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const next = tables[at + L.SEGMENT_NEXT]!
    const prev = tables[at + L.SEGMENT_PREV]!
    if (prev === 0) tables[logAt + L.LOG_HEAD] = next
    else tables[L.SEGMENTS_AT + (prev << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_NEXT] = next
    if (next === 0) tables[logAt + L.LOG_TAIL] = prev
    else tables[L.SEGMENTS_AT + (next << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_PREV] = prev
    tables[logAt + L.LOG_SEGMENTS] = tables[logAt + L.LOG_SEGMENTS]! - 1
    if (tables[logAt + L.LOG_OPEN] === segment) tables[logAt + L.LOG_OPEN] = 0
    if (tables[logAt + L.LOG_SEGMENTS] === 0 && log !== this.#defaultLog) {
      tables[logAt + L.LOG_ACTIVE] = 0
    }
    this.computeRoom(base)
  }

  /** All that is stored is dead from now on: closes the logs and raises the epoch. */
  startEpoch(base: number): void {
    const tables = this.#tables
    let old = 0
    for (let log = 0; log < L.LOG_COUNT; log++) {
      const logAt = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
      const open = tables[logAt + L.LOG_OPEN]!
      tables[logAt + L.LOG_OPEN] = 0
      if (open !== 0) this.reap(base, open)
      old += tables[logAt + L.LOG_SEGMENTS]!
      this.#beginAnew(tables[logAt + L.LOG_HEAD]!)
    }
    tables[base + L.SHARD_EPOCH] = tables[base + L.SHARD_EPOCH]! + 1
    tables[base + L.SHARD_OLD_SEGMENTS] = old
    tables[base + L.SHARD_FLUSHED_AT] = this.#views.now
    tables[base + L.SHARD_CLEAN_AT] = 0
    this.computeRoom(base)
  }

  isOld(base: number, segment: number): boolean {
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    return this.#tables[at + L.SEGMENT_EPOCH] !== this.#tables[base + L.SHARD_EPOCH]
  }

  #place(base: number, segment: number, used: number, units: number): number {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    const end = used + units
    tables[at + L.SEGMENT_USED] = end
    tables[at + L.SEGMENT_LIVE] = tables[at + L.SEGMENT_LIVE]! + units
    tables[at + L.SEGMENT_ITEMS] = tables[at + L.SEGMENT_ITEMS]! + 1
    if (tables[base + L.SHARD_SPARE] === 0) {
      // What is promised a little at a time is used up by any log, else only by the one that has least.
      const spent = this.#isScarce(base) ? units : 0
      const room = Math.min(tables[base + L.SHARD_ROOM]! - spent, L.SEGMENT_UNITS - end)
      tables[base + L.SHARD_ROOM] = Math.max(0, room)
    }
    const figures = this.#views.figures
    const figure = tables[base + L.SHARD_NUMBER]! * L.FIGURE_DOUBLES + L.FIGURE_LIVE_UNITS
    figures[figure] = figures[figure]! + units
    return (segment << L.SEGMENT_SHIFT) | used
  }

  #appendElsewhere(base: number, log: number, units: number): number {
    const tables = this.#tables
    const spare = this.takeSpare(base, L.KIND_LOG + log)
    if (spare !== 0) {
      this.#begin(base, spare, log)
      this.pushOpen(base, log, spare)
      return this.#place(base, spare, 0, units)
    }
    // This log gets a segment of its own when the next writer has brought a spare.
    tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_ACTIVE] = 1
    for (let other = L.LOG_COUNT - 1; other >= 0; other--) {
      const address = this.appendIfRoom(base, other, units, 0)
      if (address !== 0) {
        tables[base + L.SHARD_ROOM] = 0
        return address
      }
    }
    assert(this.#views.held === 0, 'lockForWrite promised room for a record')
    return 0
  }

  #begin(base: number, segment: number, log: number): void {
    const tables = this.#tables
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    tables[at + L.SEGMENT_KIND] =
      (L.KIND_LOG + log) | (tables[base + L.SHARD_NUMBER]! << L.KIND_SHARD_SHIFT)
    tables[at + L.SEGMENT_USED] = 0
    tables[at + L.SEGMENT_LIVE] = 0
    tables[at + L.SEGMENT_ITEMS] = 0
    tables[at + L.SEGMENT_MIN_EXPIRE] = L.NEVER
    tables[at + L.SEGMENT_MAX_EXPIRE] = 0
    tables[at + L.SEGMENT_VAIN_LAST] = 0
    this.#beginAnew(segment)
    this.#stamp(base, at)
  }

  #stamp(base: number, at: number): void {
    const tables = this.#tables
    const sequence = (tables[L.POOL_SEQUENCE]! + 1) | 0
    tables[L.POOL_SEQUENCE] = sequence
    tables[at + L.SEGMENT_BORN] = sequence
    tables[at + L.SEGMENT_EPOCH] = tables[base + L.SHARD_EPOCH]!
  }

  /** What an eviction has passed over is judged once more: it may be dead by now. */
  #beginAnew(segment: number): void {
    if (segment === 0) return
    const at = L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
    this.#tables[at + L.SEGMENT_PHASE] = L.PHASE_NONE
    this.#tables[at + L.SEGMENT_HAND] = 0
    this.#tables[at + L.SEGMENT_PACK] = 0
  }

  #forgetEpoch(base: number, at: number): void {
    const tables = this.#tables
    if (tables[at + L.SEGMENT_EPOCH] === tables[base + L.SHARD_EPOCH]) return
    tables[base + L.SHARD_OLD_SEGMENTS] = tables[base + L.SHARD_OLD_SEGMENTS]! - 1
  }

  #roomOf(logAt: number): number {
    const open = this.#tables[logAt + L.LOG_OPEN]!
    if (open === 0) return 0
    const at = L.SEGMENTS_AT + (open << L.SEGMENT_WORD_SHIFT)
    return L.SEGMENT_UNITS - this.#tables[at + L.SEGMENT_USED]!
  }
}
