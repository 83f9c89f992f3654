import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { copyBytes, decimalLength, writePadded, writeUint32 } from '../../src/base/bytes.ts'

describe('bytes', () => {
  it('writes every uint32 at the edges of its digits', () => {
    const values = [0, 5, 4294967295, 4294967294, 2147483647, 2147483648, 4200000000]
    for (let power = 1; power < 2 ** 32; power *= 10) values.push(power - 1, power, power + 1)
    for (const value of values) {
      const target = Buffer.alloc(14, '#')
      const end = writeUint32(target, 1, value)
      assert.equal(target.toString('latin1'), `#${value}`.padEnd(14, '#'))
      assert.equal(end, 1 + String(value).length)
      if (value < 2 ** 31) assert.equal(decimalLength(value), String(value).length)
    }
  })

  it('pads with zeros', () => {
    const target = Buffer.alloc(6)
    assert.equal(writePadded(target, 0, 42, 5), 5)
    assert.equal(target.toString('latin1', 0, 5), '00042')
  })

  it('copies short and long pieces alike', () => {
    const source = Buffer.from(Array.from({ length: 200 }, (_, index) => index))
    for (const length of [0, 1, 39, 40, 41, 150]) {
      const target = Buffer.alloc(200)
      assert.equal(copyBytes(source, 7, 7 + length, target, 3), 3 + length)
      assert.deepEqual(target.subarray(3, 3 + length), source.subarray(7, 7 + length))
      assert.ok(target.subarray(3 + length).every((byte) => byte === 0))
    }
  })
})
