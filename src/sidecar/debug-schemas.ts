/** What the pages under /debug answer, as JSON schemas: for the document and the tests. */
const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer', minimum: 0 } as const
const NUMBER = { type: 'number', minimum: 0 } as const
const BOUND = {
  type: ['number', 'null'],
  description: 'The bucket holds what is above the one before and at most this; null: no bound.',
} as const

/** All of these fields and no other. */
function record<T extends Readonly<Record<string, object>>>(properties: T) {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  } as const
}

function list<T extends object>(items: T) {
  return { type: 'array', items } as const
}

const HISTOGRAM = record({
  count: COUNT,
  sumSeconds: NUMBER,
  buckets: list(record({ upToSeconds: BOUND, count: COUNT })),
})

export const CONNECTIONS_SCHEMA = record({
  total: { ...COUNT, description: 'Of all, shown or not.' },
  limit: COUNT,
  offset: COUNT,
  connections: list(
    record({
      number: COUNT,
      address: TEXT,
      listenAddress: { ...TEXT, description: 'Empty for a listener.' },
      state: TEXT,
      secondsSinceLastCommand: NUMBER,
    }),
  ),
})

export const SHARDS_SCHEMA = record({
  shards: list(record({ shard: COUNT, items: COUNT, bytes: COUNT })),
  itemsMaxByMean: { ...NUMBER, description: 'Items of the fullest shard by their mean.' },
})

export const SEGMENTS_SCHEMA = record({
  segmentBytes: COUNT,
  limit: {
    ...COUNT,
    description: 'Segments that there may be; all that follow count segments too.',
  },
  used: COUNT,
  temporary: COUNT,
  small: COUNT,
  main: COUNT,
  index: COUNT,
  largeValues: COUNT,
  spare: COUNT,
  liveBytes: COUNT,
  deadBytes: COUNT,
  expiredBytesMax: { ...COUNT, description: 'Live bytes of segments that hold something expired.' },
})

export const EVICTIONS_SCHEMA = record({
  evictions: COUNT,
  evictedUnfetched: COUNT,
  evictedActive: COUNT,
  expired: COUNT,
  expiredUnfetched: COUNT,
  flushed: COUNT,
  directReclaims: COUNT,
  meanAgeSeconds: { type: ['number', 'null'], description: 'Since last use; null: none evicted.' },
  ages: list(record({ upToSeconds: BOUND, items: COUNT })),
})

export const THREADS_SCHEMA = record({
  threads: list(
    record({
      thread: { ...TEXT, description: 'worker-0 and so on, or control.' },
      heapUsedBytes: COUNT,
      heapTotalBytes: COUNT,
      externalBytes: COUNT,
      busySeconds: NUMBER,
      utilization: { ...NUMBER, description: 'Share of the last ten seconds, 0 to 1.' },
      delay: HISTOGRAM,
      collections: { type: 'object', additionalProperties: HISTOGRAM },
    }),
  ),
})
