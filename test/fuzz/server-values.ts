import { Random } from '../support/seed.ts'

/**
 * Values of any size that cost nothing to keep: a value is a list of pieces, and a piece is a view
 * of one pool of random bytes, or a few bytes of its own. What looks like the protocol is scattered
 * over the pool. There are no digits in it, so nothing made of it can be counted up.
 */
export type Value = readonly Buffer[]

const POOL_BYTES = 4 * 1024 * 1024
const LINES = [
  'END\r\n',
  'VALUE ',
  'STORED\r\n',
  '\r\n',
  '\n',
  'get k\r\n',
  'mn\r\n',
  '\0\0\0',
  'VA ',
]

const pool = makePool()

function makePool(): Buffer {
  const random = new Random(1)
  const bytes = Buffer.alloc(POOL_BYTES)
  for (let at = 0; at < POOL_BYTES; at += 4) bytes.writeUInt32LE(random.word(), at)
  for (let at = 0; at < POOL_BYTES - 16; at += random.below(4000)) {
    bytes.write(random.pick(LINES), at, 'latin1')
  }
  for (let at = 0; at < POOL_BYTES; at++) {
    const byte = bytes[at]!
    if (byte >= 48 && byte <= 57) bytes[at] = byte + 64
  }
  return bytes
}

/** A piece of the pool. */
export function poolPiece(random: Random, length: number): Buffer {
  return pieceAt(random.word(), length)
}

/** The piece that a number names: the same for the same number and length. */
export function pieceAt(word: number, length: number): Buffer {
  const at = word % (POOL_BYTES - length + 1)
  return pool.subarray(at, at + length)
}

export function valueLength(value: Value): number {
  let length = 0
  for (const piece of value) length += piece.length
  return length
}

export function isValue(data: Buffer, value: Value): boolean {
  let at = 0
  for (const piece of value) {
    const end = at + piece.length
    if (end > data.length || piece.compare(data, at, end) !== 0) return false
    at = end
  }
  return at === data.length
}

export function valueText(value: Value): string {
  return Buffer.concat(value).toString('latin1')
}

/** memcached's size of an item, by which -I goes. */
export function itemBytes(keyLength: number, length: number, flags: number): number {
  return 48 + 8 + 1 + 2 + keyLength + length + (flags === 0 ? 0 : 4)
}

export const ITEM_BYTES_MAX = 1024 * 1024

/** Sizes at which the server does something else: pages, uploads, buffers, the reply's room. */
const EDGES = [8192, 8192, 16384, 24576, 32768, 65536, 65536, 81920, 131072]

/** @param most no value is longer */
export function valueSize(random: Random, most: number): number {
  const roll = random.below(100)
  let size: number
  if (roll < 55) size = random.below(300)
  else if (roll < 70) size = random.below(2500)
  else if (roll < 78) size = random.below(9000)
  else if (roll < 90) size = random.pick(EDGES) + random.between(-40, 40) - random.below(2) * 300
  else if (roll < 97) size = random.below(200_000)
  else size = random.below(ITEM_BYTES_MAX - 400)
  return Math.min(size, most)
}
