import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeBase64, encodeBase64 } from '../../src/base/base64.ts'

function decode(text: string): string | null {
  const target = Buffer.alloc(300)
  const length = decodeBase64(Buffer.from(`..${text}..`), 2, 2 + text.length, target)
  return length === 0 ? null : target.toString('latin1', 0, length)
}

describe('base64', () => {
  it('decodes and encodes every length as Buffer does', () => {
    for (let length = 1; length <= 187; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 37 + length) & 255))
      const text = bytes.toString('base64')
      assert.equal(decode(text), bytes.toString('latin1'))
      const target = Buffer.alloc(300)
      const end = encodeBase64(bytes, 0, length, target, 5)
      assert.equal(target.toString('latin1', 5, end), text)
    }
  })

  it('refuses text that is no whole number of groups, or has no letter', () => {
    for (const text of ['', 'A', 'AB', 'ABC', 'ABCDE', '!!!!', '====', 'A===', 'Zm9vA===']) {
      assert.equal(decode(text), null, text)
    }
  })

  it('passes over foreign bytes and stops after the padding, as memcached does', () => {
    assert.equal(decode('Zm!9v'), 'foo')
    assert.equal(decode('Zg==Zm9v'), 'f')
  })
})
