import { barPlot } from '../report/plots.ts'
import { markdownList, markdownTable, plotImage, writeSection } from '../report/sections.ts'
import { median } from '../report/statistics.ts'
import type { StartTimes } from './measure.ts'

/** DESIGN's numbers to hold: up to this -m the first, above it the second. */
const SMALL_MIB = 64
const SMALL_GOAL_MILLISECONDS = 300
const LARGE_GOAL_MILLISECONDS = 500

export interface StartResult {
  readonly name: string
  readonly memoryMib: number
  readonly workers: number
  readonly rounds: readonly StartTimes[]
}

const HEAD = ['server', '-m', 'workers', 'first reply', 'ready', 'lowest–highest', 'processor']

export function startTable(results: readonly StartResult[]): string[][] {
  const rows = results.map(({ name, memoryMib, workers, rounds }) => {
    const ready = rounds.map((times) => times.ready)
    return [
      name,
      `${memoryMib} MiB`,
      String(workers),
      median(rounds.map(({ firstReply }) => firstReply)).toFixed(0),
      median(ready).toFixed(0),
      `${Math.min(...ready).toFixed(0)}–${Math.max(...ready).toFixed(0)}`,
      median(rounds.map(({ processor }) => processor)).toFixed(0),
    ]
  })
  return [HEAD, ...rows]
}

function goalMilliseconds(memoryMib: number): number {
  return memoryMib <= SMALL_MIB ? SMALL_GOAL_MILLISECONDS : LARGE_GOAL_MILLISECONDS
}

/** The median farthest from its goal, in words. */
export function startVerdict(results: readonly StartResult[]): string {
  const ours = results
    .filter(({ name }) => name.startsWith('memc-kv'))
    .map((result) => ({
      result,
      ready: median(result.rounds.map((times) => times.ready)),
      goal: goalMilliseconds(result.memoryMib),
    }))
  const worst = ours.toSorted((a, b) => b.ready / b.goal - a.ready / a.goal)[0]
  if (worst === undefined) return ''
  const { name, workers, memoryMib } = worst.result
  const kept = worst.ready <= worst.goal ? 'kept' : 'NOT kept'
  return `Nearest to its goal: ${name} with ${workers} workers and -m ${memoryMib}, ${worst.ready.toFixed(0)} of ${worst.goal} ms: ${kept}.`
}

export interface StartReport {
  readonly results: readonly StartResult[]
  readonly machine: readonly string[]
  readonly command: string
}

export function writeStart({ results, machine, command }: StartReport): void {
  const markdown = [
    markdownList(machine),
    'Milliseconds from the beginning of the process, medians of rounds by turns. *First reply* is that of the data port, *ready* the first 200 of `/readyz`, which memcached does not have; *processor* is the time of all threads until then. By itself the server replaces its process once and finds compiled code of an earlier start; in the image it does neither.',
    plotImage('start', 'ready', 'Milliseconds until ready'),
    markdownTable(startTable(results)),
    startVerdict(results),
    `Repeat it: \`${command}\``,
  ].join('\n\n')
  writeSection('start', markdown, { ready: plot(results) })
}

function plot(results: readonly StartResult[]): string {
  const shapeOf = ({ memoryMib, workers }: StartResult): string => `-m ${memoryMib} -t ${workers}`
  const categories = [...new Set(results.map(shapeOf))]
  const names = [...new Set(results.map(({ name }) => name))]
  return barPlot({
    title: 'From the beginning of the process until it is ready',
    subtitle: 'medians; the goals are 300 ms at -m 64 and 500 ms at -m 8192',
    unit: 'ms',
    categories,
    series: names.map((name) => ({
      name,
      values: categories.map((category) => {
        const found = results.find((result) => result.name === name && shapeOf(result) === category)
        return found === undefined ? null : median(found.rounds.map(({ ready }) => ready))
      }),
    })),
    reference: SMALL_GOAL_MILLISECONDS,
  })
}
