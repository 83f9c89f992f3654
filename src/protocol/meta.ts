import { decodeBase64 } from '../base/base64.ts'
import { hashBytes } from '../base/hash.ts'
import { readUint64, Uint64 } from '../base/uint64.ts'
import {
  KEY_BYTES_MAX,
  META_TOKENS_MAX,
  OPAQUE_TOKEN_BYTES_MAX,
  VALUE_LENGTH_MAX,
} from './limits.ts'
import { LINE } from './lines.ts'
import { OPCODE } from './opcode.ts'
import type { Request } from './request.ts'
import { PARSE_ERROR, PARSE_READY, REFUSAL } from './request.ts'
import { fail, failStorage, finishStorage, setKey } from './text.ts'
import { NOT_INT32, NOT_UINT32, readInt32, readUint32, tokenInt32 } from './tokens.ts'

/**
 * The meta commands: `word key flag…`, where a flag is a letter with its argument stuck to it. All
 * commands know the same letters; what a letter means to a command is up to its handler. The
 * flags stay in the line as words: a reply goes through them in the client's order.
 */

/** Bits of request.metaFlags. */
export const META_FLAG = {
  base64: 1 << 0,
  cas: 1 << 1,
  clientFlags: 1 << 2,
  fetched: 1 << 3,
  key: 1 << 4,
  lastAccess: 1 << 5,
  quiet: 1 << 6,
  size: 1 << 7,
  ttl: 1 << 8,
  noBump: 1 << 9,
  value: 1 << 10,
  removeValue: 1 << 11,
  compareCas: 1 << 12,
  delta: 1 << 13,
  newCas: 1 << 14,
  setClientFlags: 1 << 15,
  invalidate: 1 << 16,
  initial: 1 << 17,
  mode: 1 << 18,
  vivify: 1 << 19,
  opaque: 1 << 20,
  recache: 1 << 21,
  setTtl: 1 << 22,
  /** P and L are for proxies: allowed, and of no meaning to commands. L may hold a traceparent. */
  proxyP: 1 << 23,
  proxyL: 1 << 24,
} as const

/** Letters as bytes, for handlers that go through the flags in order. */
export const META_LETTER = {
  base64: 98,
  cas: 99,
  clientFlags: 102,
  fetched: 104,
  key: 107,
  lastAccess: 108,
  size: 115,
  ttl: 116,
  recache: 82,
  vivify: 78,
  opaque: 79,
  proxyL: 76,
  setTtl: 84,
} as const

const FLAG_BITS = new Int32Array(128)
for (const [letters, bit] of Object.entries({
  b: META_FLAG.base64,
  c: META_FLAG.cas,
  f: META_FLAG.clientFlags,
  h: META_FLAG.fetched,
  k: META_FLAG.key,
  l: META_FLAG.lastAccess,
  q: META_FLAG.quiet,
  s: META_FLAG.size,
  t: META_FLAG.ttl,
  u: META_FLAG.noBump,
  v: META_FLAG.value,
  x: META_FLAG.removeValue,
  C: META_FLAG.compareCas,
  D: META_FLAG.delta,
  E: META_FLAG.newCas,
  F: META_FLAG.setClientFlags,
  I: META_FLAG.invalidate,
  J: META_FLAG.initial,
  M: META_FLAG.mode,
  N: META_FLAG.vivify,
  O: META_FLAG.opaque,
  R: META_FLAG.recache,
  T: META_FLAG.setTtl,
  P: META_FLAG.proxyP,
  L: META_FLAG.proxyL,
})) {
  FLAG_BITS[letters.charCodeAt(0)] = bit
}

/** Flags that need no more than their bit. */
const PLAIN_FLAGS =
  META_FLAG.cas |
  META_FLAG.clientFlags |
  META_FLAG.fetched |
  META_FLAG.key |
  META_FLAG.lastAccess |
  META_FLAG.quiet |
  META_FLAG.size |
  META_FLAG.ttl |
  META_FLAG.noBump |
  META_FLAG.value |
  META_FLAG.removeValue |
  META_FLAG.invalidate |
  META_FLAG.proxyP |
  META_FLAG.proxyL

/** Results of reading the flags that are no LINE. */
const FLAGS_GOOD = -1
const FLAG_UNREADABLE = -2

/** Keys that came in base64, decoded. One is enough: there is one request. */
const decodedKey = Buffer.alloc(KEY_BYTES_MAX + 3)
const scratch = new Uint64()

/** mg, md and ma. */
export function parseMeta(request: Request, buffer: Buffer): number {
  if (request.tokenCount < 2 || !flagsAreLetters(request, buffer, 2)) {
    return fail(request, LINE.badFormat, false)
  }
  const isArithmetic = request.opcode === OPCODE.metaArithmetic
  const problem = readFlags(request, buffer, 2)
  if (problem !== FLAGS_GOOD) {
    return fail(request, isArithmetic ? LINE.invalidOrDuplicateFlag : problem, false)
  }
  if (isArithmetic && !setDirection(request)) return fail(request, LINE.badArithmeticMode, false)
  if (hasLongOpaque(request, buffer)) return fail(request, LINE.opaqueTooLong, false)
  return PARSE_READY
}

/** ms. From the length on, an error throws the data away first. */
export function parseMetaSet(request: Request, buffer: Buffer, end: number): number {
  const valueLength = tokenInt32(request, 2)
  if (
    request.tokenCount < 3 ||
    valueLength < 0 ||
    valueLength > VALUE_LENGTH_MAX ||
    !flagsAreLetters(request, buffer, 3)
  ) {
    return fail(request, LINE.badFormat, false)
  }
  request.valueLength = valueLength
  const problem = readFlags(request, buffer, 3)
  if (problem !== FLAGS_GOOD) return failStorage(request, problem, false)
  if (!setStoreMode(request)) return failStorage(request, LINE.badStoreMode, false)
  const replaces = request.mode === OPCODE.set || request.mode === OPCODE.replace
  if (replaces && (request.metaFlags & META_FLAG.compareCas) !== 0) request.mode = OPCODE.cas
  const status = finishStorage(request, buffer, request.next, end, false)
  // That a value is too large is told before, that it ends badly after an opaque that is too long.
  const isTooLarge = status === PARSE_ERROR && request.refusal === REFUSAL.tooLarge
  if (isTooLarge || !hasLongOpaque(request, buffer)) return status
  request.next = request.valueStart
  return failStorage(request, LINE.opaqueTooLong, false)
}

/** me: only a lone b counts, and only if one more word follows. */
export function parseMetaDebug(request: Request, buffer: Buffer): number {
  if (request.tokenCount < 2 || !flagsAreLetters(request, buffer, 2)) {
    return fail(request, LINE.badFormat, false)
  }
  setKey(request, buffer)
  request.noreply = false
  if (request.keyLength > KEY_BYTES_MAX) return fail(request, LINE.badFormat, false)
  const start = request.tokenStarts[2]!
  const isBase64 =
    request.tokenCount > 3 && request.tokenEnds[2]! - start === 1 && buffer[start] === 98
  if (isBase64 && !decodeKey(request)) return fail(request, LINE.badFormat, false)
  return PARSE_READY
}

/** Every flag begins with a letter, a digit or one of [ \ ] ^ _ `, or the whole line is refused. */
function flagsAreLetters(request: Request, buffer: Buffer, firstFlag: number): boolean {
  for (let index = firstFlag; index < request.tokenCount; index++) {
    const letter = buffer[request.tokenStarts[index]!]!
    const isDigit = letter >= 48 && letter <= 57
    if (!isDigit && (letter < 65 || letter > 122)) return false
  }
  return true
}

/**
 * Reads the key and all flags into the request.
 *
 * @returns FLAGS_GOOD, or the LINE to answer with: of several unreadable arguments the last counts
 */
function readFlags(request: Request, buffer: Buffer, firstFlag: number): number {
  setKey(request, buffer)
  request.noreply = false
  request.firstFlag = firstFlag
  request.metaFlags = 0
  request.clientFlags = 0
  request.exptime = 0
  if (request.keyLength > KEY_BYTES_MAX) return LINE.badFormat
  if (request.tokenCount > META_TOKENS_MAX) return LINE.flagsTooLong
  let given = 0
  let problem: number = FLAGS_GOOD
  for (let index = firstFlag; index < request.tokenCount; index++) {
    const bit = FLAG_BITS[buffer[request.tokenStarts[index]!]!]!
    if (bit === 0) return LINE.invalidFlag
    if ((given & bit) !== 0) return LINE.duplicateFlag
    given |= bit
    if ((bit & PLAIN_FLAGS) !== 0) continue
    const result = readFlag(request, buffer, index, bit)
    // An unreadable F has no line of its own and leaves the one of an earlier flag standing.
    if (result === FLAG_UNREADABLE) problem = problem === FLAGS_GOOD ? LINE.badFormat : problem
    else if (result !== FLAGS_GOOD) problem = result
  }
  request.metaFlags = given
  return problem
}

/** Reads the argument of a flag. Returns FLAGS_GOOD, FLAG_UNREADABLE or a LINE. */
function readFlag(request: Request, buffer: Buffer, index: number, bit: number): number {
  const from = request.tokenStarts[index]! + 1
  const to = request.tokenEnds[index]!
  switch (bit) {
    case META_FLAG.base64:
      return decodeKey(request) ? FLAGS_GOOD : LINE.badBase64
    case META_FLAG.setTtl:
    case META_FLAG.vivify:
    case META_FLAG.recache:
      return readTime(request, buffer, from, to, bit)
    case META_FLAG.setClientFlags: {
      const clientFlags = from === to ? NOT_UINT32 : readUint32(buffer, from, to)
      if (clientFlags === NOT_UINT32) return FLAG_UNREADABLE
      request.clientFlags = clientFlags | 0
      return FLAGS_GOOD
    }
    case META_FLAG.mode:
      // The letter after M, and a byte that is no mode if there is none.
      request.mode = from === to ? 0 : buffer[from]!
      return FLAGS_GOOD
    case META_FLAG.opaque:
      return FLAGS_GOOD
    default:
      return readWide(request, buffer, from, to, bit)
  }
}

function readTime(request: Request, buffer: Buffer, from: number, to: number, bit: number): number {
  const exptime = from === to ? NOT_INT32 : readInt32(buffer, from, to)
  if (exptime === NOT_INT32) return LINE.badToken
  if (bit === META_FLAG.setTtl) request.exptime = exptime
  else if (bit === META_FLAG.vivify) request.vivifyExptime = exptime
  else request.recacheExptime = exptime
  return FLAGS_GOOD
}

/** C, E, D and J have 64-bit arguments. */
function readWide(request: Request, buffer: Buffer, from: number, to: number, bit: number): number {
  const isNumber = readUint64(buffer, from, to, scratch)
  switch (bit) {
    case META_FLAG.compareCas:
      request.casHigh = scratch.high
      request.casLow = scratch.low
      return isNumber ? FLAGS_GOOD : LINE.badToken
    case META_FLAG.newCas:
      request.newCasHigh = scratch.high
      request.newCasLow = scratch.low
      return isNumber ? FLAGS_GOOD : LINE.badToken
    case META_FLAG.initial:
      request.initialHigh = scratch.high
      request.initialLow = scratch.low
      return isNumber ? FLAGS_GOOD : LINE.badInitial
    default:
      request.deltaHigh = scratch.high
      request.deltaLow = scratch.low
      return isNumber ? FLAGS_GOOD : LINE.badDeltaFlag
  }
}

function decodeKey(request: Request): boolean {
  const start = request.keyStart
  const end = start + request.keyLength
  const length = decodeBase64(request.keyBuffer, start, end, decodedKey)
  if (length === 0) return false
  request.keyBuffer = decodedKey
  request.keyStart = 0
  request.keyLength = length
  request.keyHash = hashBytes(request.hashSeed, decodedKey, 0, length)
  return true
}

/** The limit counts the letter O itself. */
function hasLongOpaque(request: Request, buffer: Buffer): boolean {
  if ((request.metaFlags & META_FLAG.opaque) === 0) return false
  for (let index = request.firstFlag; index < request.tokenCount; index++) {
    const start = request.tokenStarts[index]!
    if (buffer[start] === META_LETTER.opaque) {
      return request.tokenEnds[index]! - start > OPAQUE_TOKEN_BYTES_MAX
    }
  }
  return false
}

/** Turns the letter of M into the storage command that it stands for. */
function setStoreMode(request: Request): boolean {
  if ((request.metaFlags & META_FLAG.mode) === 0) {
    request.mode = OPCODE.set
    return true
  }
  switch (request.mode) {
    case 69: // E
      request.mode = OPCODE.add
      return true
    case 65: // A
      request.mode = OPCODE.append
      return true
    case 80: // P
      request.mode = OPCODE.prepend
      return true
    case 82: // R
      request.mode = OPCODE.replace
      return true
    case 83: // S
      request.mode = OPCODE.set
      return true
    default:
      return false
  }
}

/** Turns the letter of M into increment or decrement, and fills in what D and J default to. */
function setDirection(request: Request): boolean {
  const flags = request.metaFlags
  if ((flags & META_FLAG.delta) === 0) {
    request.deltaHigh = 0
    request.deltaLow = 1
  }
  if ((flags & META_FLAG.initial) === 0) {
    request.initialHigh = 0
    request.initialLow = 0
  }
  const letter = (flags & META_FLAG.mode) === 0 ? 73 : request.mode
  // I or +, D or -.
  if (letter === 73 || letter === 43) request.mode = OPCODE.increment
  else if (letter === 68 || letter === 45) request.mode = OPCODE.decrement
  else return false
  return true
}
