import { escapeBytes } from '../support/escape.ts'
import { Random } from '../support/seed.ts'
import type { Edges } from './coverage-edges.ts'
import { mutate, randomInput } from './coverage-inputs.ts'

/** Something to feed with bytes. `check` throws when it finds something, and says what it went through. */
export interface Target {
  check(input: Buffer, seed: number): Iterable<string>
}

export interface SearchOptions {
  readonly name: string
  readonly seed: number
  readonly inputs: number
  readonly inputBytesMax: number
}

/** Share of inputs that are made anew instead of from a kept one. */
const NEW_SHARE = 0.15
const CORPUS_MAX = 4000
/** What was kept last is the least explored. */
const RECENT = 50

/**
 * The search: inputs come from a grammar and from changes of those kept before, and one is kept when it
 * went where none has been. The same seed and number make the same search.
 */
export class Search {
  readonly corpus: Buffer[] = []
  readonly #target: Target
  readonly #edges: Edges
  readonly #options: SearchOptions
  readonly #random: Random
  readonly #features = new Set<string>()

  constructor(target: Target, edges: Edges, options: SearchOptions) {
    this.#target = target
    this.#edges = edges
    this.#options = options
    this.#random = new Random(options.seed)
  }

  run(): void {
    for (let left = this.#options.inputs; left > 0; left--) {
      const input = this.#next()
      if (this.#try(input, this.#random.word())) this.#keep(input)
    }
  }

  #next(): Buffer {
    const random = this.#random
    const { inputBytesMax } = this.#options
    if (this.corpus.length === 0 || random.chance(NEW_SHARE)) {
      return randomInput(random, inputBytesMax)
    }
    const from = random.chance(0.5) ? this.#pick() : this.#pickRecent()
    return mutate(random, from, this.#pick(), inputBytesMax)
  }

  #pick(): Buffer {
    return this.#random.pick(this.corpus)
  }

  #pickRecent(): Buffer {
    const from = Math.max(0, this.corpus.length - RECENT)
    return this.corpus[this.#random.between(from, this.corpus.length - 1)]!
  }

  /** True when it went where none has been. */
  #try(input: Buffer, seed: number): boolean {
    this.#edges.clear()
    try {
      let isNew = false
      for (const feature of this.#target.check(input, seed)) {
        if (this.#features.has(feature)) continue
        this.#features.add(feature)
        isNew = true
      }
      return this.#edges.isNew() || isNew
    } catch (error) {
      const { stack } = error as Error
      const { name } = this.#options
      throw new Error(
        `${name}: an input with seed ${seed}, ${escapeBytes(input, 100_000)}\n` +
          `in base64 ${input.toString('base64')}\n${stack}`,
      )
    }
  }

  #keep(input: Buffer): void {
    if (this.corpus.length < CORPUS_MAX) this.corpus.push(input)
    else this.corpus[this.#random.below(CORPUS_MAX)] = input
  }
}
