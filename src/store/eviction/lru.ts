import * as L from '../layout.ts'
import type { Policy } from './policy.ts'

/**
 * One log with a second chance: an item that was used since it was written or moved goes round
 * again. Items of short life have a log of their own, which mostly expires by itself.
 */
export class Lru implements Policy {
  readonly defaultLog: number
  readonly #tables: Int32Array

  constructor(tables: Int32Array, readNow: { readonly now: number }) {
    this.defaultLog = L.LOG_MAIN
    this.#tables = tables
    this.#clock = readNow
  }

  readonly #clock: { readonly now: number }

  logForNew(_base: number, _hash: number, exptime: number): number {
    return isTemporary(exptime, this.#clock.now) ? L.LOG_TEMP : L.LOG_MAIN
  }

  logForRewrite(_oldLog: number, exptime: number): number {
    return isTemporary(exptime, this.#clock.now) ? L.LOG_TEMP : L.LOG_MAIN
  }

  frequencyOfRewritten(_frequency: number): number {
    return 0
  }

  logToEvict(base: number): number {
    return olderLog(this.#tables, base, L.LOG_TEMP, L.LOG_MAIN)
  }

  beginJudging(_base: number): void {}

  survives(frequency: number, _log: number, _units: number): boolean {
    return frequency > 0
  }

  frequencyOfSurvivor(_frequency: number, _log: number): number {
    return 0
  }

  destinationOf(log: number): number {
    return log
  }

  evicted(_base: number, _hash: number, _log: number): void {}
}

export function isTemporary(exptime: number, now: number): boolean {
  return exptime !== 0 && exptime - now <= L.TEMP_SECONDS_MAX
}

/** Which of two logs has the older oldest segment; -1 when both are empty. */
export function olderLog(tables: Int32Array, base: number, first: number, second: number): number {
  const firstHead = tables[base + L.SHARD_LOGS + (first << L.LOG_SHIFT) + L.LOG_HEAD]!
  const secondHead = tables[base + L.SHARD_LOGS + (second << L.LOG_SHIFT) + L.LOG_HEAD]!
  if (firstHead === 0) return secondHead === 0 ? -1 : second
  if (secondHead === 0) return first
  return ((bornOf(tables, firstHead) - bornOf(tables, secondHead)) | 0) <= 0 ? first : second
}

export function bornOf(tables: Int32Array, segment: number): number {
  return tables[L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT) + L.SEGMENT_BORN]!
}
