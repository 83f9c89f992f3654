import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareServers, describe } from '../differential/differential.ts'
import { testSeed } from '../support/seed.ts'

test("seeded command streams are answered as Debian's memcached answers them", async (context) => {
  const seed = testSeed()
  context.diagnostic(`seed ${seed}`)
  const differences = await compareServers({ seed, events: 20_000, peer: '/usr/bin/memcached' })
  assert.equal(
    differences.length,
    0,
    `seed ${seed}, peer /usr/bin/memcached\n${differences.map(describe).join('\n')}`,
  )
})
