import type { ClockStart } from '../base/clock.ts'
import { CoarseClock, monotonicMilliseconds } from '../base/clock.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from '../telemetry/events.ts'

/** In place of the second at which a delayed flush acts, while it does. */
const FLUSHING = -1
const WAIT_MILLISECONDS = 1

/**
 * The whole second in which a turn is done. A timer alone would not do: after a pause of the process
 * (SIGSTOP, a throttled container) the event loop hands over what has arrived before it runs its
 * timers, so commands would be answered on the second at which the pause began, with items that
 * have expired since. So every turn compares the time, which it takes anyway, with the moment at
 * which the next second begins; the timer is for a worker that has no turns.
 */
export class TurnClock {
  readonly #clock: CoarseClock
  readonly #runtime: Int32Array
  readonly #store: Store
  readonly #events: EventLog
  /** performance.now() at relative second 0. */
  readonly #zeroAt: number
  /** performance.now() from which on `look` has something to do. */
  nextSecondAt = 0

  constructor(start: ClockStart, runtime: Int32Array, store: Store, events: EventLog) {
    this.#clock = new CoarseClock(start, runtime)
    this.#runtime = runtime
    this.#store = store
    this.#events = events
    // The two are one clock with different beginnings.
    const elapsed = monotonicMilliseconds() - start.monotonicMillisecondsAtZero
    this.#zeroAt = performance.now() - elapsed
  }

  /** @param at performance.now() */
  look(at: number): void {
    const elapsedSeconds = Math.floor((at - this.#zeroAt) / 1000)
    this.nextSecondAt = this.#zeroAt + (elapsedSeconds + 1) * 1000
    const now = this.#clock.secondsAfter(elapsedSeconds)
    this.#store.now = now
    this.#events.now = now
    this.#flushWhenDue(now)
  }

  /**
   * A delayed flush_all, in the first turn of its second at any worker: nobody is answered on a later
   * second before it has acted. One worker does it; another that comes to its second meanwhile waits
   * those microseconds.
   */
  #flushWhenDue(now: number): void {
    const runtime = this.#runtime
    const word = RUNTIME.flushAtSeconds
    const at = runtime[word]!
    if (at === 0 || (at !== FLUSHING && now < at)) return
    if (at !== FLUSHING && Atomics.compareExchange(runtime, word, at, FLUSHING) === at) {
      this.#store.flush()
      // Unless a client has asked for another one since.
      Atomics.compareExchange(runtime, word, FLUSHING, 0)
      Atomics.notify(runtime, word)
      return
    }
    while (Atomics.load(runtime, word) === FLUSHING)
      Atomics.wait(runtime, word, FLUSHING, WAIT_MILLISECONDS)
  }
}
