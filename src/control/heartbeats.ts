const LOOK_MILLISECONDS_MAX = 500

/**
 * Notices a worker that makes no progress. Each worker raises its word in shared memory at every
 * tick of its own; the control thread looks at the words at every tick of its timer.
 *
 * Silence is counted in looks, not by the clock: a look may add at most twice the time between two of them.
 * When the whole process was stopped (SIGSTOP, a paused container, a laptop asleep) or got no
 * processor, the control thread did not look either, and nobody is blamed for that time.
 */
export class Heartbeats {
  readonly #words: Int32Array
  readonly #silence: Float64Array
  readonly #lastSeen: Int32Array
  readonly #timeoutMilliseconds: number
  #lookedAt = Number.NaN

  constructor(words: Int32Array, timeoutMilliseconds: number) {
    this.#words = words
    this.#timeoutMilliseconds = timeoutMilliseconds
    this.#silence = new Float64Array(words.length)
    this.#lastSeen = Int32Array.from(words)
  }

  /** How often to look. */
  get intervalMilliseconds(): number {
    if (this.#timeoutMilliseconds === 0) return LOOK_MILLISECONDS_MAX
    return Math.max(50, Math.min(LOOK_MILLISECONDS_MAX, this.#timeoutMilliseconds / 4))
  }

  /** For each worker, how long it has been silent. */
  get silences(): readonly number[] {
    return [...this.#silence]
  }

  /** Index of a worker that was silent for longer than allowed, or -1. A timeout of 0 allows all. */
  look(nowMilliseconds: number): number {
    const passed = Number.isNaN(this.#lookedAt) ? 0 : nowMilliseconds - this.#lookedAt
    const counted = Math.min(passed, 2 * this.intervalMilliseconds)
    this.#lookedAt = nowMilliseconds
    let wedged = -1
    for (let index = 0; index < this.#words.length; index++) {
      const beat = Atomics.load(this.#words, index)
      const silent = beat === this.#lastSeen[index]
      this.#lastSeen[index] = beat
      const silence = silent ? (this.#silence[index] ?? 0) + counted : 0
      this.#silence[index] = silence
      if (silence > (this.#timeoutMilliseconds || Number.POSITIVE_INFINITY)) wedged = index
    }
    return wedged
  }
}
