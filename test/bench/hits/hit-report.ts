import { linePlot } from '../report/plots.ts'
import { markdownList, markdownTable, plotImage, writeSection } from '../report/sections.ts'
import type { HitCase } from './cases.ts'
import type { Measured } from './measure.ts'

export interface HitRow {
  readonly hitCase: HitCase
  /** In the order of the contenders' names. */
  readonly measured: readonly Measured[]
}

export interface Curve {
  readonly trace: string
  readonly series: { name: string; points: [number, number][] }[]
}

/** Miss ratios, and in brackets those over the reference's, which is the last contender. */
export function hitTable(names: readonly string[], rows: readonly HitRow[]): string[][] {
  const head = ['trace and size', 'requests', ...names]
  const body = rows.map(({ hitCase, measured }) => [
    hitCase.name,
    String(hitCase.trace.ids.length),
    ...measured.map((one) => cell(one, measured.at(-1)!)),
  ])
  return [head, ...body, ...summary(names, rows)]
}

/** One row, for whoever waits for the rest. */
export function hitLine(names: readonly string[], row: HitRow): string {
  const [, cells = []] = hitTable(names, [row])
  return cells.map((text, at) => (at < 2 ? text : `${names[at - 2]} ${text}`)).join(' | ')
}

/** The mean of the ratios over the recorded traces, and the worst of them. */
function summary(names: readonly string[], rows: readonly HitRow[]): string[][] {
  const lines: string[][] = []
  for (const recorded of [true, false]) {
    const chosen = rows.filter(({ hitCase }) => hitCase.recorded === recorded)
    if (chosen.length === 0) continue
    const ratios = names.map((_, at) => chosen.map(({ measured }) => ratioOf(measured, at)))
    const what = recorded ? 'recorded traces' : 'generated'
    lines.push([`**${what}: mean misses over the reference's**`, '', ...ratios.map(meanOf)])
    lines.push([`**${what}: worst**`, '', ...ratios.map((all) => Math.max(...all).toFixed(3))])
  }
  return lines
}

export interface HitRun {
  readonly names: readonly string[]
  readonly rows: readonly HitRow[]
  readonly curves: readonly Curve[]
  readonly machine: readonly string[]
  readonly command: string
}

export function writeHits({ names, rows, curves, machine, command }: HitRun): void {
  const plots: Record<string, string> = {}
  const images: string[] = []
  for (const { trace, series } of curves) {
    const says = `Miss ratio of ${trace} by memory`
    plots[trace] = linePlot({
      title: trace,
      subtitle: 'misses of all requests; the least there can be is a miss for each new key',
      xName: 'memory, as a part of the distinct bytes',
      yName: 'miss ratio',
      xLog: true,
      series,
    })
    images.push(plotImage('hits', trace, says))
  }
  const text = [
    markdownList(machine),
    `Look-aside replay (multigets of 50 keys, then the misses are set). "4×": values scaled until the
distinct ones take four times the memory. A cell is the miss ratio, in brackets the misses over those of
the last column, then the items held at the end and, of servers, the resident MiB.`,
    markdownTable(hitTable(names, rows)),
    ...images,
    `Repeat: \`${command}\``,
  ]
  writeSection('hits', text.join('\n\n'), plots)
}

function cell(one: Measured, reference: Measured): string {
  const ratio = one === reference ? '' : ` (${(one.missRatio / reference.missRatio).toFixed(3)})`
  const resident = one.residentMib === null ? '' : `, ${one.residentMib.toFixed(0)} MiB`
  return `${one.missRatio.toFixed(4)}${ratio} · ${one.items}${resident}`
}

function ratioOf(measured: readonly Measured[], at: number): number {
  return measured[at]!.missRatio / measured.at(-1)!.missRatio
}

function meanOf(values: readonly number[]): string {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(3)
}
