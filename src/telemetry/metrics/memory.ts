import { COUNTER } from '../counters.ts'
import { SEGMENT_BYTES } from '../stats.ts'
import type { Family } from './family.ts'
import { byLabel, counter, histogram } from './family.ts'
import type { Scrape } from './scrape.ts'
import type { MetricsFigures } from './source.ts'
import { EVICTED_AGE_BOUNDS_SECONDS } from './source.ts'

/** memc-kv's own: where the memory is, and how items leave it. */
export const MEMORY_FAMILIES: readonly Family[] = [
  byLabel('gauge', 'memckv_memory_bytes', 'Memory by what it is used for.', 'kind', memory),
  byLabel(
    'gauge',
    'memckv_segments',
    'Segments of 64 KiB by what they are used for.',
    'log',
    ({ figures }) => [
      ['temp', figures.segmentsTemp],
      ['small', figures.segmentsSmall],
      ['main', figures.segmentsMain],
      ['index', figures.segmentsIndex],
      ['pages', figures.segmentsPages],
      ['free', segmentsFree(figures)],
    ],
  ),
  byShard('memckv_shard_items', 'Items of a shard.', 'items'),
  byShard('memckv_shard_bytes', 'Bytes of the live items of a shard.', 'bytes'),
  byLabel(
    'counter',
    'memckv_evictions_total',
    'Items that left without being asked to, by reason.',
    'reason',
    ({ figures }) => [
      ['evicted', figures.evictions],
      ['expired', figures.expired],
      ['flushed', figures.flushed],
    ],
  ),
  histogram(
    {
      name: 'memckv_evicted_age_seconds',
      help: 'Age of items evicted for room.',
      labelNames: [],
    },
    EVICTED_AGE_BOUNDS_SECONDS,
    ({ figures }) => [{ labels: {}, buckets: figures.evictedAges, sum: figures.evictedAgeSum }],
  ),
  counter(
    'memckv_evicted_unfetched_total',
    'Items evicted for room that nobody had read.',
    ({ figures }) => figures.evictedUnfetched,
  ),
  counter(
    'memckv_expired_unfetched_total',
    'Items expired that nobody had read.',
    ({ figures }) => figures.expiredUnfetched,
  ),
  counter(
    'memckv_direct_reclaims_total',
    'Slices of reclaiming that a writer waited for.',
    ({ figures }) => figures.directReclaims,
  ),
]

function memory({ figures, counters, threads, process }: Scrape): [string, number][] {
  const { liveRecordBytes, deadBytes, segmentsTemp, segmentsSmall, segmentsMain } = figures
  const logBytes = (segmentsTemp + segmentsSmall + segmentsMain) * SEGMENT_BYTES
  const sum = (of: (thread: (typeof threads)[number]) => number): number =>
    threads.reduce((total, thread) => total + of(thread), 0)
  return [
    ['live', liveRecordBytes],
    ['dead', deadBytes],
    // The figures are not of one moment, so the difference may be off by a few items.
    ['unwritten', Math.max(0, logBytes - liveRecordBytes - deadBytes)],
    ['expired', figures.expiredBytes],
    ['index', figures.segmentsIndex * SEGMENT_BYTES],
    ['pages', figures.segmentsPages * SEGMENT_BYTES],
    ['free', segmentsFree(figures) * SEGMENT_BYTES],
    ['buffers_in', counters[COUNTER.readBufferBytes] as number],
    ['buffers_out', counters[COUNTER.replyBufferBytes] as number],
    ['heap', sum(({ heapTotalBytes }) => heapTotalBytes)],
    ['external', sum(({ externalBytes }) => externalBytes)],
    ['resident', process.residentBytes],
  ]
}

/** Those nobody has, and those that shards keep in reserve. A limit that was lowered is below what is used. */
function segmentsFree({ segmentsLimit, segmentsUsed, segmentsSpare }: MetricsFigures): number {
  return Math.max(0, segmentsLimit - segmentsUsed) + segmentsSpare
}

function byShard(name: string, help: string, figure: 'items' | 'bytes'): Family {
  return byLabel('gauge', name, help, 'shard', ({ figures }) =>
    figures.shards.map((shard, number) => [String(number), shard[figure]] as const),
  )
}
