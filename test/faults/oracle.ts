/** What clients saw, over all of them. */
export interface Tally {
  replies: number
  hits: number
  misses: number
  /** Requests that an end of the connection left without a reply; each was sent again. */
  unanswered: number
  /** Replies of which only a part came. */
  torn: number
  /** Connections that ended by an orderly end, and those that were reset. */
  ends: number
  resets: number
  /** Reset before the first reply: the kernel had taken them for a listener that was just closing. */
  refused: number
  /** Items that had to be there and were not. */
  missing: number
  /** The longest time without any reply to anybody. */
  longestSilence: number
  /** Whatever must never be seen; the first few. */
  readonly wrong: string[]
}

const WRONG_MAX = 10

/** Knows what a right answer is, for clients that each have keys of their own. */
export class Oracle {
  readonly tally: Tally = {
    replies: 0,
    hits: 0,
    misses: 0,
    unanswered: 0,
    torn: 0,
    ends: 0,
    resets: 0,
    refused: 0,
    missing: 0,
    longestSilence: 0,
    wrong: [],
  }
  /** Raised when the server is another one, which begins empty. */
  life = 0
  flushSentAt = Number.NEGATIVE_INFINITY
  flushDoneAt = Number.NEGATIVE_INFINITY
  #repliedAt = Number.NaN

  blame(what: string): void {
    if (this.tally.wrong.length < WRONG_MAX) this.tally.wrong.push(what)
  }

  reply(at: number): void {
    const { tally } = this
    tally.replies++
    if (at - this.#repliedAt > tally.longestSilence) tally.longestSilence = at - this.#repliedAt
    this.#repliedAt = at
  }

  get isFlushing(): boolean {
    return this.flushSentAt > this.flushDoneAt
  }
}
