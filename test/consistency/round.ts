import { Random } from '../support/seed.ts'
import type { Recorded, RoundPlan } from './recorder.ts'
import { Recorder } from './recorder.ts'

/** Many clients at a few keys that nobody used before, and all they saw. */
export async function recordRound(
  plan: RoundPlan,
  clients: number,
  name: string,
  random: Random,
): Promise<Recorded[]> {
  const recorders = Array.from(
    { length: clients },
    (_, at) => new Recorder(plan, `${name}${at}`, new Random(random.word())),
  )
  await Promise.all(recorders.map((recorder) => recorder.run()))
  return recorders.flatMap(({ history }) => history)
}
