import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { testSeed } from '../support/seed.ts'
import { environment, target } from '../support/target.ts'
import { compareServers, describe } from './differential.ts'

/**
 * The binary to compare with: the target of the wire tests, MEMCKV_TEST_PEER, or Debian's. A machine
 * without one skips this; `.ci/run` installs Debian's and runs a longer comparison besides.
 */
const peer = [
  target.kind === 'memcached' ? target.binary : undefined,
  environment.MEMCKV_TEST_PEER,
  '/usr/bin/memcached',
].find((path) => path !== undefined && existsSync(path))

const EVENTS = 4_000

test('seeded command streams are answered as memcached answers them', {
  skip: peer === undefined ? 'no memcached here to compare with' : false,
}, async (context) => {
  if (peer === undefined) return
  const seed = testSeed()
  context.diagnostic(`seed ${seed}`)
  const differences = await compareServers({ seed, events: EVENTS, peer })
  assert.equal(
    differences.length,
    0,
    `node test/differential/differential.ts --seed ${seed} --events ${EVENTS} --peer ${peer}\n${differences
      .map(describe)
      .join('\n')}`,
  )
})
