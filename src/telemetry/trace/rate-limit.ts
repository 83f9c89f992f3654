/** So many in each stretch of time; the rest is counted. */
export class RateLimit {
  readonly #countMax: number
  readonly #windowMilliseconds: number
  #windowEnds = 0
  #count = 0
  #leftOut = 0

  constructor(countMax: number, windowMilliseconds: number) {
    this.#countMax = countMax
    this.#windowMilliseconds = windowMilliseconds
  }

  /** @param now milliseconds of any clock that does not go back, the same in each call */
  take(now: number): boolean {
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + this.#windowMilliseconds
      this.#count = 0
    }
    if (this.#count < this.#countMax) {
      this.#count++
      return true
    }
    this.#leftOut++
    return false
  }

  /** What was refused since this was asked last, once its stretch of time is over; 0 before. */
  leftOut(now: number): number {
    if (this.#leftOut === 0 || now < this.#windowEnds) return 0
    const count = this.#leftOut
    this.#leftOut = 0
    return count
  }
}
