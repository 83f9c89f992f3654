import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Trace } from './trace.ts'
import { makeTrace } from './trace.ts'

/** Seeded requests of known shapes, for what the recorded traces do not have. */
const KEYS = 300_000
const FRESH_FROM = 10_000_000
const VALUE_BYTES_MAX = 900_000

export type Random = () => number

/** A number in [0, 1): the same ones for the same seed. */
export function createRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    const mixed = Math.imul(state ^ (state >>> 15), state | 1)
    const again = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61))
    return ((again ^ (again >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Draws places by weight. */
class Weights {
  readonly #sums: Float64Array

  constructor(weights: ArrayLike<number>) {
    this.#sums = new Float64Array(weights.length)
    let sum = 0
    for (let at = 0; at < weights.length; at++) {
      sum += weights[at]!
      this.#sums[at] = sum
    }
  }

  static zipf(count: number, skew: number): Weights {
    return new Weights(Float64Array.from({ length: count }, (_, rank) => (rank + 1) ** -skew))
  }

  draw(random: Random): number {
    const sums = this.#sums
    const wanted = random() * sums.at(-1)!
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

type Shape = (random: Random) => { idOf: (at: number) => number; sizeOf?: (id: number) => number }

/** Value sizes are log-normal, median 230 bytes, where a shape does not say otherwise. */
const SHAPES: Readonly<Record<string, Shape>> = {
  'zipf-0.7': (random) => zipfOver(2 * KEYS, 0.7, random),
  'zipf-0.9': (random) => zipfOver(2 * KEYS, 0.9, random),
  'equal-sizes': (random) => ({ ...zipfOver(2 * KEYS, 0.9, random), sizeOf: () => 300 }),
  /** A third is asked for once and never again. */
  'one-hit': (random) => mixedWith(random, 0.3, (at) => FRESH_FROM + at),
  loop: (random) => mixedWith(random, 0.5, (at) => FRESH_FROM + (at % (2 * KEYS))),
  /** The newest keys are the most popular. */
  newest: (random) => {
    const ranks = Weights.zipf(KEYS, 0.9)
    return { idOf: (at) => FRESH_FROM + Math.floor(at * 0.3) - ranks.draw(random) }
  },
  /** Which keys are popular changes from one request to the next. */
  shifts: (random) => {
    const ranks = Weights.zipf(KEYS, 1)
    return { idOf: (at) => (ranks.draw(random) + Math.floor(at / 100_000) * 97_003) % KEYS }
  },
  'popular-are-large': (random) => ({
    ...zipfOver(KEYS, 0.9, random),
    sizeOf: (id) => Math.round(Math.max(40, 4000 - id / 20) * (0.5 + random())),
  }),
  /** Tiny values that nobody reads, among large ones that are read. */
  'small-are-useless': (random) => ({
    ...mixedWith(random, 0.3, (at) => FRESH_FROM + at, KEYS / 5),
    sizeOf: (id) => (id >= FRESH_FROM ? 20 : logNormal(random, 3000, 0.6)),
  }),
  /** A fiftieth of the requests is for two hundred values of 200 to 500 kB. */
  'few-huge': (random) => {
    const huge = Weights.zipf(200, 0.8)
    return {
      ...mixedWith(random, 0.02, () => FRESH_FROM + huge.draw(random)),
      sizeOf: (id) =>
        id >= FRESH_FROM ? 200_000 + Math.floor(random() * 300_000) : logNormal(random, 230, 1),
    }
  },
}

export const SHAPE_NAMES: readonly string[] = Object.keys(SHAPES)

export function generate(name: string, requests: number, seed: number): Trace {
  const random = createRandom(seed)
  const shape = SHAPES[name]?.(random)
  if (shape === undefined) throw new Error(`no workload ${name}; there are ${SHAPE_NAMES}`)
  return build(name, requests, shape.idOf, shape.sizeOf ?? (() => logNormal(random, 230, 1)))
}

/** Meta's distributions (popularity and sizes) over `keys` keys. */
export function generateKvcache(
  folder: string,
  keys: number,
  requests: number,
  seed: number,
): Trace {
  const random = createRandom(seed)
  const popularity = readJson<Popularity>(join(folder, 'pop.json'))
  const sizes = readJson<Sizes>(join(folder, 'sizes.json'))
  const counts = popularity.popularityBuckets
  const scale = keys / counts.reduce((sum, count) => sum + count, 0)
  const starts = [0]
  for (const count of counts) starts.push(starts.at(-1)! + count * scale)
  const buckets = new Weights(popularity.popularityWeights)
  const ranges = new Weights(sizes.valSizeRangeProbability)
  const bounds = sizes.valSizeRange
  const idOf = (): number => {
    const bucket = buckets.draw(random)
    return Math.floor(starts[bucket]! + random() * (starts[bucket + 1]! - starts[bucket]!))
  }
  const sizeOf = (): number => {
    const range = ranges.draw(random)
    const low = bounds[range]!
    return Math.round(low + random() * ((bounds[range + 1] ?? low) - low))
  }
  return build('kvcache', requests, idOf, sizeOf)
}

function build(
  name: string,
  requests: number,
  idOf: (at: number) => number,
  sizeOf: (id: number) => number,
): Trace {
  const ids = new Int32Array(requests)
  const sizes = new Int32Array(requests)
  const known = new Map<number, number>()
  for (let at = 0; at < requests; at++) {
    const id = idOf(at)
    let size = known.get(id)
    if (size === undefined) {
      size = Math.min(VALUE_BYTES_MAX, Math.max(1, sizeOf(id)))
      known.set(id, size)
    }
    ids[at] = id
    sizes[at] = size
  }
  return makeTrace(name, ids, sizes)
}

function zipfOver(keys: number, skew: number, random: Random): { idOf: () => number } {
  const ranks = Weights.zipf(keys, skew)
  return { idOf: () => ranks.draw(random) }
}

/** A share of the requests is for others than the popular keys. */
function mixedWith(
  random: Random,
  share: number,
  other: (at: number) => number,
  keys = KEYS,
): { idOf: (at: number) => number } {
  const ranks = Weights.zipf(keys, 0.9)
  return { idOf: (at) => (random() < share ? other(at) : ranks.draw(random)) }
}

function logNormal(random: Random, median: number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.max(16, Math.min(median * 36, Math.round(median * Math.exp(sigma * normal))))
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

interface Popularity {
  readonly popularityWeights: readonly number[]
  readonly popularityBuckets: readonly number[]
}

interface Sizes {
  readonly valSizeRange: readonly number[]
  readonly valSizeRangeProbability: readonly number[]
}
