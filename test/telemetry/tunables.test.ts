import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachStatsMemory, createStatsMemory } from '../../src/telemetry/stats-memory.ts'
import { hashPowerLevel, TUNABLE, thousandths } from '../../src/telemetry/tunables.ts'
import { testConfig } from './stats-source.ts'

test('the hash power level grows at 1.5 items per bucket and never shrinks', async () => {
  const { compat } = await testConfig()
  const { tunables } = attachStatsMemory(createStatsMemory(compat))
  assert.equal(hashPowerLevel(tunables, 0), 16)
  assert.equal(hashPowerLevel(tunables, 98304), 16)
  assert.equal(hashPowerLevel(tunables, 98305), 17)
  assert.equal(hashPowerLevel(tunables, 131072), 17)
  assert.equal(hashPowerLevel(tunables, 1000000), 20)
  assert.equal(hashPowerLevel(tunables, 0), 20)
})

test('-o hashpower is where it starts', async () => {
  const { compat } = await testConfig(['-o', 'hashpower=20'])
  const { tunables } = attachStatsMemory(createStatsMemory(compat))
  assert.equal(hashPowerLevel(tunables, 100000), 20)
})

test('every thread sees the same words', async () => {
  const { compat } = await testConfig()
  const shared = createStatsMemory(compat)
  attachStatsMemory(shared).tunables[TUNABLE.lruCrawlerSleep] = 5
  assert.equal(attachStatsMemory(shared).tunables[TUNABLE.lruCrawlerSleep], 5)
})

test('a factor too large for its word is cut', () => {
  assert.equal(thousandths(0.8), 800)
  assert.equal(thousandths(1e300), 0x7fffffff)
})
