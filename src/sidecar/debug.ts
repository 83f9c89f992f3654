import type { MetricsFigures } from '../telemetry/metrics/source.ts'
import { EVICTED_AGE_BOUNDS_SECONDS } from '../telemetry/metrics/source.ts'
import { SEGMENT_BYTES } from '../telemetry/stats.ts'
import type { ConnectionFigures } from '../telemetry/stats-conns.ts'
import type { BucketFigures, ThreadReader } from '../telemetry/thread-figures.ts'
import { DELAY_BOUNDS_SECONDS, GC_BOUNDS_SECONDS } from '../telemetry/thread-figures.ts'
import {
  CONNECTIONS_SCHEMA,
  EVICTIONS_SCHEMA,
  SEGMENTS_SCHEMA,
  SHARDS_SCHEMA,
  THREADS_SCHEMA,
} from './debug-schemas.ts'
import { RouteError } from './problem.ts'
import type { Route } from './route.ts'

/** What the pages under /debug are made from. */
export interface DebugSource {
  /**
   * Listeners and connections of all workers, in the order in which they came; rejects with a sentence
   * when one does not answer. Cheap however often it is asked.
   */
  readonly connections: () => Promise<readonly ConnectionFigures[]>
  readonly figures: () => MetricsFigures
  readonly threads: ThreadReader
}

const CONNECTIONS_SHOWN = 100
const CONNECTIONS_SHOWN_MAX = 10_000
const OFFSET_MAX = 100_000_000

/** Pages for people who look for a cause. Nothing here shows a key or a value. */
export function debugRoutes(source: DebugSource): Route[] {
  return [
    connectionsRoute(source),
    page('/debug/shards', 'Items and bytes by shard.', SHARDS_SCHEMA, () => shardsOf(source)),
    page('/debug/segments', 'What the memory is used for.', SEGMENTS_SCHEMA, () =>
      segmentsOf(source.figures()),
    ),
    page('/debug/evictions', 'What had to go, and how old it was.', EVICTIONS_SCHEMA, () =>
      evictionsOf(source.figures()),
    ),
    page('/debug/threads', 'Heap, event loop and collector of each thread.', THREADS_SCHEMA, () =>
      threadsOf(source),
    ),
  ]
}

function page(path: string, summary: string, schema: object, make: () => object): Route {
  const replies = { 200: { description: 'Figures of this moment.', schema: { ...schema } } }
  return { method: 'GET', path, summary, replies, answer: make }
}

function connectionsRoute(source: DebugSource): Route {
  return {
    method: 'GET',
    path: '/debug/connections',
    summary: 'Listeners and open connections, in the order in which they came; at most 1 s old.',
    query: {
      type: 'object',
      properties: {
        limit: {
          type: 'integer',
          minimum: 1,
          maximum: CONNECTIONS_SHOWN_MAX,
          default: CONNECTIONS_SHOWN,
          description: 'how many to show',
        },
        offset: {
          type: 'integer',
          minimum: 0,
          maximum: OFFSET_MAX,
          default: 0,
          description: 'how many to leave out before',
        },
      },
      additionalProperties: false,
    },
    replies: { 200: { description: 'Connections.', schema: CONNECTIONS_SCHEMA } },
    answer: async (request) => {
      const { limit, offset } = request.query as { limit: number; offset: number }
      const all = await connectionsOf(source)
      return { total: all.length, limit, offset, connections: all.slice(offset, offset + limit) }
    },
  }
}

async function connectionsOf(source: DebugSource): Promise<readonly ConnectionFigures[]> {
  try {
    return await source.connections()
  } catch (error) {
    throw new RouteError(504, error instanceof Error ? error.message : String(error))
  }
}

function shardsOf({ figures }: DebugSource): object {
  const { shards } = figures()
  const items = shards.map((shard) => shard.items)
  const mean = items.reduce((sum, count) => sum + count, 0) / items.length
  return {
    shards: shards.map((shard, index) => ({ shard: index, ...shard })),
    /** 1 when all are alike. */
    itemsMaxByMean: mean === 0 ? 1 : Math.max(...items) / mean,
  }
}

function segmentsOf(figures: MetricsFigures): object {
  return {
    segmentBytes: SEGMENT_BYTES,
    limit: figures.segmentsLimit,
    used: figures.segmentsUsed,
    temporary: figures.segmentsTemp,
    small: figures.segmentsSmall,
    main: figures.segmentsMain,
    index: figures.segmentsIndex,
    largeValues: figures.segmentsPages,
    spare: figures.segmentsSpare,
    liveBytes: figures.liveRecordBytes,
    deadBytes: figures.deadBytes,
    expiredBytesMax: figures.expiredBytes,
  }
}

function evictionsOf(figures: MetricsFigures): object {
  const { evictedAges, evictedAgeSum } = figures
  const counted = evictedAges.reduce((sum, count) => sum + count, 0)
  return {
    evictions: figures.evictions,
    evictedUnfetched: figures.evictedUnfetched,
    evictedActive: figures.evictedActive,
    expired: figures.expired,
    expiredUnfetched: figures.expiredUnfetched,
    flushed: figures.flushed,
    directReclaims: figures.directReclaims,
    meanAgeSeconds: counted === 0 ? null : evictedAgeSum / counted,
    ages: evictedAges.map((items, bucket) => ({
      upToSeconds: EVICTED_AGE_BOUNDS_SECONDS[bucket] ?? null,
      items,
    })),
  }
}

function threadsOf({ threads }: DebugSource): object {
  return {
    threads: threads.read().map(({ delay, collections, ...thread }) => ({
      ...thread,
      delay: histogramOf(delay, DELAY_BOUNDS_SECONDS),
      collections: Object.fromEntries(
        [...collections].map(([kind, figures]) => [kind, histogramOf(figures, GC_BOUNDS_SECONDS)]),
      ),
    })),
  }
}

function histogramOf({ buckets, sum }: BucketFigures, bounds: readonly number[]): object {
  return {
    count: buckets.reduce((total, count) => total + count, 0),
    sumSeconds: sum,
    buckets: buckets.map((count, bucket) => ({ upToSeconds: bounds[bucket] ?? null, count })),
  }
}
