import { barPlot } from '../report/plots.ts'
import { markdownList, markdownTable, plotImage, writeSection } from '../report/sections.ts'
import type { Contents, MemoryResult } from './measure.ts'

const HEAD = [
  'value bytes',
  '-m',
  'server',
  'items',
  '× first',
  'beyond key and value',
  '… resident',
  'empty MiB',
  'resident MiB',
  'dead',
  'after overwriting: items',
  '× first',
  'beyond',
  'resident MiB',
  'dead',
  'expired held',
] as const

/** What the process may have: DESIGN's promise, which the chart's limits are made from. */
export function residentPromiseMib(memoryMib: number, workers: number): number {
  return 1.05 * memoryMib + 80 + 14 * workers
}

export function memoryTable(results: readonly MemoryResult[]): string[][] {
  const rows = results.map((result) => {
    const first = results.find(
      (other) => other.memoryCase === result.memoryCase && other.memoryMib === result.memoryMib,
    )
    const { memoryCase, memoryMib, server, emptyMib, atRest, churned, expiredHeld } = result
    return [
      memoryCase.name,
      `${memoryMib} MiB`,
      server,
      ...describe(atRest, first?.atRest),
      atRest.residentOverhead.toFixed(1),
      emptyMib.toFixed(0),
      atRest.residentMib.toFixed(0),
      share(atRest, memoryMib),
      ...describe(churned, first?.churned),
      churned.residentMib.toFixed(0),
      share(churned, memoryMib),
      expiredHeld.toLocaleString('en'),
    ]
  })
  return [[...HEAD], ...rows]
}

function describe({ items, overhead }: Contents, first: Contents | undefined): string[] {
  const ratio = first === undefined ? '' : (items / first.items).toFixed(2)
  return [items.toLocaleString('en'), ratio, overhead.toFixed(1)]
}

function share({ deadBytes }: Contents, memoryMib: number): string {
  return deadBytes === null ? '' : `${((deadBytes / memoryMib / 2 ** 20) * 100).toFixed(1)} %`
}

/** The figures of ours that a promise is about. */
export function memoryVerdict(results: readonly MemoryResult[], workers: number): string {
  const ours = results.filter(({ server }) => server === 'memc-kv')
  const worst = ours.map(({ atRest, churned, memoryMib }) => {
    const resident = Math.max(atRest.residentMib, churned.residentMib)
    return { resident, promise: residentPromiseMib(memoryMib, workers), memoryMib }
  })
  const nearest = worst.toSorted((a, b) => b.resident / b.promise - a.resident / a.promise)[0]
  const errors = results.reduce((sum, result) => sum + result.errors, 0)
  const replies = errors === 0 ? 'All replies were as expected.' : `${errors} REPLIES WERE ERRORS.`
  if (nearest === undefined) return replies
  const kept = nearest.resident <= nearest.promise ? 'kept' : 'NOT kept'
  return `Resident memory promised: 1.05 × -m + 80 MiB + 14 MiB for each worker. Nearest to it: ${nearest.resident.toFixed(0)} of ${nearest.promise.toFixed(0)} MiB at -m ${nearest.memoryMib}: ${kept}. ${replies}`
}

export interface MemoryReport {
  readonly results: readonly MemoryResult[]
  readonly workers: number
  readonly machine: readonly string[]
  readonly command: string
}

export function writeMemory({ results, workers, machine, command }: MemoryReport): void {
  const sizes = [...new Set(results.map(({ memoryMib }) => memoryMib))]
  const plots = Object.fromEntries(
    sizes.map((memoryMib) => [`items-${memoryMib}`, plot(results, memoryMib)]),
  )
  const markdown = [
    markdownList(machine),
    'Items are counted by asking for each of them. "Beyond key and value" is the whole of `-m` divided by the items, less their key (12 bytes) and value; "resident" the same of what the process grew by. Then twice as many writes as there are items overwrite random ones with other sizes. "Expired held" are items that a second of life was given to and that are still counted four seconds later. "Dead" is room of items that are gone, as a share of `-m`.',
    ...sizes.map((memoryMib) =>
      plotImage(
        'memory',
        `items-${memoryMib}`,
        `Bytes beyond key and value for each item, ${memoryMib} MiB`,
      ),
    ),
    markdownTable(memoryTable(results)),
    memoryVerdict(results, workers),
    `Repeat it: \`${command}\``,
  ].join('\n\n')
  writeSection('memory', markdown, plots)
}

function plot(results: readonly MemoryResult[], memoryMib: number): string {
  const shown = results.filter((result) => result.memoryMib === memoryMib)
  const categories = [...new Set(shown.map(({ memoryCase }) => memoryCase.name))]
  const servers = [...new Set(shown.map(({ server }) => server))]
  const overheadOf = (server: string, name: string): number | null =>
    shown.find((result) => result.server === server && result.memoryCase.name === name)?.atRest
      .overhead ?? null
  return barPlot({
    title: 'Memory for each item beyond its key and value',
    subtitle: `-m ${memoryMib}, by bytes of the value; up to 150 are shown`,
    unit: 'bytes',
    categories,
    series: servers.map((name) => ({
      name,
      values: categories.map((category) => {
        const bytes = overheadOf(name, category)
        return bytes === null ? null : Math.min(bytes, 150)
      }),
    })),
    reference: 40,
  })
}
