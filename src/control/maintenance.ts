import type { CoarseClock } from '../base/clock.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { Store } from '../store/store.ts'
import { hashPowerLevel } from '../telemetry/tunables.ts'

const TICK_MILLISECONDS = 100
/** Until all was looked at, slices follow each other this closely. */
const BUSY_TICK_MILLISECONDS = 10
/** A slice holds one lock at a time, each for a part of this. */
const SLICE_MICROSECONDS = 2000

const TICKS_PER_SECOND = 1000 / TICK_MILLISECONDS

export interface MaintenanceOptions {
  readonly store: Store
  readonly clock: CoarseClock
  readonly runtime: Int32Array
  readonly tunables: Int32Array
  /** The `verbosity` command changed the word that all threads share. */
  readonly setVerbosity: (verbosity: number) => void
  /** Ten times a second: others who need a tick, so that an idle server wakes up once for all. */
  readonly onTick: () => void
}

/**
 * What must be done whether or not a client asks: reaping items that expired, evicting what a lower limit
 * has no room for, and following the few figures that have a history. Runs in slices on the control thread.
 */
export class Maintenance {
  readonly #options: MaintenanceOptions
  #timer: NodeJS.Timeout | undefined
  #sliceTimer: NodeJS.Timeout | undefined
  #ticks = 0
  /** What is over the limit cannot be evicted, as while clients upload it: tried again each second. */
  #isStuck = false
  #verbosity: number

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#verbosity = options.runtime[RUNTIME.verbosity] ?? 0
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#sliceTimer)
  }

  #tick(): void {
    const { store, clock, onTick } = this.#options
    onTick()
    const now = clock.seconds()
    // Items are due in whole seconds, and a round through all of a large cache takes its time.
    if (now !== store.now) {
      store.now = now
      this.#isStuck = false
      this.#slice(true)
    } else if (this.#hasMore) {
      this.#slice(false)
    }
    if (this.#ticks++ % TICKS_PER_SECOND === 0) this.#everySecond()
  }

  get #hasMore(): boolean {
    const { store } = this.#options
    return store.sweep.isMidRound || (store.isOverLimit && !this.#isStuck)
  }

  #slice(isNewSecond: boolean): void {
    const { store } = this.#options
    clearTimeout(this.#sliceTimer)
    if (isNewSecond || store.sweep.isMidRound) store.sweep.run(SLICE_MICROSECONDS)
    if (store.isOverLimit && !this.#isStuck) this.#isStuck = !store.shrink(SLICE_MICROSECONDS)
    if (this.#hasMore) {
      this.#sliceTimer = setTimeout(() => this.#slice(false), BUSY_TICK_MILLISECONDS)
    }
  }

  #everySecond(): void {
    const { store, runtime, tunables, setVerbosity } = this.#options
    hashPowerLevel(tunables, store.figures().items)
    const verbosity = runtime[RUNTIME.verbosity] ?? 0
    if (verbosity === this.#verbosity) return
    this.#verbosity = verbosity
    setVerbosity(verbosity)
  }
}
