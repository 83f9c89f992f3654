import type { RecordableHistogram } from 'node:perf_hooks'
import { createHistogram } from 'node:perf_hooks'

/** A window is this long, or as long as so many requests take: below that a p99 is a matter of chance. */
const WINDOW_MILLISECONDS = 50
const WINDOW_REQUESTS = 1000

const NANOSECONDS_MAX = 60_000_000_000

/**
 * The latencies of a run at a fixed rate, by windows of time. A pause of the machine (a virtual processor that
 * is not run for milliseconds) is in the windows in which it happened and in no other, so the middle one of
 * many windows tells of the server also where such pauses make the p99 of the whole run.
 */
export class LatencyWindows {
  readonly #milliseconds: number
  readonly #windows: readonly RecordableHistogram[]
  #at = 0
  #endsAt = 0

  /** All histograms are made now, since making one takes as long as some requests. */
  constructor(milliseconds: number, requestsPerSecond: number) {
    this.#milliseconds = Math.max(WINDOW_MILLISECONDS, (WINDOW_REQUESTS / requestsPerSecond) * 1000)
    const count = Math.max(1, Math.floor(milliseconds / this.#milliseconds))
    this.#windows = Array.from({ length: count }, newHistogram)
  }

  start(now: number): RecordableHistogram {
    this.#endsAt = now + this.#milliseconds
    return this.#windows[0]!
  }

  /** Where a latency belongs that is known now; what is left behind the last window is the last's. */
  current(now: number): RecordableHistogram {
    while (now >= this.#endsAt && this.#at < this.#windows.length - 1) {
      this.#at++
      this.#endsAt += this.#milliseconds
    }
    return this.#windows[this.#at]!
  }

  whole(): RecordableHistogram {
    const all = newHistogram()
    for (const window of this.#windows) all.add(window)
    return all
  }

  /** p99 of each window, in microseconds. */
  p99s(): number[] {
    return this.#windows
      .filter((window) => window.count > 0)
      .map((window) => window.percentile(99) / 1000)
  }
}

export function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: NANOSECONDS_MAX, figures: 3 })
}
