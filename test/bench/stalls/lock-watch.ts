import { LogHistogram } from './log-histogram.ts'
import { threadCpuMilliseconds } from './ticker.ts'

/** A hold that took longer is looked at more closely: was the holder working, or put aside? */
const SUSPECT_NANOSECONDS = 100_000

type Method = (this: unknown, ...args: unknown[]) => unknown
export type Prototype = Record<string, Method | undefined>

/**
 * Times every lock of the store in one thread, by wrapping the methods that take and give one back.
 * A thread holds one lock at a time, so one place for "since when" is enough; it also makes it no
 * matter whether a front-door method calls an inner one that is wrapped as well.
 */
export class LockWatch {
  /** From having the lock to giving it back. */
  readonly hold = new LogHistogram()
  /** Of that, at most so much was the holder working; the rest it was ready and had no processor. */
  readonly busyHold = new LogHistogram()
  /** From asking for the lock to having it. */
  readonly wait = new LogHistogram()
  /** All that a write does to get its lock and room: eviction, too, when it must do that itself. */
  readonly makeRoom = new LogHistogram()
  #heldSince = 0
  #cpuBefore = 0

  /** Called now and then outside any lock (at each read from a client): where the holder's own time counts from. */
  checkpoint(): void {
    this.#cpuBefore = threadCpuMilliseconds()
  }

  reset(): void {
    for (const histogram of [this.hold, this.busyHold, this.wait, this.makeRoom]) histogram.reset()
  }

  wrapTake(prototype: Prototype, name: string, total: LogHistogram): void {
    const original = prototype[name]
    if (typeof original !== 'function') return
    const watch = this
    prototype[name] = function (this: unknown, a: unknown, b: unknown): unknown {
      const asked = performance.now()
      const result = original.call(this, a, b)
      const now = performance.now()
      total.record((now - asked) * 1e6)
      if (watch.#heldSince === 0) watch.#heldSince = now
      return result
    }
  }

  wrapGive(prototype: Prototype, name: string): void {
    const original = prototype[name]
    if (typeof original !== 'function') return
    const watch = this
    prototype[name] = function (this: unknown, a: unknown): unknown {
      watch.#given()
      return original.call(this, a)
    }
  }

  /** A method that takes locks itself and is called without one. */
  wrapOutside(prototype: Prototype, name: string): void {
    const original = prototype[name]
    if (typeof original !== 'function') return
    const watch = this
    prototype[name] = function (this: unknown, a: unknown): unknown {
      watch.checkpoint()
      return original.call(this, a)
    }
  }

  #given(): void {
    if (this.#heldSince === 0) return
    const held = (performance.now() - this.#heldSince) * 1e6
    this.#heldSince = 0
    this.hold.record(held)
    if (held < SUSPECT_NANOSECONDS) {
      this.busyHold.record(held)
      return
    }
    const cpu = threadCpuMilliseconds()
    this.busyHold.record(Math.min(held, (cpu - this.#cpuBefore) * 1e6))
    this.#cpuBefore = cpu
  }
}
