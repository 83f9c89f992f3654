import { linePlot } from '../bench/report/plots.ts'
import type { Sample } from './figures.ts'
import { percentileMicroseconds } from './figures.ts'

const MEBIBYTE = 1024 * 1024
const WIDTH = 800
const PART_HEIGHT = 420

/** Memory and descriptors of a soak, and below them its latency. */
export function soakPlot(samples: readonly Sample[]): string {
  const points = (of: (sample: Sample) => number): [number, number][] =>
    samples.map((sample) => [sample.at / 60, of(sample)])
  const percentile = (share: number): [number, number][] =>
    points(({ histogram }) => percentileMicroseconds([histogram], share))
  const heap = (sample: Sample): number =>
    Object.values(sample.heapBytes).reduce((sum, bytes) => sum + bytes, 0)
  const memory = linePlot({
    title: 'Memory and descriptors',
    xName: 'minutes',
    yName: 'MiB; count',
    series: [
      { name: 'resident', points: points((sample) => sample.residentBytes / MEBIBYTE) },
      { name: 'items', points: points((sample) => sample.itemBytes / MEBIBYTE) },
      { name: 'heaps of all threads', points: points((sample) => heap(sample) / MEBIBYTE) },
      { name: 'descriptors (count)', points: points((sample) => sample.descriptors) },
    ],
  })
  const latency = linePlot({
    title: 'Latency of one small set or get',
    subtitle: 'as a client saw it, beside whatever else the machine did',
    xName: 'minutes',
    yName: 'µs',
    yLog: true,
    series: [
      { name: 'p50', points: percentile(0.5) },
      { name: 'p99', points: percentile(0.99) },
      {
        name: 'p99 of all commands, by the server itself',
        points: points((sample) => sample.serverP99Microseconds),
      },
    ],
  })
  return stacked([memory, latency])
}

/** Each plot names its parts from 0 on, so the names are told apart. */
function stacked(plots: readonly string[]): string {
  const parts = plots.map((plot, at) =>
    plot.replaceAll('part-', `plot${at}-`).replace('<svg ', `<svg y="${at * PART_HEIGHT}" `),
  )
  const height = plots.length * PART_HEIGHT
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${parts.join('')}</svg>\n`
}
