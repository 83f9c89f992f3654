import * as L from '../layout.ts'
import type { Views } from '../memory.ts'
import type { Ghost } from './ghost.ts'
import { isTemporary, olderLog } from './lru.ts'
import type { Policy } from './policy.ts'

/**
 * S3-FIFO (Yang et al., SOSP'23) on segments, with an eye for sizes: a small log for new items, a
 * main log for those asked for again, and a ghost of what left the small log. Items of short life
 * have a log of their own, which counts as part of the small one.
 *
 * Memory spent on one large item would hold many small ones, each worth as much when it is hit. So
 * what an item's uses earn it is divided by its size, in units of the shard's mean: an item of half
 * the mean stays about twice as long, and one of twice the mean needs twice the uses. Where all
 * items are equally large this is plain S3-FIFO. An item that is always in use stays, however large.
 */
/** The small log has one part in so many: more than the paper's tenth, for traces that like LRU. */
const SMALL_SHARE = 4
/** An unused item is tried again ten times on average at most, however small it is. */
const UNUSED_CHANCE_MAX = 0.9

export class S3Fifo implements Policy {
  readonly defaultLog: number
  readonly #views: Views
  readonly #tables: Int32Array
  readonly #ghost: Ghost
  readonly #promoteThreshold: number
  /** Of the shard whose items are judged. */
  #meanUnits: number
  #dice: number

  constructor(views: Views, ghost: Ghost, promoteThreshold: number) {
    this.defaultLog = L.LOG_SMALL
    this.#views = views
    this.#tables = views.tables
    this.#ghost = ghost
    this.#promoteThreshold = promoteThreshold
    this.#meanUnits = 1
    this.#dice = 1
  }

  logForNew(base: number, hash: number, exptime: number): number {
    if (this.#ghost.recall(base, hash)) return L.LOG_MAIN
    return isTemporary(exptime, this.#views.now) ? L.LOG_TEMP : L.LOG_SMALL
  }

  logForRewrite(oldLog: number, exptime: number): number {
    if (isTemporary(exptime, this.#views.now)) return L.LOG_TEMP
    return oldLog === L.LOG_TEMP ? L.LOG_SMALL : oldLog
  }

  frequencyOfRewritten(frequency: number): number {
    return frequency
  }

  /** Small and TEMP while they weigh more than their share. */
  logToEvict(base: number): number {
    const probation = this.#weight(base, L.LOG_SMALL) + this.#weight(base, L.LOG_TEMP)
    const main = this.#weight(base, L.LOG_MAIN)
    const log = olderLog(this.#tables, base, L.LOG_TEMP, L.LOG_SMALL)
    if (log === -1) return main === 0 ? -1 : L.LOG_MAIN
    if (main === 0 || probation * SMALL_SHARE > probation + main) return log
    return L.LOG_MAIN
  }

  beginJudging(base: number): void {
    const tables = this.#tables
    const figures = tables[base + L.SHARD_NUMBER]! * L.FIGURE_DOUBLES
    let units = this.#views.figures[figures + L.FIGURE_LIVE_UNITS]!
    for (let log = 0; log < L.LOG_COUNT; log++) {
      units += tables[base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_PAGES]! * L.PAGE_UNITS
    }
    this.#meanUnits = units / Math.max(1, tables[base + L.SHARD_ITEMS]!)
  }

  survives(frequency: number, log: number, units: number): boolean {
    if (frequency === L.FREQUENCY_MAX) return true
    const relative = units / this.#meanUnits
    if (frequency > 0) {
      const wanted = log === L.LOG_MAIN ? relative : relative * this.#promoteThreshold
      return frequency >= wanted || this.#happens(frequency / wanted)
    }
    // The short-lived are not worth moving about when nobody has asked for them.
    if (relative >= 1 || log === L.LOG_TEMP) return false
    return this.#happens(Math.min(UNUSED_CHANCE_MAX, 1 - relative))
  }

  frequencyOfSurvivor(frequency: number, log: number): number {
    return log === L.LOG_MAIN && frequency > 0 ? frequency - 1 : 0
  }

  destinationOf(_log: number): number {
    return L.LOG_MAIN
  }

  evicted(base: number, hash: number, log: number): void {
    if (log !== L.LOG_MAIN) this.#ghost.remember(base, hash)
  }

  /** A linear congruential generator is plenty: what matters is the share, not the order. */
  #happens(chance: number): boolean {
    this.#dice = (Math.imul(this.#dice, 1664525) + 1013904223) | 0
    return this.#dice >>> 8 < chance * 2 ** 24
  }

  /** In pages: whole segments, and the pages of the items in them. */
  #weight(base: number, log: number): number {
    const at = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
    return (
      this.#tables[at + L.LOG_SEGMENTS]! * L.PAGES_PER_SEGMENT + this.#tables[at + L.LOG_PAGES]!
    )
  }
}
