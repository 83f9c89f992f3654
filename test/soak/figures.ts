import { readdirSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import type { PlainHistogram } from '../bench/stalls/log-histogram.ts'
import { LogHistogram } from '../bench/stalls/log-histogram.ts'

/** What is known of one interval, as it is printed, kept and judged. */
export interface Sample {
  /** Seconds since the beginning of the measured time. */
  readonly at: number
  readonly operationsPerSecond: number
  /** Share of a core that server and load took together. */
  readonly share: number
  readonly residentBytes: number
  readonly heapBytes: Readonly<Record<string, number>>
  readonly descriptors: number
  readonly connections: number
  readonly items: number
  readonly itemBytes: number
  readonly evictionsPerSecond: number
  readonly hitRatio: number
  readonly histogram: PlainHistogram
  /** By the server's own histogram of commands. */
  readonly serverP99Microseconds: number
}

export function percentileMicroseconds(
  histograms: readonly PlainHistogram[],
  share: number,
): number {
  const sum = new LogHistogram()
  for (const histogram of histograms) sum.add(histogram)
  return sum.percentile(share) / 1000
}

export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
}

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Reads /metrics every five seconds, as a Prometheus does; each time over a connection of its own. */
export class Scrapes {
  count = 0
  #page = ''
  readonly #url: string
  #timer: NodeJS.Timeout | undefined
  #buckets = new Map<number, number>()

  constructor(url: string) {
    this.#url = url
  }

  begin(milliseconds: number): void {
    this.#timer = setInterval(() => void this.read(), milliseconds)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  async read(): Promise<void> {
    this.#page = await new Promise<string>((settle, fail) => {
      get(this.#url, { agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => settle(text))
      }).on('error', fail)
    })
    this.count++
  }

  heapBytes(): Record<string, number> {
    const found = this.#page.matchAll(/^memckv_heap_bytes\{thread="([^"]+)"\} (\d+)/gm)
    return Object.fromEntries([...found].map(([, thread, bytes]) => [thread, Number(bytes)]))
  }

  /** All commands since the last time that this was asked. */
  p99Microseconds(): number {
    const buckets = new Map<number, number>()
    const lines = /^memckv_command_duration_seconds_bucket\{.*le="([^"]+)".*\} (\d+)/gm
    for (const [, bound, count] of this.#page.matchAll(lines)) {
      const seconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
      buckets.set(seconds, (buckets.get(seconds) ?? 0) + Number(count))
    }
    const before = this.#buckets
    this.#buckets = buckets
    const bounds = [...buckets.keys()].sort((left, right) => left - right)
    const counts = bounds.map((bound) => (buckets.get(bound) ?? 0) - (before.get(bound) ?? 0))
    const wanted = (counts.at(-1) ?? 0) * 0.99
    const at = counts.findIndex((count) => count >= wanted)
    const bound = bounds[at] ?? 0
    return (Number.isFinite(bound) ? bound : (bounds.at(-2) ?? 0)) * 1e6
  }
}

const MEBIBYTE = 1024 * 1024

export const SAMPLE_HEAD =
  ' minute    ops/s  core  RSS MiB  heap MiB (control, workers)    fds conns   p50 µs   p99 µs  server p99   items  evict/s  hits'

export function sampleLine(sample: Sample): string {
  const { heapBytes } = sample
  const heap = Object.keys(heapBytes)
    .sort()
    .map((thread) => ((heapBytes[thread] ?? 0) / MEBIBYTE).toFixed(1))
    .join(' ')
  const columns: [string | number, number][] = [
    [(sample.at / 60).toFixed(2), 7],
    [sample.operationsPerSecond.toFixed(0), 9],
    [sample.share.toFixed(2), 6],
    [(sample.residentBytes / MEBIBYTE).toFixed(1), 9],
    [heap, 30],
    [sample.descriptors, 7],
    [sample.connections, 6],
    [percentileMicroseconds([sample.histogram], 0.5).toFixed(0), 9],
    [percentileMicroseconds([sample.histogram], 0.99).toFixed(0), 9],
    [sample.serverP99Microseconds.toFixed(0), 12],
    [sample.items, 8],
    [sample.evictionsPerSecond.toFixed(0), 9],
    [sample.hitRatio.toFixed(2), 6],
  ]
  return columns.map(([text, width]) => String(text).padStart(width)).join('')
}
