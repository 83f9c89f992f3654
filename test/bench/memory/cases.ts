import type { SizeOf } from '../bulk/command-batch.ts'
import { KEY_BYTES } from '../bulk/command-batch.ts'

/** One kind of items to fill a cache with. */
export interface MemoryCase {
  readonly name: string
  readonly sizeOf: SizeOf
  readonly averageBytes: number
  readonly largestBytes: number
}

const MIXED_MIN = 10
const MIXED_MAX = 10_000
/** Of the logarithm spread evenly between the two: (max - min) / ln(max / min). */
const MIXED_AVERAGE = (MIXED_MAX - MIXED_MIN) / Math.log(MIXED_MAX / MIXED_MIN)
/** Smallest part of its first size that an item may be overwritten with; the largest is 2 less this. */
const OVERWRITTEN_LEAST = 0.5

export const CASES: readonly MemoryCase[] = [
  ...[10, 50, 100, 250, 1000, 10_000].map(fixedCase),
  {
    name: `${MIXED_MIN} to ${MIXED_MAX} mixed`,
    sizeOf: (item, generation) =>
      Math.round(MIXED_MIN * (MIXED_MAX / MIXED_MIN) ** fraction(item, generation)),
    averageBytes: MIXED_AVERAGE,
    largestBytes: MIXED_MAX,
  },
]

/** All of one size first; when overwritten, of half of it to one and a half times. */
function fixedCase(bytes: number): MemoryCase {
  return {
    name: String(bytes),
    sizeOf: (item, generation) =>
      generation === 0
        ? bytes
        : Math.round(bytes * (OVERWRITTEN_LEAST + fraction(item, generation))),
    averageBytes: bytes,
    largestBytes: Math.ceil(bytes * 1.5),
  }
}

/** So many items are half as much again as can fit, whatever an item costs beyond its bytes. */
export function itemsToWrite(memoryMib: number, { averageBytes }: MemoryCase): number {
  return Math.ceil((1.5 * memoryMib * 2 ** 20) / (averageBytes + KEY_BYTES + 30))
}

/** A number in [0, 1) that depends on both in no visible way. */
function fraction(item: number, generation: number): number {
  let x = Math.imul(item + 1, 0x9e3779b1) ^ Math.imul(generation + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39)
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32
}
