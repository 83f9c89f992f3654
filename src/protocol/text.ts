import { finishHash, HASH_PRIME, hashBytes } from '../base/hash.ts'
import { readUint64, Uint64 } from '../base/uint64.ts'
import {
  ITEM_FLAGS_BYTES,
  ITEM_OVERHEAD_BYTES,
  ITEM_TERMINATOR_BYTES,
  KEY_BYTES_MAX,
  LINE_BYTES_MAX,
  LINE_SPACES_MAX,
  SHORT_LINE_BYTES_MAX,
  VALUE_LENGTH_MAX,
} from './limits.ts'
import { LINE } from './lines.ts'
import { OPCODE } from './opcode.ts'
import type { Request } from './request.ts'
import { PARSE_CLOSE, PARSE_ERROR, PARSE_MORE, PARSE_READY, REFUSAL } from './request.ts'
import {
  CR,
  findLineFeed,
  isNoreply,
  LF,
  lastTokenIsNoreply,
  NOT_INT32,
  readInt32,
  SPACE,
  tokenInt32,
} from './tokens.ts'

/** The classic commands. */

const MINUS = 45
const PLUS = 43
const ZERO = 48

/** So many digits make a number below 2^31, whatever they are. */
const SHORT_DIGITS_MAX = 9

const scratch = new Uint64()

/**
 * get and gets, from after the word. The first key is hashed in the same scan that finds its end;
 * for a line of one key that scan is all there is. The handler walks the other keys with nextKey.
 */
export function parseGet(
  request: Request,
  buffer: Buffer,
  from: number,
  end: number,
  opcode: number,
): number {
  let at = from
  while (at < end && buffer[at] === SPACE) at++
  const keyStart = at
  let before = request.hashSeed
  let hash = before
  while (at < end) {
    const byte = buffer[at]!
    if (byte <= SPACE && (byte === SPACE || byte === LF)) break
    before = hash
    hash = Math.imul(hash ^ byte, HASH_PRIME)
    at++
  }
  if (at === end) return incompleteLine(request, buffer, request.lineStart, end)
  let keyEnd = at
  const lineFeed = buffer[at] === LF ? at : findLineFeed(buffer, at, end)
  if (lineFeed < 0) return incompleteLine(request, buffer, request.lineStart, end)
  const lineEnd = buffer[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
  if (keyEnd > lineEnd) {
    keyEnd = lineEnd
    hash = before
  }
  request.opcode = opcode
  request.keyBuffer = buffer
  request.keyStart = keyStart
  request.keyLength = keyEnd - keyStart
  request.keyHash = finishHash(hash)
  request.lineEnd = lineEnd
  request.next = lineFeed + 1
  const keyLength = keyEnd - keyStart
  if (keyLength > 0 && keyLength <= KEY_BYTES_MAX) return PARSE_READY
  return fail(request, LINE.badFormat, false)
}

/** gat and gats: the time comes before the keys. */
export function parseGetAndTouch(
  request: Request,
  buffer: Buffer,
  from: number,
  end: number,
  opcode: number,
): number {
  let at = from
  while (at < end && buffer[at] === SPACE) at++
  const timeStart = at
  while (at < end && buffer[at] !== SPACE && buffer[at] !== LF) at++
  // Without a key there is no space after the time; parseGet finds that no key is there either.
  const status = parseGet(request, buffer, at, end, opcode)
  if (status === PARSE_MORE || status === PARSE_CLOSE || request.keyLength <= 0) return status
  const exptime = readInt32(buffer, timeStart, at)
  if (exptime === NOT_INT32) return fail(request, LINE.badExptime, false)
  request.exptime = exptime
  return status
}

/**
 * `set` and its kin in the form that clients send: three short numbers, nothing or noreply after
 * them. Anything else goes the long way, by words.
 *
 * @returns a status, or -1 for "read it by words"
 */
export function parseShortStorage(
  request: Request,
  buffer: Buffer,
  from: number,
  end: number,
  opcode: number,
): number {
  let at = from
  let hash = request.hashSeed
  while (at < end) {
    const byte = buffer[at]!
    if (byte <= SPACE && (byte === SPACE || byte === LF)) break
    hash = Math.imul(hash ^ byte, HASH_PRIME)
    at++
  }
  const keyLength = at - from
  if (at >= end || buffer[at] !== SPACE || keyLength === 0 || keyLength > KEY_BYTES_MAX) return -1
  const flagsEnd = shortNumberEnd(buffer, at + 1, end)
  if (flagsEnd < 0) return -1
  const clientFlags = shortNumber(buffer, at + 1, flagsEnd)
  const exptimeEnd = shortNumberEnd(buffer, flagsEnd + 1, end)
  if (exptimeEnd < 0) return -1
  const exptime = shortNumber(buffer, flagsEnd + 1, exptimeEnd)
  at = exptimeEnd + 1
  const lengthStart = at
  let valueLength = 0
  while (at < end) {
    const digit = buffer[at]! - ZERO
    if (digit < 0 || digit > 9) break
    valueLength = valueLength * 10 + digit
    at++
  }
  if (at === lengthStart || at - lengthStart > SHORT_DIGITS_MAX) return -1
  request.noreply = false
  if (at + 9 < end && buffer[at] === SPACE && isNoreply(buffer, at + 1)) {
    request.noreply = true
    at += 8
  }
  if (at + 1 >= end || buffer[at] !== CR || buffer[at + 1] !== LF) return -1
  request.opcode = opcode
  request.mode = opcode
  request.metaFlags = 0
  request.keyBuffer = buffer
  request.keyStart = from
  request.keyLength = keyLength
  request.keyHash = finishHash(hash)
  request.clientFlags = clientFlags
  request.exptime = exptime
  request.valueLength = valueLength
  request.lineEnd = at
  return finishStorage(request, buffer, at + 2, end, request.noreply)
}

/** End of a word of 1 to 9 digits that a space follows; -1 for anything else. */
function shortNumberEnd(buffer: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && isDigit(buffer[at]!)) at++
  if (at === from || at - from > SHORT_DIGITS_MAX || at >= end || buffer[at] !== SPACE) return -1
  return at
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9
}

function shortNumber(buffer: Buffer, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) value = value * 10 + buffer[at]! - ZERO
  return value
}

/** A storage command by its words: any spaces, any number, every error. */
export function parseStorage(request: Request, buffer: Buffer, end: number): number {
  if (request.tokenCount < 5) return fail(request, LINE.badFormat, false)
  const valueLength = tokenInt32(request, 4)
  if (valueLength < 0 || valueLength > VALUE_LENGTH_MAX) {
    return fail(request, LINE.badFormat, false)
  }
  const noreply = lastTokenIsNoreply(request, buffer)
  request.noreply = noreply
  request.valueLength = valueLength
  request.mode = request.opcode
  request.metaFlags = 0
  setKey(request, buffer)
  if (
    request.keyLength > KEY_BYTES_MAX ||
    !readClientFlags(request, buffer) ||
    !readLongExptime(request, buffer) ||
    (request.opcode === OPCODE.cas && !readCas(request, buffer))
  ) {
    return failStorage(request, LINE.badFormat, noreply)
  }
  return finishStorage(request, buffer, request.next, end, noreply)
}

/**
 * The last step of every storage command: is it too large, is the value there, does it end well.
 *
 * @param silent noreply was given, which hides errors (the meta flag q does not)
 */
export function finishStorage(
  request: Request,
  buffer: Buffer,
  valueStart: number,
  end: number,
  silent: boolean,
): number {
  const valueEnd = valueStart + request.valueLength
  request.valueStart = valueStart
  request.next = valueStart
  request.upload = null
  request.wholeValueNeeded = false
  if (itemBytesNeeded(request) > request.itemBytesMax) {
    const status = failStorage(request, LINE.tooLarge, silent)
    request.refusal = REFUSAL.tooLarge
    return status
  }
  if (request.lineOnly) return PARSE_READY
  if (valueEnd + 2 > end) {
    request.missing = valueEnd + 2 - end
    return PARSE_MORE
  }
  request.next = valueEnd + 2
  if (buffer[valueEnd] === CR && buffer[valueEnd + 1] === LF) return PARSE_READY
  const status = fail(request, LINE.badDataChunk, silent)
  request.refusal = REFUSAL.badData
  return status
}

/** memcached's size of the item, by which `-I` and the figures go. */
function itemBytesNeeded(request: Request): number {
  return (
    ITEM_OVERHEAD_BYTES +
    ITEM_TERMINATOR_BYTES +
    request.casBytes +
    request.keyLength +
    request.valueLength +
    (request.clientFlags === 0 ? 0 : ITEM_FLAGS_BYTES)
  )
}

/** Commands of the form `word key more…` whose other words the command itself reads. */
export function parseKeyed(request: Request, buffer: Buffer, tokensMin: number): number {
  if (request.tokenCount < tokensMin) return fail(request, LINE.badFormat, false)
  const noreply = lastTokenIsNoreply(request, buffer)
  request.noreply = noreply
  request.metaFlags = 0
  setKey(request, buffer)
  if (request.keyLength > KEY_BYTES_MAX) return fail(request, LINE.badFormat, noreply)
  switch (request.opcode) {
    case OPCODE.touch: {
      const exptime = tokenInt32(request, 2)
      if (exptime === NOT_INT32) return fail(request, LINE.badExptime, noreply)
      request.exptime = exptime
      return PARSE_READY
    }
    case OPCODE.increment:
    case OPCODE.decrement: {
      const from = request.tokenStarts[2]!
      if (!readUint64(buffer, from, request.tokenEnds[2]!, scratch)) {
        return fail(request, LINE.badDelta, noreply)
      }
      request.deltaHigh = scratch.high
      request.deltaLow = scratch.low
      return PARSE_READY
    }
    default:
      return PARSE_READY
  }
}

/** The line has no end yet. It may go on, unless it is too long for anything but a get. */
export function incompleteLine(
  request: Request,
  buffer: Buffer,
  start: number,
  end: number,
): number {
  request.missing = 0
  const length = end - start
  if (length <= SHORT_LINE_BYTES_MAX) return PARSE_MORE
  if (length > LINE_BYTES_MAX) return PARSE_CLOSE
  let at = start
  while (at < end - 6 && buffer[at] === SPACE) at++
  if (at - start > LINE_SPACES_MAX) return PARSE_CLOSE
  const isGet = buffer[at] === 103 && buffer[at + 1] === 101 && buffer[at + 2] === 116
  const word = isGet && buffer[at + 3] === 115 ? at + 4 : at + 3
  return isGet && buffer[word] === SPACE ? PARSE_MORE : PARSE_CLOSE
}

/** The line is answered with an error and nothing else happens. request.next is set already. */
export function fail(request: Request, line: number, silent: boolean): number {
  request.errorLine = line
  request.silent = silent
  request.swallow = 0
  request.refusal = REFUSAL.none
  return PARSE_ERROR
}

/** The same for a line whose data block comes and must be thrown away first. */
export function failStorage(request: Request, line: number, silent: boolean): number {
  request.errorLine = line
  request.silent = silent
  request.swallow = request.valueLength + 2
  request.refusal = REFUSAL.none
  return PARSE_ERROR
}

/** The key is the second word. */
export function setKey(request: Request, buffer: Buffer): void {
  const start = request.tokenStarts[1]!
  const end = request.tokenEnds[1]!
  request.keyBuffer = buffer
  request.keyStart = start
  request.keyLength = end - start
  request.keyHash = hashBytes(request.hashSeed, buffer, start, end)
}

/** As C's strtoul reads it and memcached checks it: modulo 2^32, at most 2^64-1, no minus. */
function readClientFlags(request: Request, buffer: Buffer): boolean {
  const sign = readLoose(buffer, request.tokenStarts[2]!, request.tokenEnds[2]!)
  if (sign === 0 || (sign < 0 && (scratch.high !== 0 || scratch.low !== 0))) return false
  request.clientFlags = scratch.low
  return true
}

/** As C's strtol reads it: a signed 64-bit number, of which the lower 32 bits are taken. */
function readLongExptime(request: Request, buffer: Buffer): boolean {
  const sign = readLoose(buffer, request.tokenStarts[3]!, request.tokenEnds[3]!)
  if (sign === 0) return false
  if (scratch.high < 0 && !(sign < 0 && scratch.high === -2147483648 && scratch.low === 0)) {
    return false
  }
  request.exptime = sign < 0 ? -scratch.low | 0 : scratch.low
  return true
}

function readCas(request: Request, buffer: Buffer): boolean {
  if (request.tokenCount < 6) return false
  const from = request.tokenStarts[5]!
  if (!readUint64(buffer, from, request.tokenEnds[5]!, scratch)) return false
  request.casHigh = scratch.high
  request.casLow = scratch.low
  return true
}

/**
 * A number as C's library reads it into `scratch`: white space first, a sign, any number of zeros,
 * and white space or a NUL may end it.
 *
 * @returns the sign, 1 or -1; 0 if it is no number
 */
function readLoose(buffer: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && isWhiteSpace(buffer[at]!)) at++
  const negative = buffer[at] === MINUS
  if (at < to && (negative || buffer[at] === PLUS)) at++
  const first = at
  while (at < to && buffer[at] === ZERO) at++
  const significant = at
  while (at < to && isDigit(buffer[at]!)) at++
  if (at === first) return 0
  if (at < to && !isWhiteSpace(buffer[at]!) && buffer[at] !== 0) return 0
  if (at === significant) scratch.set(0, 0)
  else if (!readUint64(buffer, significant, at, scratch)) return 0
  return negative ? -1 : 1
}

/** White space of C, but for the space, which never is inside a word. */
function isWhiteSpace(byte: number): boolean {
  return byte >= 9 && byte <= 13
}
