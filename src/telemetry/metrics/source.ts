import type { LatencyReader } from '../latency.ts'
import type { StatsSource, StoreFigures } from '../stats.ts'
import type { ThreadReader } from '../thread-figures.ts'

/**
 * Everything that /metrics is made from: shared memory, and questions to the other parts of the
 * control thread, all of which answer at once. Asked at a scrape and at no other time.
 */
export interface MetricsSource {
  /** What `stats` is made from; the two must agree. */
  readonly stats: StatsSource
  readonly figures: () => MetricsFigures
  readonly latency: LatencyReader
  readonly threads: ThreadReader
  /** pino's number of the level in force: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
  readonly logLevel: () => number
  readonly spans: () => SpanCounts
  readonly exemplars: () => Exemplars
  /** Of each port with TLS. */
  readonly certificates: () => readonly CertificateFigures[]
  /** The version of memc-kv itself. */
  readonly version: string
  /** The commit it was built from; '' when nobody said. */
  readonly commit: string
}

/** What is taken from the store's figures; store/figures.ts has these and more. */
export interface MetricsFigures extends StoreFigures {
  segmentsLimit: number
  segmentsTemp: number
  segmentsSmall: number
  segmentsMain: number
  segmentsPages: number
  liveRecordBytes: number
  deadBytes: number
  expired: number
  flushed: number
  /** Bytes of segments that hold something expired. */
  readonly expiredBytes: number
  /** Evicted items by age: one number for each of EVICTED_AGE_BOUNDS_SECONDS, then the older ones. */
  readonly evictedAges: readonly number[]
  /** Seconds, over all of them. */
  readonly evictedAgeSum: number
  /** In the order of their numbers. */
  readonly shards: readonly ShardFigures[]
}

/** Upper bounds of `evictedAges`: from a second to a week. */
export const EVICTED_AGE_BOUNDS_SECONDS: readonly number[] = [
  1, 10, 60, 300, 900, 3600, 21600, 86400, 259200, 604800,
]

export interface ShardFigures {
  readonly items: number
  readonly bytes: number
}

/** What the control thread did with the records that workers handed it, since the start. */
export interface SpanCounts {
  readonly sent: number
  readonly dropped: number
  /** Not made because of traces.rateLimit. */
  readonly limited: number
}

export interface CertificateFigures {
  readonly port: 'data' | 'sidecar'
  readonly notAfterSeconds: number
  /** When the certificate that ends then began. */
  readonly notBeforeSeconds: number
  readonly lastReloadOk: boolean
  /** Of the last one that was done well. */
  readonly lastReloadSeconds: number
}

/** By command word: the last trace seen in each latency bucket (LATENCY_BUCKETS of them). */
export type Exemplars = ReadonlyMap<string, readonly (Exemplar | undefined)[]>

export interface Exemplar {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  readonly valueSeconds: number
  readonly unixSeconds: number
}
