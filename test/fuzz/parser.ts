import assert from 'node:assert/strict'
import { META_FLAG } from '../../src/protocol/meta.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import { Parser } from '../../src/protocol/parser.ts'
import type { Request } from '../../src/protocol/request.ts'
import { PARSE_CLOSE, PARSE_ERROR, PARSE_MORE, PARSE_READY } from '../../src/protocol/request.ts'
import { nextKey } from '../../src/protocol/tokens.ts'
import { Random } from '../support/seed.ts'

/**
 * The parser under random input: bytes at random, and lines made by a grammar with mistakes in
 * them. Whatever comes, it must not throw; it must decide by nothing that lies outside of what it was
 * given; and input that arrives in pieces must give the same commands as input that arrives whole.
 */
export function run(seed: number, events: number): void {
  const random = new Random(seed)
  for (let event = 0; event < events; event++) {
    const input = random.chance(0.2) ? randomBytes(random) : randomLines(random)
    const whole = parseWhole(input, 0)
    const context = (): string =>
      `seed ${seed} event ${event}: ${JSON.stringify(input.toString('latin1'))}`
    assert.deepEqual(parseWhole(input, 1), whole, context())
    assert.deepEqual(parsePieces(input, random), whole, context())
  }
}

const ITEM_BYTES_MAX = 2000
const HASH_SEED = 99

/** What surrounds the input: other bytes must not change anything. */
const SURROUNDINGS = ['\r\nnoreply HTTP/ 00000\r\n', '\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff']

/** All commands of the input, each in one line, and what is left over. */
function parseWhole(input: Buffer, surroundings: number): string[] {
  const around = Buffer.from(SURROUNDINGS[surroundings]!, 'latin1')
  const buffer = Buffer.concat([around, input, around])
  let parser = new Parser(HASH_SEED, ITEM_BYTES_MAX, true)
  const found: string[] = []
  const end = around.length + input.length
  let at = around.length
  while (at < end) {
    // What commands before have left in the record must not matter either.
    if (surroundings === 1) parser = new Parser(HASH_SEED, ITEM_BYTES_MAX, true)
    const status = parser.parse(buffer, at, end)
    if (status === PARSE_MORE) break
    found.push(describe(parser.request, status, end))
    if (status === PARSE_CLOSE) return found
    assert.ok(parser.request.next > at && parser.request.next <= end, 'a command takes bytes')
    at = parser.request.next + (status === PARSE_ERROR ? parser.request.swallow : 0)
  }
  found.push(`left ${Math.max(0, end - at)}`)
  return found
}

/** The same, but the input arrives in pieces, and what was parsed is thrown away. */
function parsePieces(input: Buffer, random: Random): string[] {
  const parser = new Parser(HASH_SEED, ITEM_BYTES_MAX, true)
  const found: string[] = []
  let waiting: Buffer = Buffer.alloc(0)
  let swallow = 0
  let from = 0
  while (from < input.length) {
    const to = Math.min(input.length, from + 1 + random.below(random.chance(0.5) ? 3 : 60))
    waiting = Buffer.concat([waiting, input.subarray(from, to)])
    from = to
    let at = 0
    for (;;) {
      const swallowed = Math.min(swallow, waiting.length - at)
      swallow -= swallowed
      at += swallowed
      if (at === waiting.length) break
      const status = parser.parse(waiting, at, waiting.length)
      if (status === PARSE_MORE) break
      found.push(describe(parser.request, status, waiting.length))
      if (status === PARSE_CLOSE) return found
      if (status === PARSE_ERROR) swallow = parser.request.swallow
      at = parser.request.next
    }
    waiting = waiting.subarray(at)
  }
  found.push(`left ${waiting.length}`)
  return found
}

/** Everything a handler could look at, without offsets. */
function describe(request: Request, status: number, end: number): string {
  if (status === PARSE_CLOSE) return 'close'
  if (status === PARSE_ERROR) {
    return `error ${request.errorLine} ${request.swallow} ${request.silent} ${request.refusal}`
  }
  assert.equal(status, PARSE_READY)
  const { opcode, keyBuffer, keyStart, keyLength } = request
  assert.ok(request.lineEnd <= end && request.lineStart <= request.lineEnd)
  const key = keyBuffer.toString('latin1', keyStart, keyStart + keyLength)
  if (opcode <= OPCODE.gats) {
    const exptime = opcode >= OPCODE.gat ? request.exptime : ''
    return `ready ${opcode} ${allKeys(request)} ${exptime}`
  }
  if (opcode >= OPCODE.metaNoop) return `ready ${opcode} ${request.tokenCount} ${request.noreply}`
  return `ready ${opcode} ${key} ${request.keyHash} ${fields(request).join(' ')}`
}

/** What the handler of the opcode reads. */
function fields(request: Request): unknown[] {
  const { opcode, noreply, exptime, metaFlags, valueStart, valueLength } = request
  const delta = [request.deltaHigh, request.deltaLow]
  const cas = [request.casHigh, request.casLow]
  const value = request.buffer.toString('latin1', valueStart, valueStart + valueLength)
  if (opcode === OPCODE.delete || opcode === OPCODE.metaDebug) return [noreply]
  if (opcode === OPCODE.touch) return [noreply, exptime]
  if (opcode === OPCODE.increment || opcode === OPCODE.decrement) return [noreply, metaFlags, delta]
  const found: unknown[] = [metaFlags, exptime, request.clientFlags]
  const isMeta = opcode >= OPCODE.metaGet
  if (opcode <= OPCODE.cas || opcode === OPCODE.metaSet) found.push(request.mode, value, noreply)
  if (opcode === OPCODE.cas || (metaFlags & META_FLAG.compareCas) !== 0) found.push(cas)
  if (isMeta) found.push(request.tokenCount, request.firstFlag)
  if ((metaFlags & META_FLAG.newCas) !== 0) found.push(request.newCasHigh, request.newCasLow)
  if ((metaFlags & META_FLAG.vivify) !== 0) found.push(request.vivifyExptime)
  if ((metaFlags & META_FLAG.recache) !== 0) found.push(request.recacheExptime)
  if (opcode === OPCODE.metaArithmetic) {
    found.push(request.mode, delta, request.initialHigh, request.initialLow)
  }
  return found
}

function allKeys(request: Request): string {
  const keys: string[] = []
  do {
    const { buffer, keyStart, keyLength, keyHash } = request
    keys.push(`${buffer.toString('latin1', keyStart, keyStart + keyLength)}=${keyHash}`)
  } while (nextKey(request, request.keyStart + request.keyLength))
  return keys.join(',')
}

const ALPHABET = 'get sadm 0123456789-+\r\n\r\n\r\nnoreply qvTNFCEb\t\0\xff'

export function randomBytes(random: Random): Buffer {
  const length = random.below(80)
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index++) {
    bytes[index] = random.chance(0.9)
      ? ALPHABET.charCodeAt(random.below(ALPHABET.length))
      : random.below(256)
  }
  return bytes
}

/** Below 2048 bytes, so that no piece of it can be too long for what the whole is not. */
export function randomLines(random: Random): Buffer {
  let text = ''
  const count = 1 + random.below(6)
  for (let line = 0; line < count; line++) text += randomLine(random)
  return Buffer.from(text.slice(0, 2000), 'latin1')
}

const WORDS =
  'get gets gat gats set add replace append prepend cas delete incr decr touch mg ms md ma me mn version verbosity quit flush_all stats watch lru slabs GET foo'.split(
    ' ',
  )
const NUMBERS = [
  '0',
  '1',
  '5',
  '12',
  '007',
  '-1',
  '-',
  '+3',
  'x',
  '1x',
  '2147483647',
  '2147483648',
  '4294967296',
  '99999999999',
  '18446744073709551615',
  '18446744073709551616',
  '1500',
  '1990',
]
const FLAGS = [
  'v',
  'k',
  'q',
  't',
  'c',
  's',
  'f',
  'b',
  'T',
  'N',
  'R',
  'C',
  'E',
  'F',
  'J',
  'D',
  'MA',
  'MI',
  'M-',
  'Oabc',
  'O23456789012345678901234567890123',
  'I',
  'x',
  'S',
  '!',
  'P',
  'noreply',
]

function randomLine(random: Random): string {
  const word = random.pick(WORDS)
  const words = [word]
  const isMeta = /^m[gsdae]$/.test(word)
  if (word.startsWith('gat')) words.push(random.pick(NUMBERS))
  words.push(randomKey(random))
  if (/^(set|add|replace|append|prepend|cas)$/.test(word)) {
    return storageLine(random, word)
  }
  if (word === 'ms') words.push(String(random.below(9)))
  if (isMeta) while (random.chance(0.7)) words.push(randomFlag(random))
  else
    while (random.chance(0.4)) words.push(random.pick([...NUMBERS, 'noreply', randomKey(random)]))
  const data = word === 'ms' ? randomData(random, Number(words[2])) : ''
  return joinWords(random, words) + data
}

function storageLine(random: Random, word: string): string {
  const length = random.chance(0.9) ? String(random.below(9)) : random.pick(NUMBERS)
  const flags = random.chance(0.8) ? '0' : random.pick(NUMBERS)
  const time = random.chance(0.8) ? '60' : random.pick(NUMBERS)
  const words = [word, randomKey(random), flags, time, length]
  if (word === 'cas') words.push(random.pick(NUMBERS))
  if (random.chance(0.3)) words.push('noreply')
  if (random.chance(0.05)) words.splice(1 + random.below(4), 1)
  return joinWords(random, words) + randomData(random, Number.parseInt(length, 10) || 0)
}

function joinWords(random: Random, words: readonly string[]): string {
  const space = random.chance(0.9) ? ' ' : '  '
  const start = random.chance(0.95) ? '' : ' '
  return start + words.join(space) + random.pick(['\r\n', '\r\n', '\r\n', '\n', ' \r\n', '\r\r\n'])
}

function randomData(random: Random, length: number): string {
  const off = random.chance(0.1) ? random.between(-2, 2) : 0
  return (
    'x'.repeat(Math.max(0, Math.min(1500, length) + off)) + (random.chance(0.95) ? '\r\n' : '\n')
  )
}

function randomFlag(random: Random): string {
  const flag = random.pick(FLAGS)
  return /^[TNRCEFJD]$/.test(flag) ? flag + random.pick(NUMBERS) : flag
}

function randomKey(random: Random): string {
  if (random.chance(0.02)) return 'k'.repeat(random.between(249, 252))
  if (random.chance(0.1)) return random.pick(['noreply', 'Zm9v', 'a\tb', '\xff\0', '\r'])
  return `key${random.below(100)}`
}
