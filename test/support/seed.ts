import { randomInt } from 'node:crypto'
import { environment } from './target.ts'

/**
 * A small seeded generator (xorshift on 32 bits), so that every random test can be run again from
 * the number it printed.
 */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed >>> 0
    // Two rounds of mixing, so that neighbouring seeds do not begin alike; zero would stay zero.
    let mixed = Math.imul((seed ^ 0x9e3779b9) >>> 0, 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    this.#state = (mixed ^ (mixed >>> 16)) >>> 0 || 1
  }

  word(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state
  }

  /** A whole number from 0 up to, and without, the bound. */
  below(bound: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * bound)
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.word() < probability * 0x1_0000_0000
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)]
    if (choice === undefined) throw new Error('nothing to pick from')
    return choice
  }
}

/** MEMCKV_TEST_SEED when given, else a new one; whoever takes one prints it. */
export function testSeed(): number {
  const given = environment.MEMCKV_TEST_SEED
  return given === undefined ? randomInt(0x7fff_ffff) : Number(given) >>> 0
}
