import { finishHash, HASH_PRIME } from '../base/hash.ts'
import type { Request } from './request.ts'
import { CR, findLineFeed, LF, SPACE } from './tokens.ts'

/** Keys found in one look ahead: enough to keep the memory busy, few enough to stay in the cache. */
export const SCOUT_KEYS_MAX = 32

/** Commands looked at for them: those without a key would else have all that came looked through in each turn. */
export const SCOUT_COMMANDS_MAX = 128

const ZERO = 48
const LETTER = { a: 97, c: 99, m: 109, p: 112, r: 114, s: 115 } as const

/**
 * Looks ahead of the parser for the keys that come next, so that the store can have their items
 * brought into the cache all at once instead of waiting for memory once for each command. What it
 * finds is only a guess: nothing depends on it but time, so it understands the plain forms only, and
 * says nothing about what is right.
 */
export class Scout {
  /** Hashes of the keys that the last look found. */
  readonly hashes = new Int32Array(SCOUT_KEYS_MAX)
  count = 0
  readonly #hashSeed: number

  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed
  }

  /**
   * The keys of the commands in buffer[from, end), one for each. Returns an offset behind `from`:
   * what lies before it need not be looked at again.
   */
  lookAtCommands(buffer: Buffer, from: number, end: number): number {
    let at = from
    this.count = 0
    for (let left = SCOUT_COMMANDS_MAX; left > 0; left--) {
      if (at >= end || this.count === SCOUT_KEYS_MAX) return at
      const next = this.#command(buffer, at, end)
      if (next < 0) return end
      at = next
    }
    return at
  }

  /** The keys of a line of keys, from the one at `from` on. Returns the offset behind them. */
  lookAtKeys(request: Request, from: number): number {
    const { buffer, lineEnd } = request
    let at = from
    this.count = 0
    while (at < lineEnd && this.count < SCOUT_KEYS_MAX) {
      while (at < lineEnd && buffer[at]! <= SPACE) at++
      at = this.#key(buffer, at, lineEnd)
    }
    return at
  }

  /** Offset of the next command, or -1 when that cannot be told. */
  #command(buffer: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && buffer[at]! > SPACE) at++
    const valueWord = wordOfLength(buffer, start, at - start)
    if (at < end && buffer[at] === SPACE) at = this.#key(buffer, at + 1, end)
    if (at + 1 >= end) return -1
    if (valueWord === 0) {
      if (buffer[at] === CR && buffer[at + 1] === LF) return at + 2
      return findLineFeed(buffer, at, end) + 1 || -1
    }
    return behindValue(buffer, at, end, valueWord)
  }

  /** Notes the key at `from`; returns its end. */
  #key(buffer: Buffer, from: number, end: number): number {
    let at = from
    let hash = this.#hashSeed
    while (at < end) {
      const byte = buffer[at]!
      if (byte <= SPACE) break
      hash = Math.imul(hash ^ byte, HASH_PRIME)
      at++
    }
    this.hashes[this.count] = finishHash(hash)
    this.count++
    return at
  }
}

/** Which word behind the key is the length of a value: 1 for ms, 3 for set and its kin, 0 none. */
function wordOfLength(buffer: Buffer, start: number, length: number): number {
  const first = buffer[start]
  if (first === LETTER.m) return length === 2 && buffer[start + 1] === LETTER.s ? 1 : 0
  if (length < 3) return 0
  const stores =
    first === LETTER.s ||
    first === LETTER.a ||
    first === LETTER.r ||
    first === LETTER.p ||
    first === LETTER.c
  return stores ? 3 : 0
}

/** Offset behind the data block whose length is the word-th word from `from` on, or -1. */
function behindValue(buffer: Buffer, from: number, end: number, word: number): number {
  let at = from
  for (let left = word - 1; left > 0; left--) {
    at++
    while (at < end && buffer[at]! > SPACE) at++
  }
  let length = 0
  for (at++; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit < 0 || digit > 9) break
    length = length * 10 + digit
  }
  while (at < end && buffer[at] !== LF) at++
  const next = at + 1 + length + 2
  return next < end ? next : -1
}
