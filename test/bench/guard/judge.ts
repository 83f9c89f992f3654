import type { Bound } from './bounds.ts'

/** Figures by the names of the bounds; null where the machine cannot measure one. */
export type Measured = ReadonlyMap<string, number | null>

export interface Verdict {
  readonly bound: Bound
  readonly figure: number | null
  readonly kept: boolean
}

/**
 * Every bound against its figure. A figure that is not a number breaks its bound, and so does one
 * that nobody measured; null, for what this machine cannot measure, does not. A figure that has no
 * bound is a mistake of the guard's.
 */
export function judge(bounds: readonly Bound[], measured: Measured): Verdict[] {
  const names = new Set(bounds.map(({ name }) => name))
  for (const name of measured.keys()) {
    if (!names.has(name)) throw new Error(`there is no bound for "${name}"`)
  }
  return bounds.map((bound) => {
    const figure = measured.get(bound.name)
    if (figure === null) return { bound, figure, kept: true }
    return { bound, figure: figure ?? Number.NaN, kept: isKept(bound, figure ?? Number.NaN) }
  })
}

function isKept({ atMost, atLeast }: Bound, figure: number): boolean {
  if (atMost !== undefined) return figure <= atMost
  return atLeast !== undefined && figure >= atLeast
}

export function describeVerdict({ bound, figure, kept }: Verdict): string {
  const { name, unit, atMost, atLeast } = bound
  const limit =
    atMost !== undefined ? `at most ${short(atMost)}` : `at least ${short(atLeast ?? 0)}`
  const state = figure === null ? 'not measurable here' : kept ? 'kept' : 'BROKEN'
  const shown = figure === null ? '-' : short(figure)
  return `${name.padEnd(46)} ${shown.padStart(12)}  ${limit} ${unit}: ${state}`
}

function short(figure: number): string {
  return Number.isInteger(figure) ? String(figure) : figure.toFixed(Math.abs(figure) < 100 ? 2 : 0)
}
