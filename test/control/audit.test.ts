import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { Audit } from '../../src/control/audit.ts'

test('a login whose line found no room has one the next time', () => {
  const lines: { user: string; leftOut?: number }[] = []
  let now = 0
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const audit = new Audit(log, () => now)
  for (let user = 0; user < 15; user++) audit.accepted(`user ${user}`, '10.0.0.1', 'password')
  assert.equal(lines.length, 10)
  now = 1000
  audit.accepted('user 14', '10.0.0.1', 'password')
  audit.accepted('user 0', '10.0.0.1', 'password')
  assert.deepEqual(
    lines.slice(10).map(({ user, leftOut }) => ({ user, leftOut })),
    [{ user: 'user 14', leftOut: 5 }],
  )
})
