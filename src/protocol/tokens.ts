import { finishHash, HASH_PRIME } from '../base/hash.ts'
import { TOKENS_MAX } from './limits.ts'
import type { Request } from './request.ts'

/** Words and numbers of a line. Only the space separates; a tab, a NUL or a \r is like a letter. */

export const SPACE = 32
export const LF = 10
export const CR = 13
const MINUS = 45
const ZERO = 48

/** What readInt32 returns for anything that is no number: just outside its range. */
export const NOT_INT32 = 2147483648
/** The same for readUint32. */
export const NOT_UINT32 = -1

/** Digits and sign a 32-bit reader accepts, leading zeros included. */
const NUMBER_BYTES_MAX = 11

/**
 * Cuts the line that begins at `start` into words. Sets tokenCount, tokenStarts, tokenEnds, lineEnd.
 * Returns the offset after the line, or -1 if its end is not in buffer[start, end).
 */
export function tokenize(request: Request, buffer: Buffer, start: number, end: number): number {
  const starts = request.tokenStarts
  const ends = request.tokenEnds
  let count = 0
  let at = start
  while (count < TOKENS_MAX) {
    while (at < end && buffer[at] === SPACE) at++
    if (at === end) return -1
    if (buffer[at] === LF) return finishTokens(request, buffer, at, count)
    starts[count] = at
    do at++
    while (at < end && !isBreak(buffer[at]!))
    ends[count] = at
    count++
  }
  const lineFeed = at < end && buffer[at] === LF ? at : findLineFeed(buffer, at, end)
  return lineFeed < 0 ? -1 : finishTokens(request, buffer, lineFeed, count)
}

/** The line ends at `lineFeed`: the \r before it has been taken for a letter of the last word. */
function finishTokens(request: Request, buffer: Buffer, lineFeed: number, found: number): number {
  let count = found
  let lineEnd = lineFeed
  if (lineFeed > request.lineStart && buffer[lineFeed - 1] === CR) {
    lineEnd--
    if (count > 0 && request.tokenEnds[count - 1]! > lineEnd) {
      request.tokenEnds[count - 1] = lineEnd
      if (request.tokenStarts[count - 1] === lineEnd) count--
    }
  }
  request.tokenCount = count
  request.lineEnd = lineEnd
  return lineFeed + 1
}

function isBreak(byte: number): boolean {
  return byte <= SPACE && (byte === SPACE || byte === LF)
}

/** Offset of the first \n in buffer[from, end), or -1. */
export function findLineFeed(buffer: Buffer, from: number, end: number): number {
  const at = buffer.indexOf(LF, from)
  return at < end ? at : -1
}

/**
 * Moves on to the key that comes after buffer offset `from` in a line of keys, and hashes it on the
 * way. False at the end of the line.
 */
export function nextKey(request: Request, from: number): boolean {
  const buffer = request.buffer
  const lineEnd = request.lineEnd
  let at = from
  while (at < lineEnd && buffer[at] === SPACE) at++
  if (at === lineEnd) {
    request.keyStart = at
    request.keyLength = 0
    return false
  }
  request.keyStart = at
  let hash = request.hashSeed
  while (at < lineEnd) {
    const byte = buffer[at]!
    if (byte === SPACE) break
    hash = Math.imul(hash ^ byte, HASH_PRIME)
    at++
  }
  request.keyLength = at - request.keyStart
  request.keyHash = finishHash(hash)
  return true
}

/** Whether the last word is `noreply`. */
export function lastTokenIsNoreply(request: Request, buffer: Buffer): boolean {
  const last = request.tokenCount - 1
  if (last < 0) return false
  const start = request.tokenStarts[last]!
  return request.tokenEnds[last]! - start === 7 && isNoreply(buffer, start)
}

/** Whether the seven bytes from `at` on are `noreply`. */
export function isNoreply(buffer: Buffer, at: number): boolean {
  return (
    buffer[at] === 110 &&
    buffer[at + 1] === 111 &&
    buffer[at + 2] === 114 &&
    buffer[at + 3] === 101 &&
    buffer[at + 4] === 112 &&
    buffer[at + 5] === 108 &&
    buffer[at + 6] === 121
  )
}

/** A signed number of up to 11 bytes, or NOT_INT32. A lone minus reads as 0, as in 1.6.45. */
export function readInt32(buffer: Buffer, from: number, to: number): number {
  const negative = buffer[from] === MINUS
  const value = readDigits(buffer, negative ? from + 1 : from, to, to - from)
  if (value < 0) return NOT_INT32
  if (negative) return value > 2147483648 ? NOT_INT32 : -value | 0
  return value > 2147483647 ? NOT_INT32 : value
}

/** A number without sign of up to 11 digits, or NOT_UINT32. */
export function readUint32(buffer: Buffer, from: number, to: number): number {
  const value = readDigits(buffer, from, to, to - from)
  return value > 4294967295 ? NOT_UINT32 : value
}

/** The digits of buffer[from, to), -1 if there is anything else or the whole word is too long. */
function readDigits(buffer: Buffer, from: number, to: number, wordLength: number): number {
  if (wordLength > NUMBER_BYTES_MAX) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = buffer[at]! - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** A word as text, for commands that may allocate; '' when there are fewer words. */
export function tokenText(request: Request, index: number): string {
  if (index >= request.tokenCount) return ''
  return request.buffer.toString('latin1', request.tokenStarts[index], request.tokenEnds[index])
}

/** A word as a number without sign, or NOT_UINT32 (also when there are fewer words). */
export function tokenUint32(request: Request, index: number): number {
  if (index >= request.tokenCount) return NOT_UINT32
  return readUint32(request.buffer, request.tokenStarts[index]!, request.tokenEnds[index]!)
}

/** A word as a signed number, or NOT_INT32 (also when there are fewer words). */
export function tokenInt32(request: Request, index: number): number {
  if (index >= request.tokenCount) return NOT_INT32
  return readInt32(request.buffer, request.tokenStarts[index]!, request.tokenEnds[index]!)
}
