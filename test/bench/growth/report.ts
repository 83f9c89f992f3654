import { linePlot } from '../report/plots.ts'
import { markdownList, markdownTable, plotImage, writeSection } from '../report/sections.ts'
import { median, spread, spreadText } from '../report/statistics.ts'
import type { GrowthCase, GrowthResult } from './measure.ts'

export interface GrowthRun {
  readonly results: readonly GrowthResult[]
  /** Nanoseconds of one dependent read over the memory of each case. */
  readonly chase: ReadonlyMap<GrowthCase, number>
  readonly machine: readonly string[]
}

const HEAD = [
  'items',
  '-m',
  'server',
  'get µs',
  '× smallest',
  'set µs',
  '× smallest',
  'one dependent read ns',
  'get grew by, in such reads',
  'set',
  'hits',
  'resident MiB',
]

export function growthTable({ results, chase }: Omit<GrowthRun, 'machine'>): string[][] {
  const smallestChase = Math.min(...chase.values())
  const rows = results.map((result) => {
    const smallest = results.find(({ server }) => server === result.server) ?? result
    const read = chase.get(result.growthCase) ?? Number.NaN
    const inReads = (kind: 'get' | 'set'): string => {
      const grown = (median(result[kind]) - median(smallest[kind])) * 1000
      return read === smallestChase ? '' : (grown / (read - smallestChase)).toFixed(1)
    }
    const ratio = (kind: 'get' | 'set'): string =>
      (median(result[kind]) / median(smallest[kind])).toFixed(2)
    return [
      result.growthCase.items.toLocaleString('en'),
      `${result.growthCase.memoryMib} MiB`,
      result.server,
      spreadText(spread(result.get)),
      ratio('get'),
      spreadText(spread(result.set)),
      ratio('set'),
      read.toFixed(1),
      inReads('get'),
      inReads('set'),
      `${(result.hitRatio * 100).toFixed(1)} %`,
      result.residentMib.toFixed(0),
    ]
  })
  return [HEAD, ...rows]
}

export function writeGrowth(run: GrowthRun, command: string): void {
  const markdown = [
    markdownList(run.machine),
    'Server CPU of a get and a set (100-byte values, uniformly random keys, 200 commands at a time), median of the rounds with the least and the most. "One dependent read" is what the machine itself takes to follow a pointer anywhere in as much memory, in a loop that does nothing else; how much an operation grew by is given in such reads, less what one costs at the smallest size. An operation that grew by two or three of them grew by cache misses and by nothing else: bucket, item, and the lines of its value.',
    plotImage('growth', 'cpu', 'Server CPU per operation by number of items'),
    markdownTable(growthTable(run)),
    `Repeat it: \`${command}\``,
  ].join('\n\n')
  writeSection('growth', markdown, { cpu: plot(run) })
}

function plot({ results, chase }: GrowthRun): string {
  const servers = [...new Set(results.map(({ server }) => server))]
  const points = (server: string, kind: 'get' | 'set'): [number, number][] =>
    results
      .filter((result) => result.server === server)
      .map((result) => [result.growthCase.items, median(result[kind])])
  return linePlot({
    title: 'Server CPU per operation as the cache grows',
    xName: 'items',
    yName: 'µs',
    xLog: true,
    series: [
      ...servers.flatMap((server) => [
        { name: `${server} get`, points: points(server, 'get') },
        { name: `${server} set`, points: points(server, 'set') },
      ]),
      {
        name: 'one dependent read',
        points: [...chase].map(([{ items }, read]): [number, number] => [items, read / 1000]),
      },
    ],
  })
}
