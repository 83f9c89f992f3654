import type { ProfileResult, ServerFigures, SteadySample } from './load-rounds.ts'
import { barPlot, linePlot } from './report/plots.ts'
import { markdownList, markdownTable, plotImage } from './report/sections.ts'
import type { Spread } from './report/statistics.ts'
import { median, ratios, spreadText } from './report/statistics.ts'

type Rows = string[][]

/** Everything that is drawn or said of a run, in tables that suit a terminal and a document. */
export interface LoadTables {
  readonly cpu: Rows
  readonly throughput: Rows
  readonly latency: Rows
  readonly memory: Rows
}

export function loadTables(results: readonly ProfileResult[]): LoadTables {
  return {
    cpu: cpuTable(results),
    throughput: throughputTable(results),
    latency: latencyTable(results),
    memory: memoryTable(results),
  }
}

/** The section of docs/performance.md, and its plots. */
export function loadSection(
  results: readonly ProfileResult[],
  machine: readonly string[],
  command: string,
): { markdown: string; plots: Record<string, string> } {
  const tables = loadTables(results)
  const curves = results.filter((result) => result.servers.some((one) => one.curve.length > 0))
  const plots: Record<string, string> = {
    cpu: ratioPlot(results, 'Server CPU per operation: memc-kv over its peer', cpuOf),
    rate: ratioPlot(results, 'Operations per second: memc-kv over its peer', perSecondOf),
  }
  for (const result of curves) plots[`latency-${result.profile.name}`] = curvePlot(result)
  const parts = [
    markdownList(machine),
    `Repeat with \`${command}\`.`,
    markdownTable([
      ['profile', 'load'],
      ...results.map(({ profile }) => [profile.name, `${profile.says}; -m ${profile.memoryMib}`]),
    ]).replace('---:', '---'),
    '### CPU per operation',
    'Microseconds of the server per command (multiget: per key), user + system, and the ratio: median (lowest–highest).',
    plotImage('throughput', 'cpu', 'CPU per operation, memc-kv over its peers, for each profile'),
    markdownTable(tables.cpu),
    '### Operations per second',
    'As much as the server takes, with the load generator on the same cores. Above 1 is in our favour. ' +
      '*Generator* is the CPU of the load generator per operation.',
    plotImage('throughput', 'rate', 'Operations per second, memc-kv over its peers'),
    markdownTable(tables.throughput),
  ]
  if (tables.latency.length > 1) {
    parts.push(
      '### Latency',
      'Microseconds at half of the saturating rate of the slower server, the same rate for all, Poisson arrivals. ' +
        'A request of the pipeline profiles is a batch of 32 and ends with its last reply. ' +
        '*Sent late* is the part of it that is the generator’s own: the p99 of how much later than due requests left. ' +
        '*Window p99* is the p99 within 50 ms (or within 1000 requests, where they take longer), of the middle one of all windows: ' +
        'pauses of the machine are in the other columns, and in the few windows in which they happened.',
      ...curves.map(({ profile }) =>
        plotImage('throughput', `latency-${profile.name}`, `Latency by rate, ${profile.name}`),
      ),
      markdownTable(tables.latency),
    )
  }
  parts.push(
    '### Resident memory in these runs',
    'MiB after the last round; bytes of the process for each connection that does nothing.',
    markdownTable(tables.memory),
  )
  return { markdown: parts.join('\n\n'), plots }
}

function cpuTable(results: readonly ProfileResult[]): Rows {
  return ratioTable(results, cpuOf, (one) => {
    const total = median(cpuOf(one))
    const user = median(one.rounds.map((round) => round.user))
    const system = median(one.rounds.map((round) => round.system))
    return `${total.toFixed(2)} (${user.toFixed(2)} + ${system.toFixed(2)})`
  }).map((row, at) => [...row, at === 0 ? 'goal' : `≤ ${results[at - 1]?.profile.goal.toFixed(2)}`])
}

function throughputTable(results: readonly ProfileResult[]): Rows {
  const rows = ratioTable(results, perSecondOf, (one) => {
    return `${(median(perSecondOf(one)) / 1000).toFixed(1)} k`
  })
  return rows.map((row, at) => [...row, at === 0 ? 'generator' : generatorText(results[at - 1])])
}

/** What the generator itself takes of the machine: it must not be what is measured. */
function generatorText(result: ProfileResult | undefined): string {
  const rounds = (result?.servers ?? []).flatMap((one) => one.rounds)
  const middle = median(rounds.map((round) => round.generatorCpu))
  return Number.isFinite(middle) ? `${middle.toFixed(2)} µs` : '–'
}

/** A column for each server, then one for each peer with the ratio of ours to it. */
function ratioTable(
  results: readonly ProfileResult[],
  values: (one: ServerFigures) => number[],
  cell: (one: ServerFigures) => string,
): Rows {
  const names = serverNames(results)
  const peers = names.slice(1)
  const head = ['profile', ...names, ...peers.map((name) => `÷ ${name}`)]
  const rows = results.map((result) => [
    result.profile.name,
    ...names.map((name) => {
      const one = figuresOf(result, name)
      return one === undefined ? '–' : cell(one)
    }),
    ...peers.map((name) => {
      const found = ratioTo(result, name, values)
      return found === null ? '–' : spreadText(found)
    }),
  ])
  return [head, ...rows]
}

function latencyTable(results: readonly ProfileResult[]): Rows {
  const head = [
    'profile',
    'server',
    'rate',
    'p50',
    'p99',
    'p99.9',
    'window p99',
    'max',
    'sent late',
  ]
  const rows = results.flatMap(({ profile, servers }) =>
    servers
      .filter((one) => one.half.length > 0)
      .map((one, at) => {
        const overruns = one.half.reduce((sum, sample) => sum + sample.overruns, 0)
        const rate = `${((one.half[0]?.perSecond ?? 0) / 1000).toFixed(1)} k/s`
        return [
          at === 0 ? profile.name : '',
          one.name,
          overruns > 0 ? `${rate}, ${overruns} overrun` : rate,
          microseconds(p50Of(one)),
          microseconds(p99Of(one)),
          microseconds(p999Of(one)),
          microseconds(windowP99Of(one)),
          microseconds(one.half.map((sample) => sample.latency.max)),
          microseconds(one.half.map((sample) => sample.lateness.p99)),
        ]
      })
      .concat(latencyRatios(servers)),
  )
  return [head, ...rows]
}

function latencyRatios(servers: readonly ServerFigures[]): Rows {
  const [ours, ...peers] = servers
  if (ours === undefined || ours.half.length === 0) return []
  return peers.map((peer) => {
    const ratio = (values: (one: ServerFigures) => number[]): string =>
      spreadText(ratios(values(ours), values(peer)))
    const [p50, p99, p999, window] = [p50Of, p99Of, p999Of, windowP99Of].map(ratio)
    return ['', `÷ ${peer.name}`, '', p50 ?? '', p99 ?? '', p999 ?? '', window ?? '', '', '']
  })
}

function memoryTable(results: readonly ProfileResult[]): Rows {
  const names = serverNames(results)
  const head = ['profile', '-m', ...names, 'hits', 'errors']
  const rows = results.map((result) => [
    result.profile.name,
    String(result.profile.memoryMib),
    ...names.map((name) => residentText(figuresOf(result, name))),
    result.servers.map(hitText).join(' / '),
    result.servers.map((one) => String(one.errors)).join(' / '),
  ])
  return [head, ...rows]
}

function residentText(one: ServerFigures | undefined): string {
  if (one === undefined) return '–'
  const idle = one.idleBytes === null ? '' : `, ${Math.round(one.idleBytes)} B an idle connection`
  return `${one.residentMib.toFixed(0)}${idle}`
}

function hitText(one: ServerFigures): string {
  const shares = one.rounds.map((round) => round.hitShare).filter((share) => share !== null)
  return shares.length === 0 ? '–' : `${(median(shares) * 100).toFixed(1)} %`
}

function ratioPlot(
  results: readonly ProfileResult[],
  title: string,
  values: (one: ServerFigures) => number[],
): string {
  const peers = serverNames(results).slice(1)
  const better = values === cpuOf ? 'below' : 'above'
  return barPlot({
    title,
    subtitle: `median of the rounds, lowest to highest; ${better} 1 is in our favour`,
    unit: 'ratio',
    categories: results.map(({ profile }) => profile.name),
    reference: 1,
    series: peers.map((name) => {
      const found = results.map((result) => ratioTo(result, name, values))
      return {
        name: `against ${name}`,
        values: found.map((one) => one?.median ?? null),
        low: found.map((one) => one?.low ?? 0),
        high: found.map((one) => one?.high ?? 0),
      }
    }),
  })
}

function curvePlot({ profile, servers }: ProfileResult): string {
  return linePlot({
    title: `Latency at a fixed rate: ${profile.says}`,
    subtitle: 'open loop, from when a request was due; p50, and p99 of the middle window of 50 ms',
    xName: 'commands per second',
    yName: 'microseconds',
    yLog: true,
    series: servers.flatMap((one) => [
      { name: `${one.name} p50`, points: pointsOf(one, (sample) => sample.latency.p50) },
      { name: `${one.name} p99`, points: pointsOf(one, (sample) => median(sample.windowP99s)) },
    ]),
  })
}

function pointsOf(one: ServerFigures, value: (sample: SteadySample) => number): [number, number][] {
  return one.curve.map((sample) => [Math.round(sample.perSecond), value(sample)])
}

function ratioTo(
  result: ProfileResult,
  name: string,
  values: (one: ServerFigures) => number[],
): Spread | null {
  const [ours] = result.servers
  const peer = figuresOf(result, name)
  if (ours === undefined || peer === undefined) return null
  return ratios(values(ours), values(peer))
}

function serverNames(results: readonly ProfileResult[]): string[] {
  return [...new Set(results.flatMap(({ servers }) => servers.map((one) => one.name)))]
}

function figuresOf(result: ProfileResult, name: string): ServerFigures | undefined {
  return result.servers.find((one) => one.name === name)
}

function cpuOf(one: ServerFigures): number[] {
  return one.rounds.map((round) => round.user + round.system)
}

function perSecondOf(one: ServerFigures): number[] {
  return one.rounds.map((round) => round.perSecond)
}

function p50Of(one: ServerFigures): number[] {
  return one.half.map((sample) => sample.latency.p50)
}

function p99Of(one: ServerFigures): number[] {
  return one.half.map((sample) => sample.latency.p99)
}

function p999Of(one: ServerFigures): number[] {
  return one.half.map((sample) => sample.latency.p999 ?? Number.NaN)
}

/** Of each round, that of the window in the middle. */
function windowP99Of(one: ServerFigures): number[] {
  return one.half.map((sample) => median(sample.windowP99s))
}

function microseconds(values: readonly number[]): string {
  const middle = median(values)
  return Number.isFinite(middle) ? middle.toFixed(0) : '–'
}
