import { testSeed } from '../support/seed.ts'
import { stressServer } from './server.stress.ts'
import { stressStore } from './store.stress.ts'

/** `npm run test:stress [seconds]`: everything that needs real threads and some time. */
const ROUNDS = 4
const seconds = Number(process.argv[2] ?? 16)
const seed = testSeed()
process.stdout.write(`seed ${seed}\n`)
for (let round = 0; round < ROUNDS; round++) {
  const outcome = await stressStore(seed + round, (seconds * 1000) / ROUNDS)
  process.stdout.write(`store, round ${round + 1}: ${outcome}\n`)
}
for (let round = 0; round < ROUNDS; round++) {
  const outcome = await stressServer(seed + round, (seconds * 1000) / ROUNDS)
  process.stdout.write(`server, round ${round + 1}: ${outcome}\n`)
}
