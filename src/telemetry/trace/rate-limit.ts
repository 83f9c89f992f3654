/** So many in each stretch of time; the rest is counted. */
export class RateLimit {
  readonly #countMax: number
  readonly #windowMilliseconds: number
  #windowEnds = 0
  #count = 0
  /** Refused in the window at hand, and in those that are over and were not told of yet. */
  #refusedNow = 0
  #refusedBefore = 0

  constructor(countMax: number, windowMilliseconds: number) {
    this.#countMax = countMax
    this.#windowMilliseconds = windowMilliseconds
  }

  /** @param now milliseconds of any clock that does not go back, the same in each call */
  take(now: number): boolean {
    this.#turnWindow(now)
    if (this.#count < this.#countMax) {
      this.#count++
      return true
    }
    this.#refusedNow++
    return false
  }

  /** What was refused since this was asked last, in stretches of time that are over. */
  leftOut(now: number): number {
    this.#turnWindow(now)
    const count = this.#refusedBefore
    this.#refusedBefore = 0
    return count
  }

  #turnWindow(now: number): void {
    if (now < this.#windowEnds) return
    this.#windowEnds = now + this.#windowMilliseconds
    this.#count = 0
    this.#refusedBefore += this.#refusedNow
    this.#refusedNow = 0
  }
}
