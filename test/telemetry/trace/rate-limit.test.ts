import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateLimit } from '../../../src/telemetry/trace/rate-limit.ts'

test('under lasting load each second tells what was left out in the one before', () => {
  const limit = new RateLimit(2, 1000)
  const told: number[] = []
  let taken = 0
  // Five a second for three seconds, as the drain of a ring brings them: first all, then the question.
  for (let second = 0; second < 3; second++) {
    for (let index = 0; index < 5; index++) if (limit.take(second * 1000 + index)) taken++
    told.push(limit.leftOut(second * 1000 + 10))
  }
  assert.equal(taken, 6)
  assert.deepEqual(told, [0, 3, 3])
  assert.equal(limit.leftOut(Number.POSITIVE_INFINITY), 3)
})
