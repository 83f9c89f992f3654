import { seriesName } from './page.ts'

/**
 * What memcached_exporter makes of a server's `stats`, by its rules: which stat becomes which series.
 * A stat that is missing has no series. This is the other opinion on what our own page should say, so
 * it shares nothing with src/telemetry/metrics/.
 */
export interface ServerStats {
  readonly general: ReadonlyMap<string, string>
  readonly settings: ReadonlyMap<string, string>
  readonly items: ReadonlyMap<string, string>
  readonly slabs: ReadonlyMap<string, string>
}

export function exporterSeries(stats: ServerStats): Map<string, number> {
  return new Map([
    ...generalSeries(stats),
    ...commandSeries(stats.general),
    ...crawlerSeries(stats),
    ...slabSeries(stats),
  ])
}

type Series = [name: string, value: number]

const GENERAL = `
  uptime_seconds uptime, time_seconds time, accepting_connections accepting_conns,
  process_user_cpu_seconds_total rusage_user, process_system_cpu_seconds_total rusage_system,
  read_bytes_total bytes_read, written_bytes_total bytes_written,
  current_connections curr_connections, connections_total total_connections,
  connections_rejected_total rejected_connections, connections_yielded_total conn_yields,
  connections_listener_disabled_total listen_disabled_num, current_bytes bytes,
  limit_bytes limit_maxbytes, current_items curr_items, items_total total_items,
  items_evicted_total evictions, items_reclaimed_total reclaimed,
  item_too_large_total store_too_large, item_no_memory_total store_no_memory,
  direct_reclaims_total direct_reclaims`

function generalSeries({ general, settings, slabs }: ServerStats): Series[] {
  return [
    ['memcached_up', 1],
    [seriesName('memcached_version', { version: general.get('version') ?? '' }), 1],
    ...renamed('memcached_', GENERAL, general),
    ...renamed('memcached_', 'max_connections maxconns', settings),
    ...renamed('memcached_', 'malloced_bytes total_malloced', slabs),
  ]
}

function commandSeries(general: ReadonlyMap<string, string>): Series[] {
  const series: Series[] = []
  const add = (command: string, status: string, value: number | undefined): void => {
    if (value === undefined) return
    series.push([seriesName('memcached_commands_total', { command, status }), value])
  }
  const number = (stat: string): number | undefined => numberIn(general, stat)
  for (const command of ['get', 'delete', 'incr', 'decr', 'cas', 'touch']) {
    add(command, 'hit', number(`${command}_hits`))
    add(command, 'miss', number(`${command}_misses`))
  }
  add('cas', 'badval', number('cas_badval'))
  add('flush', 'hit', number('cmd_flush'))
  const cas = number('cas_hits')! + number('cas_misses')! + number('cas_badval')!
  add('set', 'hit', number('cmd_set')! - cas)
  return series
}

const CRAWLER_SETTINGS = `
  sleep lru_crawler_sleep, to_crawl lru_crawler_tocrawl, hot_percent hot_lru_pct,
  warm_percent warm_lru_pct, hot_max_factor hot_max_factor, warm_max_factor warm_max_factor`
const CRAWLER = `
  starts_total lru_crawler_starts, reclaimed_total crawler_reclaimed,
  items_checked_total crawler_items_checked, moves_to_cold_total moves_to_cold,
  moves_to_warm_total moves_to_warm, moves_within_lru_total moves_within_lru`

function crawlerSeries({ general, settings }: ServerStats): Series[] {
  const prefix = 'memcached_lru_crawler_'
  const yes = (setting: string): number => (settings.get(setting) === 'yes' ? 1 : 0)
  const enabled = yes('lru_crawler')
  const tuned: Series[] = [
    [`${prefix}maintainer_thread`, yes('lru_maintainer_thread')],
    ...renamed(prefix, CRAWLER_SETTINGS, settings),
  ]
  return [
    [`${prefix}enabled`, enabled],
    ...(enabled === 1 ? tuned : []),
    ...renamed(prefix, CRAWLER, general),
  ]
}

const SLAB_ITEMS = `
  current_items number, items_age_seconds age, items_crawler_reclaimed_total crawler_reclaimed,
  items_evicted_total evicted, items_evicted_nonzero_total evicted_nonzero,
  items_evicted_time_seconds evicted_time, items_evicted_unfetched_total evicted_unfetched,
  items_expired_unfetched_total expired_unfetched, items_outofmemory_total outofmemory,
  items_reclaimed_total reclaimed, items_tailrepairs_total tailrepairs,
  items_moves_to_cold moves_to_cold, items_moves_to_warm moves_to_warm,
  items_moves_within_lru moves_within_lru, mem_requested_bytes mem_requested,
  hot_items number_hot, warm_items number_warm, cold_items number_cold,
  temporary_items number_temp, hot_age_seconds age_hot, warm_age_seconds age_warm`
const SLAB_CHUNKS = `
  chunk_size_bytes chunk_size, chunks_per_page chunks_per_page, current_pages total_pages,
  current_chunks total_chunks, chunks_used used_chunks, chunks_free free_chunks,
  chunks_free_end free_chunks_end`
const SLAB_HITS =
  'get get_hits, delete delete_hits, incr incr_hits, decr decr_hits, touch touch_hits'

function slabSeries({ items, slabs }: ServerStats): Series[] {
  const prefix = 'memcached_slab_'
  const series: Series[] = []
  for (const [slab, stats] of bySlab(items, /^items:(\d+):(.+)$/)) {
    series.push(...renamed(prefix, SLAB_ITEMS, stats, { slab }))
    for (const lru of ['hot', 'warm', 'cold', 'temporary']) {
      const stat = `hits_to_${lru === 'temporary' ? 'temp' : lru}`
      series.push(...renamed(prefix, `lru_hits_total ${stat}`, stats, { slab, lru }))
    }
  }
  for (const [slab, stats] of bySlab(slabs, /^(\d+):(.+)$/)) {
    series.push(...renamed(prefix, SLAB_CHUNKS, stats, { slab }))
    const add = (command: string, status: string, value: number): void => {
      series.push([seriesName(`${prefix}commands_total`, { slab, command, status }), value])
    }
    for (const [command, stat] of pairs(SLAB_HITS)) add(command, 'hit', numberIn(stats, stat)!)
    const hits = numberIn(stats, 'cas_hits')!
    const bad = numberIn(stats, 'cas_badval')!
    add('cas', 'hit', hits)
    add('cas', 'badval', bad)
    add('set', 'hit', numberIn(stats, 'cmd_set')! - hits - bad)
  }
  return series
}

function bySlab(
  stats: ReadonlyMap<string, string>,
  pattern: RegExp,
): Map<string, Map<string, string>> {
  const slabs = new Map<string, Map<string, string>>()
  for (const [key, value] of stats) {
    const [, slab, name] = pattern.exec(key) ?? []
    if (slab === undefined || name === undefined) continue
    slabs.set(slab, (slabs.get(slab) ?? new Map()).set(name, value))
  }
  return slabs
}

/** Rows of a metric's name behind its prefix, and of the stat that it shows. */
function renamed(
  prefix: string,
  rows: string,
  stats: ReadonlyMap<string, string>,
  labels: Readonly<Record<string, string>> = {},
): Series[] {
  return pairs(rows).flatMap(([name, stat]) => {
    const value = numberIn(stats, stat)
    return value === undefined ? [] : [[seriesName(prefix + name, labels), value] as Series]
  })
}

function pairs(rows: string): [string, string][] {
  return rows.split(',').map((row) => row.trim().split(/\s+/) as [string, string])
}

function numberIn(stats: ReadonlyMap<string, string>, stat: string): number | undefined {
  const text = stats.get(stat)
  return text === undefined ? undefined : Number(text)
}
