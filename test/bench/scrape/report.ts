import { median, ratios, spread, spreadText, textTable } from '../report/statistics.ts'
import type { PartSample, ScrapeResult } from './measure.ts'

const ROWS: readonly (readonly [title: string, of: (sample: PartSample) => number])[] = [
  ['client p50, µs, fixed rate', (sample) => sample.clientP50],
  ['client p99, µs, fixed rate', (sample) => sample.clientP99],
  ['server p99, µs, whole round', (sample) => sample.serverP99],
  ['commands a second, full load', (sample) => sample.perSecond],
]

export function printScrapes(result: ScrapeResult): void {
  const { quiet, scraped, quietAgain } = result
  const rows = ROWS.map(([title, of]) => {
    const [first, with_, second] = [quiet, scraped, quietAgain].map((samples) => samples.map(of))
    const without = first!.map((value, at) => (value + second![at]!) / 2)
    return [
      title,
      median(without).toFixed(0),
      median(with_!).toFixed(0),
      spreadText(ratios(with_!, without)),
      spreadText(ratios(second!, first!)),
    ]
  })
  const head = ['', 'without', 'with scrapes', 'with / without', 'noise: without / without']
  console.log(textTable([head, ...rows]))
  const all = (samples: readonly PartSample[], of: (sample: PartSample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0)
  const rest = [...quiet, ...quietAgain]
  const alone = all(rest, (part) => part.controlMilliseconds) / all(rest, (part) => part.seconds)
  const beyond = scraped.map((part) => part.controlMilliseconds - alone * part.seconds)
  const each = beyond.reduce((sum, extra) => sum + extra, 0) / all(scraped, (part) => part.scrapes)
  const { median: middle, high } = spread(result.scrapeMilliseconds)
  console.log(
    `\none scrape: ${each.toFixed(1)} ms of the control thread's processor time (without any it ` +
      `takes ${alone.toFixed(1)} ms a second); ${middle.toFixed(1)} ms until the page is there ` +
      `(at most ${high.toFixed(1)}); ${(result.pageBytes / 1000).toFixed(0)} kB`,
  )
}
