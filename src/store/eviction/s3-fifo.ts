import * as L from '../layout.ts'
import type { Ghost } from './ghost.ts'
import { isTemporary, olderLog } from './lru.ts'
import type { Policy } from './policy.ts'

/**
 * S3-FIFO (Yang et al., SOSP'23) on segments: a small log of about a tenth of the memory for new
 * items, a main log for those asked for again, and a ghost of what left the small log. Items of
 * short life have a log of their own, which counts as part of the small one.
 */
const SMALL_SHARE = 10

export class S3Fifo implements Policy {
  readonly defaultLog: number
  readonly #tables: Int32Array
  readonly #clock: { readonly now: number }
  readonly #ghost: Ghost
  readonly #promoteThreshold: number

  constructor(
    tables: Int32Array,
    clock: { readonly now: number },
    ghost: Ghost,
    promoteThreshold: number,
  ) {
    this.defaultLog = L.LOG_SMALL
    this.#tables = tables
    this.#clock = clock
    this.#ghost = ghost
    this.#promoteThreshold = promoteThreshold
  }

  logForNew(base: number, hash: number, exptime: number): number {
    if (this.#ghost.recall(base, hash)) return L.LOG_MAIN
    return isTemporary(exptime, this.#clock.now) ? L.LOG_TEMP : L.LOG_SMALL
  }

  logForRewrite(oldLog: number, exptime: number): number {
    if (isTemporary(exptime, this.#clock.now)) return L.LOG_TEMP
    return oldLog === L.LOG_TEMP ? L.LOG_SMALL : oldLog
  }

  frequencyOfRewritten(frequency: number): number {
    return frequency
  }

  /** Small and TEMP while they weigh more than their share and have more than what is open. */
  logToEvict(base: number): number {
    const probation = this.#weight(base, L.LOG_SMALL) + this.#weight(base, L.LOG_TEMP)
    const main = this.#weight(base, L.LOG_MAIN)
    const log = olderLog(this.#tables, base, L.LOG_TEMP, L.LOG_SMALL)
    if (log === -1) return main === 0 ? -1 : L.LOG_MAIN
    if (main === 0 || probation * SMALL_SHARE > probation + main) return log
    return L.LOG_MAIN
  }

  survives(frequency: number, log: number): boolean {
    return log === L.LOG_MAIN ? frequency > 0 : frequency >= this.#promoteThreshold
  }

  frequencyOfSurvivor(frequency: number, log: number): number {
    return log === L.LOG_MAIN ? frequency - 1 : 0
  }

  destinationOf(_log: number): number {
    return L.LOG_MAIN
  }

  evicted(base: number, hash: number, log: number): void {
    if (log !== L.LOG_MAIN) this.#ghost.remember(base, hash)
  }

  /** In pages; the last segment of a log is about half full. */
  #weight(base: number, log: number): number {
    const at = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
    return (
      this.#tables[at + L.LOG_SEGMENTS]! * L.PAGES_PER_SEGMENT + this.#tables[at + L.LOG_PAGES]!
    )
  }
}
