import { it } from 'node:test'
import { testSeed } from '../support/seed.ts'
import { run } from './parser.ts'

it('the parser gives the same for whole and for cut input', () => {
  const seed = testSeed()
  console.log(`seed ${seed}`)
  run(seed, 20000)
})
