import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Trace } from './trace.ts'
import { readTraces, scaled } from './trace.ts'
import { generate, generateKvcache, SHAPE_NAMES } from './workloads.ts'

export interface HitCase {
  readonly name: string
  /** Recorded, or made by a seeded generator. The goals of DESIGN.md are for the recorded ones. */
  readonly recorded: boolean
  readonly trace: Trace
  readonly memoryMib: number
}

const MIB = 2 ** 20
const VALUE_BYTES_MAX = 900_000
const KVCACHE_KEYS = 1_000_000
const KVCACHE = 'kvcache'

/** Which cases are wanted, by their names: making one takes a second. */
export type Wanted = (name: string) => boolean

/** Values are made larger or smaller until the distinct ones take `ratio` times the memory. */
export function recordedCases(
  folder: string,
  ratios: readonly number[],
  memoryMib: number,
  wanted: Wanted = () => true,
): HitCase[] {
  return readTraces(folder).flatMap((trace) =>
    ratios.flatMap((ratio) => {
      const name = `${trace.name}, ${ratio}×`
      if (!wanted(name)) return []
      const factor = (ratio * memoryMib * MIB) / trace.distinctBytes
      return [{ name, recorded: true, trace: scaled(trace, factor, VALUE_BYTES_MAX), memoryMib }]
    }),
  )
}

export function generatedCases(
  folder: string,
  requests: number,
  memoryMib: number,
  seed: number,
  wanted: Wanted = () => true,
): HitCase[] {
  const names = SHAPE_NAMES.filter(wanted)
  const traces = names.map((name) => generate(name, requests, seed))
  const kvcache = join(folder, KVCACHE)
  if (existsSync(kvcache) && wanted(KVCACHE))
    traces.push(generateKvcache(kvcache, KVCACHE_KEYS, requests, seed))
  return traces.map((trace) => ({ name: trace.name, recorded: false, trace, memoryMib }))
}
