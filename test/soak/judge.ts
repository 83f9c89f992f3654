import type { Sample } from './figures.ts'
import { percentileMicroseconds } from './figures.ts'

export interface Finding {
  readonly what: string
  readonly figure: string
  readonly ok: boolean
}

const MEBIBYTE = 1024 * 1024

/** Heaps breathe by some megabytes between two collections; a leak goes beyond that in any long run. */
const RESIDENT_GROWTH_SHARE_MAX = 0.03
const HEAP_GROWTH_BYTES_MAX = 8 * MEBIBYTE
const DESCRIPTOR_GROWTH_MAX = 2
/** Others use this machine too, so only what is far beyond their noise counts. */
const P50_RATIO_MAX = 1.5
const P99_RATIO_MAX = 3

/** By how much the line through these points rises from its beginning to its end. */
export function rise(points: readonly (readonly [number, number])[]): number {
  const count = points.length
  if (count < 2) return 0
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  let [over, under] = [0, 0]
  for (const [x, y] of points) {
    over += (x - meanX) * (y - meanY)
    under += (x - meanX) ** 2
  }
  const slope = under === 0 ? 0 : over / under
  return slope * ((points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0))
}

/** Memory, descriptors and latency over time. The first third is left out where things still settle. */
export function judgeSamples(samples: readonly Sample[]): Finding[] {
  const third = Math.floor(samples.length / 3)
  const [first, later, last] = [
    samples.slice(0, third),
    samples.slice(third),
    samples.slice(-third),
  ]
  const riseOf = (of: (sample: Sample) => number): number =>
    rise(later.map((sample) => [sample.at, of(sample)]))
  const minutes = ((later.at(-1)?.at ?? 0) - (later[0]?.at ?? 0)) / 60
  const over = `over ${minutes.toFixed(0)} min`
  const resident = riseOf((sample) => sample.residentBytes)
  const average = later.reduce((sum, sample) => sum + sample.residentBytes, 0) / later.length
  const findings: Finding[] = [
    {
      what: 'resident memory',
      figure: `${mebibytes(resident)} MiB ${over}, at ${mebibytes(average)} MiB`,
      ok: resident < average * RESIDENT_GROWTH_SHARE_MAX,
    },
  ]
  for (const thread of Object.keys(samples[0]?.heapBytes ?? {}).sort()) {
    const growth = riseOf((sample) => sample.heapBytes[thread] ?? 0)
    const figure = `${mebibytes(growth)} MiB ${over}`
    findings.push({ what: `heap of ${thread}`, figure, ok: growth < HEAP_GROWTH_BYTES_MAX })
  }
  const open = riseOf((sample) => sample.descriptors - sample.connections)
  findings.push({
    what: 'descriptors that are no connections',
    figure: `${open.toFixed(2)} ${over}`,
    ok: open < DESCRIPTOR_GROWTH_MAX,
  })
  findings.push(latency(first, last, 0.5, P50_RATIO_MAX), latency(first, last, 0.99, P99_RATIO_MAX))
  return findings
}

function latency(
  first: readonly Sample[],
  last: readonly Sample[],
  share: number,
  most: number,
): Finding {
  const of = (samples: readonly Sample[]): number =>
    percentileMicroseconds(
      samples.map(({ histogram }) => histogram),
      share,
    )
  const [before, after] = [of(first), of(last)]
  return {
    what: `p${share * 100} of the last third over the first`,
    figure: `${after.toFixed(0)} µs over ${before.toFixed(0)} µs`,
    ok: after < before * most,
  }
}

function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1)
}

type Stats = ReadonlyMap<string, string>

/** Figures that must hold of any server at rest, whatever was done to it. */
export function judgeStats(stats: Stats, least: Readonly<Record<string, number>>): Finding[] {
  const figure = (name: string): number => Number(stats.get(name))
  const findings: Finding[] = []
  const check = (what: string, ok: boolean, shown: string): void => {
    findings.push({ what, figure: shown, ok })
  }
  const negative = [...stats].filter(([, value]) => value.startsWith('-')).map(([name]) => name)
  check('figures below zero', negative.length === 0, negative.join(' ') || 'none')
  const [hits, misses, gets] = [figure('get_hits'), figure('get_misses'), figure('cmd_get')]
  check('get_hits + get_misses = cmd_get', hits + misses === gets, `${hits} + ${misses} = ${gets}`)
  const [touchHits, touchMisses, touches] = [
    figure('touch_hits'),
    figure('touch_misses'),
    figure('cmd_touch'),
  ]
  const touchText = `${touchHits} + ${touchMisses} = ${touches}`
  check('touch_hits + touch_misses = cmd_touch', touchHits + touchMisses === touches, touchText)
  const [items, total] = [figure('curr_items'), figure('total_items')]
  check('curr_items no more than total_items', items <= total, `${items} of ${total}`)
  const [bytes, limit] = [figure('bytes'), figure('limit_maxbytes')]
  check('bytes within limit_maxbytes', bytes > 0 && bytes <= limit, `${bytes} of ${limit}`)
  check('memory was full', figure('evictions') > 0, `${figure('evictions')} evictions`)
  check(
    'no buffer is kept for idle connections',
    figure('read_buf_count') === 0,
    stats.get('read_buf_count') ?? '',
  )
  for (const [name, count] of Object.entries(least)) {
    check(
      `${name} has what the clients counted`,
      figure(name) >= count,
      `${figure(name)} of ${count}`,
    )
  }
  return findings
}

export function findingLine({ what, figure, ok }: Finding): string {
  return `${ok ? 'ok    ' : 'WRONG '} ${what}: ${figure}`
}
