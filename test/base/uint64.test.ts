import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readUint64, Uint64, uint64Less, writeUint64 } from '../../src/base/uint64.ts'
import { Random, testSeed } from '../support/seed.ts'

const random = new Random(testSeed())
console.log(`seed ${random.seed}`)

const MAX = 2n ** 64n - 1n
const EDGES = [
  0n,
  1n,
  9n,
  10n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  999999999999999n,
  1000000000000000n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  9999999999999999999n,
  10000000000000000000n,
  18446744073000000000n,
  18446744073709551614n,
  MAX,
]

function halves(value: bigint): Uint64 {
  const number = new Uint64()
  number.set(Number(value >> 32n), Number(value & 0xffffffffn))
  return number
}

function whole(number: Uint64): bigint {
  return (BigInt(number.high >>> 0) << 32n) | BigInt(number.low >>> 0)
}

function read(text: string): bigint | null {
  const number = new Uint64()
  const bytes = Buffer.from(`x${text}x`)
  return readUint64(bytes, 1, 1 + text.length, number) ? whole(number) : null
}

function write(value: bigint): string {
  const target = Buffer.alloc(30, '#')
  const { high, low } = halves(value)
  const end = writeUint64(target, 3, high, low)
  assert.equal(target.toString('latin1', end), '#'.repeat(30 - end), 'nothing behind the number')
  return target.toString('latin1', 3, end)
}

function numbers(): bigint[] {
  const some = [...EDGES]
  for (let count = 0; count < 3000; count++) {
    const high = BigInt(random.word())
    const low = BigInt(random.word())
    some.push(((high << 32n) | low) >> BigInt(random.below(64)))
  }
  return some
}

describe('uint64', () => {
  it('writes and reads every number as BigInt does', () => {
    for (const value of numbers()) {
      assert.equal(write(value), String(value))
      assert.equal(read(String(value)), value)
    }
  })

  it('reads leading zeros, up to 22 digits in all', () => {
    assert.equal(read('007'), 7n)
    assert.equal(read(`00${MAX}`), MAX)
    assert.equal(read(`000${MAX}`), null)
    assert.equal(read('0'.repeat(22)), 0n)
    assert.equal(read('0'.repeat(23)), null)
  })

  it('refuses what is no number, and what is over 2^64-1', () => {
    const refused = ['', '-1', '+1', '1.5', ' 1', '1 ', 'x', '1x', '12345678901234567x', '1e3']
    refused.push('18446744073709551616', '99999999999999999999', '18446744074000000000')
    for (const text of refused) assert.equal(read(text), null, text)
  })

  it('adds with wrapping, subtracts down to 0, and compares', () => {
    const some = numbers().slice(0, 400)
    for (const [index, a] of some.entries()) {
      const b = some[(index * 7 + 3) % some.length]!
      const sum = halves(a)
      sum.add(halves(b).high, halves(b).low)
      assert.equal(whole(sum), (a + b) & MAX)
      const difference = halves(a)
      difference.subtract(halves(b).high, halves(b).low)
      assert.equal(whole(difference), a > b ? a - b : 0n)
      assert.equal(uint64Less(halves(a).high, halves(a).low, halves(b).high, halves(b).low), a < b)
    }
  })
})
