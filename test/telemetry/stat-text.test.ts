import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatText } from '../../src/telemetry/stat-text.ts'

test('numbers of any size that can be counted, and more lines than there was room for', () => {
  const values = [0, 9, 10, 4294967295, 4294967296, 10000000000, 123000000456, 2 ** 53 - 1, -3, 0.5]
  const text = new StatText()
  let expected = ''
  for (let round = 0; round < 300; round++) {
    for (const value of values) {
      text.line(`items:${round}:`, 'name', value)
      expected += `STAT items:${round}:name ${value}\r\n`
    }
  }
  const long = 'x'.repeat(200_000)
  text.add(long)
  text.add('END\r\n')
  assert.equal(text.bytes.toString('latin1'), `${expected}${long}END\r\n`)
})
