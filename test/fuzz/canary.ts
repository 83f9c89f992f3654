import assert from 'node:assert/strict'
import { Random } from '../support/seed.ts'

/**
 * A fuzzer that must fail, or the others prove nothing: the map under test forgets a key now and
 * then, as an eviction policy with a mistake would. It fails for every seed with enough events.
 */
export function run(seed: number, events: number): void {
  const random = new Random(seed)
  const tested = new Map<number, number>()
  const model = new Map<number, number>()
  for (let event = 0; event < events; event++) {
    const key = random.below(50)
    if (random.chance(0.5)) {
      model.set(key, event)
      tested.set(key, event)
      if (random.chance(0.02)) tested.delete(random.below(50))
    } else {
      assert.equal(tested.get(key), model.get(key), `key ${key} at event ${event}`)
    }
  }
}
