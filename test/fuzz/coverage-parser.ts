import assert from 'node:assert/strict'
import { META_FLAG } from '../../src/protocol/meta.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import { Parser } from '../../src/protocol/parser.ts'
import type { Request } from '../../src/protocol/request.ts'
import { PARSE_CLOSE, PARSE_ERROR, PARSE_MORE, PARSE_READY } from '../../src/protocol/request.ts'
import { Scout } from '../../src/protocol/scout.ts'
import { nextKey } from '../../src/protocol/tokens.ts'
import { Random } from '../support/seed.ts'

/** So that no piece of an input can be too long a line for what the whole is not. */
export const PARSER_INPUT_BYTES_MAX = 2000

const HASH_SEED = 99
const ITEM_BYTES_MAX = 2000
const ROOM = 64

/**
 * The parser alone: whole between one pair of surroundings and another, and in pieces, an input must
 * give the same commands. What a command is is folded into one number, because that is fast.
 */
export class ParserTarget {
  readonly #parser = new Parser(HASH_SEED, ITEM_BYTES_MAX, true)
  readonly #piecewise = new Parser(HASH_SEED, ITEM_BYTES_MAX, true)
  readonly #scout = new Scout(HASH_SEED)
  readonly #buffers = ['\r\nnoreply HTTP/ 0 ', '\0\xff'].map((text) =>
    Buffer.alloc(PARSER_INPUT_BYTES_MAX + 2 * ROOM, text, 'latin1'),
  )
  readonly #waiting = Buffer.alloc(PARSER_INPUT_BYTES_MAX + ROOM)
  readonly #surroundings = this.#buffers.map((buffer) => Buffer.from(buffer))

  check(input: Buffer, seed: number): Iterable<string> {
    const random = new Random(seed)
    const [first, second] = this.#buffers.map((buffer, index) => {
      // What the input before has left is not to be told from it.
      this.#surroundings[index]!.copy(buffer)
      input.copy(buffer, ROOM)
      return buffer
    }) as [Buffer, Buffer]
    const end = ROOM + input.length
    const whole = this.#fold(this.#parser, first, end)
    assert.equal(this.#fold(this.#parser, second, end), whole, 'it depends on other bytes')
    assert.equal(this.#pieces(input, random), whole, 'it depends on where reads end')
    this.#lookAhead(first, end)
    this.#login(first, end)
    return []
  }

  /** All commands of buffer[ROOM, end) as one number. */
  #fold(parser: Parser, buffer: Buffer, end: number): number {
    const { request } = parser
    let hash = 1
    for (let at = ROOM; at < end; ) {
      const status = parser.parse(buffer, at, end)
      if (status === PARSE_MORE) return fold(hash, end - at)
      hash = foldCommand(hash, request, status)
      if (status === PARSE_CLOSE) return hash
      assert.ok(request.next > at && request.next <= end, 'a command takes bytes')
      if (status === PARSE_READY) checkLine(parser, buffer, at)
      at = request.next + (status === PARSE_ERROR ? request.swallow : 0)
    }
    return fold(hash, 0)
  }

  /** The same, but the input arrives in pieces, and what was parsed is thrown away. */
  #pieces(input: Buffer, random: Random): number {
    const parser = this.#piecewise
    const { request } = parser
    const waiting = this.#waiting
    const most = random.chance(0.2) ? 3 : 80
    let hash = 1
    let length = 0
    let swallow = 0
    for (let from = 0; from < input.length; ) {
      const to = Math.min(input.length, from + 1 + random.below(most))
      input.copy(waiting, length, from, to)
      length += to - from
      from = to
      let at = 0
      while (at < length) {
        const swallowed = Math.min(swallow, length - at)
        swallow -= swallowed
        at += swallowed
        if (at === length) break
        const status = parser.parse(waiting, at, length)
        if (status === PARSE_MORE) break
        hash = foldCommand(hash, request, status)
        if (status === PARSE_CLOSE) return hash
        if (status === PARSE_ERROR) swallow = request.swallow
        at = request.next
      }
      waiting.copyWithin(0, at, length)
      length -= at
    }
    return fold(hash, length)
  }

  /** The look ahead only guesses, but it must end, and stay inside. */
  #lookAhead(buffer: Buffer, end: number): void {
    let at = ROOM
    while (at < end) {
      const next = this.#scout.lookAtCommands(buffer, at, end)
      assert.ok(next > at, 'the scout moves on')
      assert.ok(this.#scout.count <= this.#scout.hashes.length)
      at = next
    }
  }

  #login(buffer: Buffer, end: number): void {
    const parser = this.#parser
    for (let at = ROOM; at < end; ) {
      const status = parser.parseAuth(buffer, at, end)
      if (status === PARSE_MORE || status === PARSE_CLOSE) return
      assert.ok(parser.request.next > at && parser.request.next <= end, 'a login takes bytes')
      at = parser.request.next
    }
  }
}

/** A large value's line is read a second time, without the value: it must say the same. */
function checkLine(parser: Parser, buffer: Buffer, start: number): void {
  const { request } = parser
  const { opcode, valueStart, valueLength, keyHash, mode, exptime, clientFlags, next } = request
  if (!(opcode >= OPCODE.set && opcode <= OPCODE.cas) && opcode !== OPCODE.metaSet) return
  assert.equal(parser.parseLine(buffer, start, valueStart), PARSE_READY)
  assert.equal(request.opcode, opcode)
  assert.equal(request.valueLength, valueLength)
  assert.equal(request.keyHash, keyHash)
  assert.equal(request.mode, mode)
  assert.equal(request.exptime, exptime)
  assert.equal(request.clientFlags, clientFlags)
  request.next = next
}

function fold(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15)
}

function foldBytes(hash: number, buffer: Buffer, from: number, length: number): number {
  let folded = fold(hash, length)
  for (let at = from; at < from + length; at++) folded = fold(folded, buffer[at]!)
  return folded
}

/** Everything a handler could look at, without offsets. */
function foldCommand(start: number, request: Request, status: number): number {
  let hash = fold(start, status)
  if (status === PARSE_CLOSE) return hash
  if (status === PARSE_ERROR) {
    const { errorLine, swallow, silent, refusal } = request
    return fold(fold(fold(fold(hash, errorLine), swallow), Number(silent)), refusal)
  }
  const { opcode } = request
  hash = fold(hash, opcode)
  if (opcode <= OPCODE.gats) return foldKeys(hash, request)
  if (opcode >= OPCODE.metaNoop) {
    return fold(fold(hash, request.tokenCount), Number(request.noreply))
  }
  hash = foldBytes(hash, request.keyBuffer, request.keyStart, request.keyLength)
  hash = fold(fold(hash, request.keyHash), Number(request.noreply))
  if (opcode === OPCODE.delete || opcode === OPCODE.metaDebug) return hash
  if (opcode === OPCODE.touch) return fold(hash, request.exptime)
  hash = fold(hash, request.metaFlags)
  if (opcode === OPCODE.increment || opcode === OPCODE.decrement) {
    return fold(fold(hash, request.deltaHigh), request.deltaLow)
  }
  return foldArguments(hash, request)
}

function foldKeys(start: number, request: Request): number {
  let hash = request.opcode >= OPCODE.gat ? fold(start, request.exptime) : start
  do {
    hash = foldBytes(hash, request.buffer, request.keyStart, request.keyLength)
    hash = fold(hash, request.keyHash)
  } while (nextKey(request, request.keyStart + request.keyLength))
  return hash
}

function foldArguments(start: number, request: Request): number {
  const { opcode, metaFlags } = request
  let hash = fold(fold(start, request.exptime), request.clientFlags)
  if (opcode <= OPCODE.cas || opcode === OPCODE.metaSet) {
    hash = fold(hash, request.mode)
    hash = foldBytes(hash, request.buffer, request.valueStart, request.valueLength)
  }
  if (opcode === OPCODE.cas || (metaFlags & META_FLAG.compareCas) !== 0) {
    hash = fold(fold(hash, request.casHigh), request.casLow)
  }
  if (opcode < OPCODE.metaGet) return hash
  hash = fold(fold(hash, request.tokenCount), request.firstFlag)
  if ((metaFlags & META_FLAG.newCas) !== 0) {
    hash = fold(fold(hash, request.newCasHigh), request.newCasLow)
  }
  if ((metaFlags & META_FLAG.vivify) !== 0) hash = fold(hash, request.vivifyExptime)
  if ((metaFlags & META_FLAG.recache) !== 0) hash = fold(hash, request.recacheExptime)
  if (opcode === OPCODE.metaArithmetic) {
    hash = fold(fold(fold(hash, request.mode), request.deltaHigh), request.deltaLow)
    hash = fold(fold(hash, request.initialHigh), request.initialLow)
  }
  return hash
}
