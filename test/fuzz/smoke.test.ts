import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { testSeed } from '../support/seed.ts'
import { CANARY, FUZZERS } from './fuzz.ts'

const FIXED_SEED = 20_260_101
const random = testSeed()

for (const [name, fuzzer] of Object.entries(FUZZERS)) {
  describe(`the ${name} fuzzer`, () => {
    for (const seed of [FIXED_SEED, random]) {
      test(`finds nothing with seed ${seed}`, async () => {
        console.log(`npm run fuzz -- ${name} ${seed} ${fuzzer.smokeEvents}`)
        const { run } = await fuzzer.load()
        await run(seed, fuzzer.smokeEvents)
      })
    }
  })
}

describe('the runner', () => {
  test(`a planted mistake is found, seed ${random}`, async () => {
    const { run } = await CANARY.load()
    assert.throws(() => run(random, CANARY.smokeEvents), /at event/)
  })

  test('a failure ends it with status 1, and the seed stands first and last', () => {
    const { status, stdout } = fuzz('canary', '5')
    assert.equal(status, 1)
    const lines = stdout.trim().split('\n')
    assert.equal(lines.at(0), 'canary: seed 5, 10000 events')
    assert.equal(lines.at(-1), 'canary: FAILED; again with: npm run fuzz -- canary 5 10000')
  })

  test('success ends it with status 0', () => {
    const { status, stdout } = fuzz('parser', '5', '100')
    assert.equal(status, 0)
    assert.match(stdout, /^parser: seed 5, 100 events\nparser: passed in [\d.]+ s, seed 5\n$/)
  })

  test('without a name that it knows it lists the fuzzers', () => {
    const { status, stdout } = fuzz('nobody')
    assert.equal(status, 64)
    for (const name of [...Object.keys(FUZZERS), 'canary']) assert.match(stdout, RegExp(name))
  })
})

function fuzz(...argv: string[]): { status: number | null; stdout: string } {
  const program = join(import.meta.dirname, 'fuzz.ts')
  return spawnSync(process.execPath, [program, ...argv], { encoding: 'utf8' })
}
