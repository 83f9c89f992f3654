import { read } from '../../repo/repository.ts'

export interface GridPosition {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: GridPosition
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string; readonly exemplar?: boolean }[]
}

export interface Variable {
  readonly name: string
  readonly type: string
  readonly allValue?: string
  readonly definition?: string
}

export interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] }
}

export const dashboard = JSON.parse(read('helm/memc-kv/files/dashboard.json')) as Dashboard

/** The memcached mixin's panels with its queries; S are the labels chosen, R the interval. */
export const MIXIN: readonly (readonly [panel: string, ...queries: string[]])[] = [
  [
    'Hit Rate',
    'sum(rate(memcached_commands_total{S, command="get", status="hit"}[R])) / sum(rate(memcached_commands_total{S, command="get"}[R]))',
  ],
  [
    'Top 20 Highest Connection Usage',
    'topk(20, max by (cluster, job, instance) (memcached_current_connections{S} / memcached_max_connections{S}))',
  ],
  ['Commands', 'sum by (command, status) (rate(memcached_commands_total{S}[R]))'],
  ['Evictions', 'sum by (instance) (rate(memcached_items_evicted_total{S}[R]))'],
  ['Stored', 'sum by (instance) (rate(memcached_items_total{S}[R]))'],
  [
    'CPU',
    'sum by (instance) (rate(memcached_process_user_cpu_seconds_total{S}[R]) + rate(memcached_process_system_cpu_seconds_total{S}[R]))',
  ],
  ['Memory', 'sum by (instance) (memcached_current_bytes{S})'],
  ['Items', 'sum by (instance) (memcached_current_items{S})'],
  [
    'Current Connections',
    'sum by (instance) (memcached_current_connections{S})',
    'min(memcached_max_connections{S})',
  ],
  ['Connections / sec', 'sum by (instance) (rate(memcached_connections_total{S}[R]))'],
  ['Bytes received', 'sum by (instance) (rate(memcached_read_bytes_total{S}[R]))'],
  ['Bytes transmitted', 'sum by (instance) (rate(memcached_written_bytes_total{S}[R]))'],
  [
    'Memcached Info',
    'count by (job, instance, version) (memcached_version{S})',
    'max by (job, instance) (memcached_uptime_seconds{S})',
  ],
]

/** Longer than a test takes, so that a rate has seen each counter from 0 on. */
export const INTERVAL_SECONDS = 300

/** What Grafana makes of a query: All for each variable, or a job. */
export function filledIn(query: string, job = '.+'): string {
  return query
    .replaceAll('$__rate_interval', `${INTERVAL_SECONDS}s`)
    .replaceAll('$cluster', '.*')
    .replaceAll('$namespace', '.+')
    .replaceAll('$job', job)
    .replaceAll('$instance', '.+')
}
