import assert from 'node:assert/strict'
import { pieceAt } from '../fuzz/server-values.ts'
import type { Random } from '../support/seed.ts'

/**
 * A value is one or more records, and each says under which key it was stored and what follows: so
 * whatever is read can be judged without knowing who wrote it, or when.
 */
const HEAD_BYTES_MAX = 300

export function makeRecord(random: Random, key: string, length: number): Buffer {
  const word = random.word()
  return Buffer.concat([Buffer.from(`${key} ${word} ${length}\n`), pieceAt(word, length)])
}

export function judgeValue(key: string, value: Buffer): void {
  for (let at = 0; at < value.length; ) {
    const end = value.subarray(0, at + HEAD_BYTES_MAX).indexOf(10, at)
    const head = value.toString('latin1', at, Math.max(end, at))
    const [owner, word, length] = head.split(' ')
    assert.equal(owner, key, `at ${at} of ${value.length}: the value of another key, or none`)
    const start = end + 1
    const wanted = pieceAt(Number(word), Number(length))
    at = start + wanted.length
    assert.ok(value.subarray(start, at).equals(wanted), `a torn value of ${key}: ${head}`)
  }
}

const SMALL_SHARE = 0.85
const MEDIUM_SHARE = 0.13
const LARGEST_BYTES = 1024 * 1024 - 400

/** From 10 bytes to nearly 1 MiB: nearly all small, and most of the memory in the large ones. */
export function recordLength(random: Random): number {
  const roll = random.word() / 0x1_0000_0000
  if (roll < SMALL_SHARE) return logUniform(random, 10, 4000)
  if (roll < SMALL_SHARE + MEDIUM_SHARE) return logUniform(random, 4000, 65_536)
  return logUniform(random, 65_536, LARGEST_BYTES)
}

function logUniform(random: Random, low: number, high: number): number {
  return Math.floor(low * (high / low) ** (random.word() / 0x1_0000_0000))
}
