/**
 * What an eviction rule decides. The mechanism (eviction.ts) is the same for all of them: the
 * oldest segment of a log, live items that earned it go on, the rest are dropped. One instance of
 * one class per process, so the calls stay monomorphic. `base` is the shard's block; its lock is held.
 */
export interface Policy {
  /** The log in which the first segments are opened; it always wants room. */
  readonly defaultLog: number
  /** The log of an item that is not in the store. */
  logForNew(base: number, hash: number, exptime: number): number
  /** The log of a new record of an item that was in `oldLog`. */
  logForRewrite(oldLog: number, exptime: number): number
  frequencyOfRewritten(frequency: number): number
  /** The log to take the oldest segment of; -1 when all logs are empty. */
  logToEvict(base: number): number
  /** Before a slice of items of a shard is judged by `survives`. */
  beginJudging(base: number): void
  /** Whether an item that takes `units` of memory, its pages included, goes on. */
  survives(frequency: number, log: number, units: number): boolean
  /** The frequency that a survivor goes on with. */
  frequencyOfSurvivor(frequency: number, log: number): number
  /** Where the survivors of a log go. */
  destinationOf(log: number): number
  /** An item is dropped for space out of `log`. */
  evicted(base: number, hash: number, log: number): void
}
