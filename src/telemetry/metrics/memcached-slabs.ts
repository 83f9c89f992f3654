import type { Family, FamilyType, Labels, Sample } from './family.ts'
import type { Scrape } from './scrape.ts'
import type { SlabFigures } from './slab-figures.ts'

/** memcached_exporter's metrics by slab: name behind the prefix, type, help, and the stat that it shows. */
const ROWS: readonly (readonly [name: string, type: FamilyType, stat: string, help: string])[] = [
  ['current_items', 'gauge', 'number', 'Items held.'],
  ['items_age_seconds', 'gauge', 'age', 'Seconds since the last evicted item had been used.'],
  [
    'items_crawler_reclaimed_total',
    'counter',
    'crawler_reclaimed',
    'Expired items that the sweep took back.',
  ],
  ['items_evicted_total', 'counter', 'evicted', 'Live items dropped for room.'],
  [
    'items_evicted_nonzero_total',
    'counter',
    'evicted_nonzero',
    'Evicted items that had a time to live.',
  ],
  [
    'items_evicted_unfetched_total',
    'counter',
    'evicted_unfetched',
    'Evicted items that nobody had read.',
  ],
  [
    'items_expired_unfetched_total',
    'counter',
    'expired_unfetched',
    'Expired items that nobody had read.',
  ],
  ['items_outofmemory_total', 'counter', 'outofmemory', 'Writes refused: no room.'],
  ['items_reclaimed_total', 'counter', 'reclaimed', 'Expired items whose room was taken back.'],
  ['items_tailrepairs_total', 'counter', 'tailrepairs', 'Always 0.'],
  [
    'items_evicted_time_seconds',
    'counter',
    'evicted_time',
    'Seconds since the last evicted item had been used; goes up and down.',
  ],
  ['items_moves_to_cold', 'counter', 'moves_to_cold', 'Always 0.'],
  ['items_moves_to_warm', 'counter', 'moves_to_warm', 'Always 0.'],
  ['items_moves_within_lru', 'counter', 'moves_within_lru', 'Always 0.'],
  ['hot_items', 'gauge', 'number_hot', 'Always 0.'],
  ['warm_items', 'gauge', 'number_warm', 'Always 0.'],
  ['cold_items', 'gauge', 'number_cold', 'Items held.'],
  ['temporary_items', 'gauge', 'number_temp', 'Always 0.'],
  ['hot_age_seconds', 'gauge', 'age_hot', 'Always 0.'],
  ['warm_age_seconds', 'gauge', 'age_warm', 'Always 0.'],
  ['chunk_size_bytes', 'gauge', 'chunk_size', 'Largest item of the class.'],
  ['chunks_per_page', 'gauge', 'chunks_per_page', 'Such items in a page of memcached.'],
  ['current_pages', 'gauge', 'total_pages', 'Pages that memcached would need for the items held.'],
  ['current_chunks', 'gauge', 'total_chunks', 'Chunks in these pages.'],
  ['chunks_used', 'gauge', 'used_chunks', 'Items held.'],
  ['chunks_free', 'gauge', 'free_chunks', 'Chunks that no item is in.'],
  ['chunks_free_end', 'gauge', 'free_chunks_end', 'Always 0.'],
  ['mem_requested_bytes', 'counter', 'mem_requested', 'Bytes of the items held; goes up and down.'],
]

/** Stands whatever is asked for: an alert of memcached's mixin needs it. */
const ALWAYS = 'outofmemory'

export const SLAB_FAMILIES: readonly Family[] = [
  ...ROWS.map(
    ([name, type, stat, help]): Family => ({
      name: `memcached_slab_${name}`,
      type,
      help,
      labelNames: ['slab'],
      collect: (scrape) =>
        isShown(scrape) || stat === ALWAYS
          ? scrape.slabs.flatMap((slab) => sampleOf(slab, stat, {}))
          : [],
    }),
  ),
  {
    name: 'memcached_slab_lru_hits_total',
    type: 'counter',
    help: 'Hits, all of them in the cold list.',
    labelNames: ['slab', 'lru'],
    collect: (scrape) => (isShown(scrape) ? scrape.slabs.flatMap(lruHits) : []),
  },
  {
    name: 'memcached_slab_commands_total',
    type: 'counter',
    help: 'Commands that found their item in the class.',
    labelNames: ['slab', 'command', 'status'],
    collect: (scrape) =>
      isShown(scrape) ? scrape.slabs.flatMap((slab) => commands(scrape, slab)) : [],
  },
]

function isShown({ source }: Scrape): boolean {
  return source.stats.config.metrics.slabs !== 'off'
}

/** Nothing for a stat that is not there: some depend on settings. */
function sampleOf({ slab, stats }: SlabFigures, stat: string, labels: Labels): Sample[] {
  const value = stats.get(stat)
  return value === undefined ? [] : [{ value, labels: { slab, ...labels } }]
}

const LISTS = [
  ['hot', 'hits_to_hot'],
  ['warm', 'hits_to_warm'],
  ['cold', 'hits_to_cold'],
  ['temporary', 'hits_to_temp'],
] as const

function lruHits(slab: SlabFigures): Sample[] {
  return LISTS.flatMap(([lru, stat]) => sampleOf(slab, stat, { lru }))
}

const OUTCOMES = [
  ['get', 'hit', 'get_hits'],
  ['delete', 'hit', 'delete_hits'],
  ['incr', 'hit', 'incr_hits'],
  ['decr', 'hit', 'decr_hits'],
  ['cas', 'hit', 'cas_hits'],
  ['cas', 'badval', 'cas_badval'],
  ['touch', 'hit', 'touch_hits'],
] as const

/** cmd_set counts the cas that found their item as well. */
function commands({ ratchet }: Scrape, slab: SlabFigures): Sample[] {
  const number = (stat: string): number => slab.stats.get(stat) ?? 0
  const sets = number('cmd_set') - number('cas_hits') - number('cas_badval')
  return [
    ...OUTCOMES.flatMap(([command, status, stat]) => sampleOf(slab, stat, { command, status })),
    {
      value: ratchet.raise(`slab ${slab.slab}`, sets),
      labels: { slab: slab.slab, command: 'set', status: 'hit' },
    },
  ]
}
