import { KEY_PREFIX } from './commands.ts'
import type { Dialect, Tally } from './plan.ts'
import type { Values } from './values.ts'

/** One value of so many is compared byte by byte; of the others key, length and frame are checked. */
const VALUES_PER_CHECK = 64

/** Longer than any line we can be sent, but for a server that is not well. */
const LINE_BYTES_MAX = 512

const LF = 10
const CR = 13
const SPACE = 32
const STAR = 42
const DOLLAR = 36
const PLUS = 43
const MINUS = 45
const COLON = 58
const ZERO = 48
const NINE = 57
const LETTER_A = 65
const LETTER_D = 68
const LETTER_E = 69
const LETTER_H = 72
const LETTER_N = 78
const LETTER_S = 83
const LETTER_T = 84
const LETTER_V = 86

/** What the connection knows of what it asked for. */
export interface Expectations {
  /** Whether this is a key that the oldest unanswered command asks for, and not yet got. */
  isNextKey(key: number): boolean
  /** The one key of the oldest unanswered command. */
  oldestKey(): number
  /** The oldest unanswered command is answered. */
  replied(): void
}

/**
 * Reads replies in place from what a socket was sent, in pieces of any size. Counts hits and errors,
 * checks each value's length and key, and of some values all bytes. Nothing is allocated per reply.
 */
export class ReplyReader {
  readonly #dialect: Dialect
  readonly #expect: Expectations
  readonly #values: Values
  readonly #tally: Tally
  readonly #lengthMin: number
  readonly #lengthMax: number
  /** Bytes of the present value, with its line end, that are still to come. */
  #valueLeft = 0
  #valueAt = 0
  #valueKey = -1
  #valueLength = 0
  /** A value of a meta or redis reply is its end; a classic one has a line END behind. */
  #valueEndsReply = false
  /** Elements of a redis array that are still to come. */
  #arrayLeft = 0
  #line: Buffer | null = null
  #lineLength = 0

  constructor(
    dialect: Dialect,
    expect: Expectations,
    values: Values,
    tally: Tally,
    lengths: readonly [number, number],
  ) {
    this.#dialect = dialect
    this.#expect = expect
    this.#values = values
    this.#tally = tally
    this.#lengthMin = lengths[0]
    this.#lengthMax = lengths[1]
  }

  read(bytes: Buffer, length: number): void {
    this.#tally.bytesReceived += length
    let at = 0
    while (at < length) {
      if (this.#valueLeft > 0) {
        at = this.#readValue(bytes, at, length)
        continue
      }
      let end = at
      while (end < length && bytes[end] !== LF) end++
      if (end === length) {
        this.#keepLine(bytes, at, end)
        return
      }
      if (this.#lineLength > 0) {
        this.#keepLine(bytes, at, end)
        const whole = this.#lineLength
        this.#lineLength = 0
        this.#readLine(this.#line!, 0, whole)
      } else this.#readLine(bytes, at, end)
      at = end + 1
    }
  }

  #keepLine(bytes: Buffer, start: number, end: number): void {
    this.#line ??= Buffer.alloc(LINE_BYTES_MAX)
    const room = LINE_BYTES_MAX - this.#lineLength
    this.#lineLength += bytes.copy(this.#line, this.#lineLength, start, Math.min(end, start + room))
  }

  #readValue(bytes: Buffer, start: number, length: number): number {
    const end = Math.min(length, start + this.#valueLeft)
    if (this.#valueKey >= 0) {
      const from = this.#valueAt
      const content = Math.min(end - start, this.#valueLength - from)
      if (
        content > 0 &&
        !this.#values.matches(this.#valueKey, from, bytes, start, start + content)
      ) {
        this.#tally.errors++
        this.#valueKey = -1
      }
      this.#valueAt += end - start
    }
    this.#valueLeft -= end - start
    if (this.#valueLeft === 0 && this.#valueEndsReply) this.#element()
    return end
  }

  /** `end` is where the LF stands. */
  #readLine(bytes: Buffer, start: number, end: number): void {
    const framed = end > start && bytes[end - 1] === CR
    if (!framed) this.#wrong()
    else if (this.#dialect === 'redis') this.#readRedisLine(bytes, start, end - 1)
    else this.#readMemcachedLine(bytes, start, end - 1)
  }

  #readMemcachedLine(bytes: Buffer, start: number, end: number): void {
    const first = bytes[start]!
    const second = bytes[start + 1]!
    if (first === LETTER_V && second === LETTER_A) {
      if (bytes[start + 2] === SPACE) this.#metaValue(bytes, start + 3, end)
      else this.#classicValue(bytes, start, end)
    } else if (first === LETTER_E && second === LETTER_N) this.#expect.replied()
    else if (
      (first === LETTER_S && second === LETTER_T) ||
      (first === LETTER_H && second === LETTER_D)
    ) {
      this.#tally.stored++
      this.#expect.replied()
    } else if (isDigit(first) || isMiss(first)) this.#expect.replied()
    else this.#wrong()
  }

  /** VALUE key flags length, perhaps with a cas behind, which nobody asked for. */
  #classicValue(bytes: Buffer, start: number, end: number): void {
    const keyEnd = bytes.indexOf(SPACE, start + 6)
    const key = numberAt(bytes, start + 6 + KEY_PREFIX.length, keyEnd)
    const flagsEnd = bytes.indexOf(SPACE, keyEnd + 1)
    const length = numberAt(bytes, flagsEnd + 1, end)
    if (!this.#expect.isNextKey(key)) this.#tally.errors++
    this.#valueEndsReply = false
    this.#value(key, length)
  }

  #metaValue(bytes: Buffer, start: number, end: number): void {
    this.#valueEndsReply = true
    const space = bytes.indexOf(SPACE, start)
    const length = numberAt(bytes, start, space >= 0 && space < end ? space : end)
    this.#value(this.#expect.oldestKey(), length)
  }

  #value(key: number, length: number): void {
    this.#tally.hits++
    if (!(length >= this.#lengthMin && length <= this.#lengthMax)) this.#tally.errors++
    this.#valueLeft = length + 2
    this.#valueLength = length
    this.#valueAt = 0
    const check = this.#tally.hits % VALUES_PER_CHECK === 0
    this.#valueKey = check ? key : -1
    if (check) this.#tally.valuesChecked++
  }

  #readRedisLine(bytes: Buffer, start: number, end: number): void {
    switch (bytes[start]) {
      case STAR:
        this.#arrayLeft = numberAt(bytes, start + 1, end)
        return
      case DOLLAR:
        if (bytes[start + 1] === MINUS) this.#element()
        else {
          this.#valueEndsReply = true
          // Which of the keys of an MGET it is, is not followed.
          const key = this.#arrayLeft > 0 ? -1 : this.#expect.oldestKey()
          this.#value(key, numberAt(bytes, start + 1, end))
        }
        return
      case PLUS:
        this.#tally.stored++
        this.#element()
        return
      case COLON:
        this.#element()
        return
      default:
        this.#wrong()
    }
  }

  #element(): void {
    if (this.#arrayLeft > 0 && --this.#arrayLeft > 0) return
    this.#expect.replied()
  }

  /** An error line ends its command, too. */
  #wrong(): void {
    this.#tally.errors++
    this.#expect.replied()
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** NOT_FOUND, NOT_STORED, NF, NS. */
function isMiss(first: number): boolean {
  return first === LETTER_N
}

/** The number between two places, or NaN when there is something else. */
function numberAt(bytes: Buffer, start: number, end: number): number {
  if (end <= start) return Number.NaN
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}
