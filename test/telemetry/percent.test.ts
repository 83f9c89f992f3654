import assert from 'node:assert/strict'
import { test } from 'node:test'
import { percentEncode } from '../../src/telemetry/percent.ts'

test('what is unreserved stays, everything else is coded in capitals', () => {
  const key = Buffer.from('aZ09-._~ /%\xff\r\n\0:', 'latin1')
  assert.equal(percentEncode(key, 0, key.length), 'aZ09-._~%20%2F%25%FF%0D%0A%00%3A')
})

test('only the part asked for is coded, and at most three times as long', () => {
  const key = Buffer.alloc(252, 0xee)
  assert.equal(percentEncode(key, 1, 251), '%EE'.repeat(250))
})
