/**
 * The names, types and labels of memcached_exporter 0.16 (extstore, proxy and the exporter itself left
 * out), which dashboards and alerts rely on.
 */
export interface ExporterMetric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly labels: readonly string[]
}

function metrics(
  type: 'counter' | 'gauge',
  prefix: string,
  labels: readonly string[],
  names: string,
): ExporterMetric[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => ({ name: prefix + name, type, labels }))
}

export const EXPORTER_METRICS: readonly ExporterMetric[] = [
  ...metrics(
    'gauge',
    'memcached_',
    [],
    `up time_seconds accepting_connections current_connections max_connections current_bytes
     limit_bytes malloced_bytes current_items`,
  ),
  ...metrics(
    'counter',
    'memcached_',
    [],
    `uptime_seconds process_user_cpu_seconds_total process_system_cpu_seconds_total
     read_bytes_total written_bytes_total connections_total connections_rejected_total
     connections_yielded_total connections_listener_disabled_total items_total items_evicted_total
     items_reclaimed_total item_too_large_total item_no_memory_total direct_reclaims_total`,
  ),
  ...metrics('gauge', 'memcached_', ['version'], 'version'),
  ...metrics('counter', 'memcached_', ['command', 'status'], 'commands_total'),
  ...metrics(
    'gauge',
    'memcached_lru_crawler_',
    [],
    `enabled sleep to_crawl maintainer_thread hot_percent warm_percent hot_max_factor
     warm_max_factor`,
  ),
  ...metrics(
    'counter',
    'memcached_lru_crawler_',
    [],
    `starts_total reclaimed_total items_checked_total moves_to_cold_total moves_to_warm_total
     moves_within_lru_total`,
  ),
  ...metrics(
    'gauge',
    'memcached_slab_',
    ['slab'],
    `current_items items_age_seconds hot_items warm_items cold_items temporary_items hot_age_seconds
     warm_age_seconds chunk_size_bytes chunks_per_page current_pages current_chunks chunks_used
     chunks_free chunks_free_end`,
  ),
  ...metrics(
    'counter',
    'memcached_slab_',
    ['slab'],
    `items_crawler_reclaimed_total items_evicted_total items_evicted_nonzero_total
     items_evicted_unfetched_total items_expired_unfetched_total items_outofmemory_total
     items_reclaimed_total items_tailrepairs_total items_evicted_time_seconds items_moves_to_cold
     items_moves_to_warm items_moves_within_lru mem_requested_bytes`,
  ),
  ...metrics('counter', 'memcached_slab_', ['lru', 'slab'], 'lru_hits_total'),
  ...metrics('counter', 'memcached_slab_', ['command', 'slab', 'status'], 'commands_total'),
  ...metrics('counter', 'memcached_process_', [], 'cpu_seconds_total'),
  ...metrics(
    'gauge',
    'memcached_process_',
    [],
    `max_fds open_fds resident_memory_bytes start_time_seconds virtual_memory_bytes
     virtual_memory_max_bytes`,
  ),
]

/** Which status each command has; a further one under get would change everybody's hit ratio. */
export const COMMAND_STATUSES: readonly string[] = [
  'cas badval',
  'cas hit',
  'cas miss',
  'decr hit',
  'decr miss',
  'delete hit',
  'delete miss',
  'flush hit',
  'get hit',
  'get miss',
  'incr hit',
  'incr miss',
  'set hit',
  'touch hit',
  'touch miss',
]

export const SLAB_COMMAND_STATUSES: readonly string[] = [
  'cas badval',
  'cas hit',
  'decr hit',
  'delete hit',
  'get hit',
  'incr hit',
  'set hit',
  'touch hit',
]

/** What promtool says about these names, which are the exporter's and stay. */
export const INHERITED_COMPLAINTS: readonly string[] = [
  'memcached_slab_items_evicted_time_seconds',
  'memcached_slab_items_moves_to_cold',
  'memcached_slab_items_moves_to_warm',
  'memcached_slab_items_moves_within_lru',
  'memcached_slab_mem_requested_bytes',
  'memcached_uptime_seconds',
].map((name) => `${name} counter metrics should have "_total" suffix`)
