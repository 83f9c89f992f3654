import { RUNTIME } from '../../base/runtime.ts'
import type { Family, Labels } from './family.ts'
import { gauge, info } from './family.ts'
import type { Scrape } from './scrape.ts'

const CONFIG_LABELS = [
  'workers',
  'memory_limit',
  'memory_evict',
  'memory_policy',
  'items_max_size',
  'items_cas',
  'connections_max',
  'connections_max_fast',
  'connections_idle_timeout',
  'connections_requests_per_turn',
  'listen_raw_sockets',
  'auth',
  'metrics_latency',
  'metrics_slabs',
  'traces_enabled',
] as const

/** memc-kv's own: what runs, and how it was told to. */
export const ABOUT_FAMILIES: readonly Family[] = [
  info('memckv_build_info', 'What runs.', ['version', 'node', 'commit'], ({ source }) => ({
    version: source.version,
    node: process.versions.node,
    commit: source.commit === '' ? 'unknown' : source.commit,
  })),
  info(
    'memckv_config_info',
    'Settings in effect that matter for comparing instances.',
    CONFIG_LABELS,
    configLabels,
  ),
  gauge(
    'memckv_start_time_seconds',
    'Unix time of the start.',
    (scrape) => scrape.process.startUnixSeconds,
  ),
  gauge(
    'memckv_log_level',
    'Least important lines logged: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.',
    ({ source }) => source.logLevel(),
  ),
]

/** No value is secret: of auth.file and auth.usersFile only whether there is one. Sizes are bytes, times milliseconds. */
function configLabels({ source }: Scrape): Labels {
  const { config, runtime, workers } = source.stats
  const { auth, connections, items, listen, memory, metrics, traces } = config
  const values: Record<(typeof CONFIG_LABELS)[number], string | number | boolean> = {
    workers,
    memory_limit: memory.limit,
    memory_evict: memory.evict,
    memory_policy: memory.policy,
    items_max_size: items.maxSize,
    items_cas: items.cas,
    connections_max: runtime[RUNTIME.connectionsMax] as number,
    connections_max_fast: connections.maxFast,
    connections_idle_timeout: connections.idleTimeout,
    connections_requests_per_turn: connections.requestsPerTurn,
    listen_raw_sockets: listen.rawSockets,
    auth: auth.file !== '' || auth.usersFile !== '',
    metrics_latency: metrics.latency,
    metrics_slabs: metrics.slabs,
    traces_enabled: traces.enabled,
  }
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))
}
