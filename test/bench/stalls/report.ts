import { barPlot } from '../report/plots.ts'
import { markdownList, markdownTable, plotImage, writeSection } from '../report/sections.ts'
import { textTable } from '../report/statistics.ts'
import type { PlainHistogram } from './log-histogram.ts'
import { LogHistogram } from './log-histogram.ts'
import type { StallResult } from './measure.ts'

const GOAL_MILLISECONDS = 2
const GC_KINDS: Readonly<Record<string, string>> = {
  1: 'minor',
  2: 'minor mark-sweep',
  4: 'major',
  8: 'incremental step',
  16: 'weak callbacks',
}

/** What is measured in each thread, in the words of the table. */
const ROWS = [
  ['event loop late', 'loopDelay'],
  ['… busy itself', 'busyLoopDelay'],
  ['one read, its commands and its write', 'readTurn'],
  ['… busy itself', 'busyReadTurn'],
  ['a lock held', 'hold'],
  ['… busy itself', 'busyHold'],
  ['waiting for a lock', 'wait'],
  ['lock and room for a write', 'makeRoom'],
  ['garbage collection', 'pauses'],
] as const

export function printStalls(result: StallResult): void {
  for (const line of describeRun(result)) console.log(line)
  for (const rows of tables(result)) {
    console.log('')
    console.log(textTable(rows))
  }
  console.log(`\n${verdict(result)}`)
}

export function writeStalls(result: StallResult, machine: readonly string[]): void {
  const { plan } = result
  const command = `npm run bench:stalls -- --memory ${plan.memoryMib} --workers ${plan.workers} --rate ${plan.commandsPerSecond} --connections ${plan.connections} --warm-up ${plan.warmUpSeconds} --seconds ${plan.seconds} --seed ${plan.seed}`
  const markdown = [
    markdownList(machine),
    describeRun(result).join(' '),
    '"Busy itself" is the part that the thread can have caused: it was using a processor meanwhile. The rest it was ready and the machine ran something else. Collections are timed by the clock, and are part of how late the loop was. Loops and collections are from a run in which nothing else was watched; reads and locks from a second one, because timing those costs time itself.',
    plotImage('stalls', 'longest', 'Longest stall of each kind, in each thread'),
    ...tables(result).map(markdownTable),
    verdict(result),
    `Repeat it: \`${command}\``,
  ].join('\n\n')
  writeSection('stalls', markdown, { longest: plot(result) })
}

function describeRun(result: StallResult): string[] {
  const { plan, seconds, commands, scrapes, evictions, swept, stolenMilliseconds } = result
  const perSecond = (count: number): string => Math.round(count / seconds).toLocaleString('en')
  return [
    `memc-kv -m ${plan.memoryMib} -t ${plan.workers}, memory full, ${seconds.toFixed(0)} s after ${plan.warmUpSeconds} s of warm-up that do not count (seed ${plan.seed}).`,
    `Each second ${perSecond(commands)} commands of ${plan.connections} connections, ${perSecond(evictions)} items evicted, ${perSecond(swept)} expired ones swept, all stats read (${scrapes} times).`,
    `The hypervisor took ${stolenMilliseconds} ms of processor time.`,
  ]
}

function tables(result: StallResult): string[][][] {
  const head = ['milliseconds', 'times', 'p99', 'p99.9', 'max']
  const bystander = [['idle process beside it: event loop late', ...figures(result.bystander)]]
  const stalls = result.threads.flatMap((thread) =>
    ROWS.map(([label, key]) => [`${thread.name}: ${label}`, ...figures(thread[key])]).filter(
      ([, times]) => times !== '0',
    ),
  )
  const scheduler = result.threads.map(({ name, times, pausesByKind, messages }) => [
    name,
    `${((times.cpuMilliseconds / result.seconds / 1000) * 100).toFixed(1)} %`,
    `${((times.waitedMilliseconds / result.seconds / 1000) * 100).toFixed(2)} %`,
    String(times.preemptions),
    Object.entries(pausesByKind)
      .map(([kind, longest]) => `${GC_KINDS[kind] ?? kind} ${longest.toFixed(2)}`)
      .join(', ') || 'none',
    String(messages),
  ])
  const schedulerHead = [
    'thread',
    'used a processor',
    'waited for one',
    'put aside, times',
    'longest collections, ms',
    'messages',
  ]
  return [
    [head, ...bystander, ...stalls],
    [schedulerHead, ...scheduler],
  ]
}

function figures(plain: PlainHistogram): string[] {
  const histogram = new LogHistogram()
  histogram.add(plain)
  const milliseconds = (nanoseconds: number): string => (nanoseconds / 1e6).toFixed(3)
  return [
    String(histogram.count),
    milliseconds(histogram.percentile(0.99)),
    milliseconds(histogram.percentile(0.999)),
    milliseconds(histogram.maximum),
  ]
}

function verdict({ threads }: StallResult): string {
  const workers = threads.filter(({ name }) => name !== 'control')
  const longest = (key: 'busyLoopDelay' | 'busyReadTurn'): number =>
    Math.max(...workers.map((thread) => thread[key].maximum)) / 1e6
  const own = Math.max(longest('busyLoopDelay'), longest('busyReadTurn'))
  const held = Math.max(...threads.map(({ busyHold }) => busyHold.maximum)) / 1e6
  const kept = Math.max(own, held) <= GOAL_MILLISECONDS ? 'kept' : 'NOT kept'
  return `Longest stall of a worker that was its own doing: ${own.toFixed(2)} ms; longest lock hold of any thread, busy itself: ${held.toFixed(2)} ms. Goal of ${GOAL_MILLISECONDS} ms: ${kept}.`
}

function plot({ threads, plan }: StallResult): string {
  const longest = (histogram: PlainHistogram): number => histogram.maximum / 1e6
  return barPlot({
    title: 'Longest in steady state at full memory',
    subtitle: `-m ${plan.memoryMib} -t ${plan.workers}, ${plan.commandsPerSecond} commands/s; busy itself`,
    unit: 'ms',
    categories: ['event loop late', 'one read', 'a lock held'],
    series: threads.map((thread) => ({
      name: thread.name,
      values: [thread.busyLoopDelay, thread.busyReadTurn, thread.busyHold].map(longest),
    })),
    reference: GOAL_MILLISECONDS,
  })
}
