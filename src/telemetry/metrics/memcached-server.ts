import { RUNTIME } from '../../base/runtime.ts'
import { COUNTER } from '../counters.ts'
import { SEGMENT_BYTES, uptimeSeconds } from '../stats.ts'
import { TUNABLE } from '../tunables.ts'
import type { Family, Sample } from './family.ts'
import { counter, gauge, info } from './family.ts'
import type { Scrape } from './scrape.ts'

/**
 * memcached_exporter's metrics of the server as a whole, by its names, types and labels, the odd ones
 * included: dashboards and alerts made for it must find what they look for.
 */
const GENERAL: readonly Family[] = [
  gauge('memcached_up', '1 while the server serves.', () => 1),
  counter('memcached_uptime_seconds', 'Seconds since the start.', ({ now }) => uptimeSeconds(now)),
  gauge('memcached_time_seconds', "The server's Unix clock.", ({ source, now }) =>
    source.stats.clock.unixSeconds(now),
  ),
  info(
    'memcached_version',
    'The memcached release whose protocol is spoken.',
    ['version'],
    ({ source }) => ({ version: source.stats.version }),
  ),
  gauge(
    'memcached_accepting_connections',
    '0 while new clients wait for a place under the connection limit.',
    (scrape) => (word(scrape, RUNTIME.acceptPaused) === 0 ? 1 : 0),
  ),
  counter(
    'memcached_process_user_cpu_seconds_total',
    'Processor time of the process in user mode.',
    (scrape) => scrape.process.userSeconds,
  ),
  counter(
    'memcached_process_system_cpu_seconds_total',
    'Processor time of the process in the kernel.',
    (scrape) => scrape.process.systemSeconds,
  ),
]

const CONNECTIONS: readonly Family[] = [
  counted('memcached_read_bytes_total', 'Bytes from clients.', COUNTER.bytesRead),
  counted('memcached_written_bytes_total', 'Bytes to clients.', COUNTER.bytesWritten),
  gauge('memcached_current_connections', 'Open connections.', of(COUNTER.connections)),
  gauge('memcached_max_connections', 'Limit of open connections.', (scrape) =>
    word(scrape, RUNTIME.connectionsMax),
  ),
  counted('memcached_connections_total', 'Connections accepted.', COUNTER.connectionsTotal),
  counted(
    'memcached_connections_rejected_total',
    'Connections refused at the limit.',
    COUNTER.connectionsRejected,
  ),
  counted(
    'memcached_connections_yielded_total',
    'Times a connection gave way after its commands of one turn.',
    COUNTER.connectionYields,
  ),
  counted(
    'memcached_connections_listener_disabled_total',
    'Times a worker stopped taking new clients at the limit.',
    COUNTER.listenDisabled,
  ),
]

const ITEMS: readonly Family[] = [
  gauge(
    'memcached_current_bytes',
    'Bytes of items by the formula of memcached: key, value and about 50 for each.',
    ({ figures }) => figures.itemBytes,
  ),
  gauge('memcached_limit_bytes', 'Limit of item memory.', ({ figures }) => figures.limitBytes),
  gauge(
    'memcached_malloced_bytes',
    'Memory of segments in use.',
    ({ figures }) => figures.segmentsUsed * SEGMENT_BYTES,
  ),
  {
    name: 'memcached_commands_total',
    type: 'counter',
    help: 'Commands by outcome; a get counts once for each key.',
    labelNames: ['command', 'status'],
    collect: commands,
  },
  gauge('memcached_current_items', 'Items held.', ({ figures }) => figures.items),
  counter('memcached_items_total', 'Items stored.', ({ figures }) => figures.itemsTotal),
  counter(
    'memcached_items_evicted_total',
    'Live items dropped for room.',
    ({ figures }) => figures.evictions,
  ),
  counter(
    'memcached_items_reclaimed_total',
    'Expired items whose room was taken back.',
    ({ figures }) => figures.reclaimed + figures.swept,
  ),
  counted(
    'memcached_item_too_large_total',
    'Writes refused: over the limit of item size.',
    COUNTER.storeTooLarge,
  ),
  counted('memcached_item_no_memory_total', 'Writes refused: no room.', COUNTER.storeNoMemory),
  counter(
    'memcached_direct_reclaims_total',
    'Slices of reclaiming that a writer waited for.',
    ({ figures }) => figures.directReclaims,
  ),
]

/** Settings of a crawler that there is not; the exporter leaves them out while it is off, too. */
const CRAWLER_SETTINGS: readonly Family[] = [
  tuned('sleep', 'Microseconds to sleep between items, as set.', TUNABLE.lruCrawlerSleep),
  tuned('to_crawl', 'Items to crawl, as set.', TUNABLE.lruCrawlerTocrawl, (tuning) => tuning >>> 0),
  whileOn('maintainer_thread', 'compat.lruMaintainer.', ({ source }) =>
    source.stats.config.compat.lruMaintainer ? 1 : 0,
  ),
  tuned('hot_percent', 'Share of the hot list, as set.', TUNABLE.hotLruPercent),
  tuned('warm_percent', 'Share of the warm list, as set.', TUNABLE.warmLruPercent),
  tuned('hot_max_factor', 'Age of the hot list, as set.', TUNABLE.hotMaxFactor, inThousandths),
  tuned('warm_max_factor', 'Age of the warm list, as set.', TUNABLE.warmMaxFactor, inThousandths),
]

const CRAWLER: readonly Family[] = [
  gauge('memcached_lru_crawler_enabled', 'compat.lruCrawler.', (scrape) =>
    isCrawlerOn(scrape) ? 1 : 0,
  ),
  ...CRAWLER_SETTINGS,
  counter('memcached_lru_crawler_starts_total', 'Times a client asked for a crawl.', (scrape) =>
    tunable(scrape, TUNABLE.crawlerStarts),
  ),
  counter(
    'memcached_lru_crawler_reclaimed_total',
    'Expired items that the sweep took back.',
    ({ figures }) => figures.swept,
  ),
  counter('memcached_lru_crawler_items_checked_total', 'Always 0.', () => 0),
  counter('memcached_lru_crawler_moves_to_cold_total', 'Always 0.', () => 0),
  counter('memcached_lru_crawler_moves_to_warm_total', 'Always 0.', () => 0),
  counter(
    'memcached_lru_crawler_moves_within_lru_total',
    'Items that eviction or cleaning moved.',
    ({ figures }) => figures.moved,
  ),
]

export const SERVER_FAMILIES: readonly Family[] = [...GENERAL, ...CONNECTIONS, ...ITEMS, ...CRAWLER]

/** Commands that have a counter of their own for each outcome. */
const OUTCOMES: readonly (readonly [command: string, status: string, counter: number])[] = [
  ['get', 'hit', COUNTER.getHits],
  ['get', 'miss', COUNTER.getMisses],
  ['delete', 'hit', COUNTER.deleteHits],
  ['delete', 'miss', COUNTER.deleteMisses],
  ['incr', 'hit', COUNTER.incrementHits],
  ['incr', 'miss', COUNTER.incrementMisses],
  ['decr', 'hit', COUNTER.decrementHits],
  ['decr', 'miss', COUNTER.decrementMisses],
  ['cas', 'hit', COUNTER.casHits],
  ['cas', 'miss', COUNTER.casMisses],
  ['cas', 'badval', COUNTER.casBadValue],
  ['touch', 'hit', COUNTER.touchHits],
  ['touch', 'miss', COUNTER.touchMisses],
  ['flush', 'hit', COUNTER.flushCommands],
]

/** cmd_set counts every cas as well, which here has series of its own. */
function commands({ counters, ratchet }: Scrape): Sample[] {
  const number = (index: number): number => counters[index] as number
  const samples = OUTCOMES.map(([command, status, index]) => ({
    value: number(index),
    labels: { command, status },
  }))
  const cas = number(COUNTER.casHits) + number(COUNTER.casMisses) + number(COUNTER.casBadValue)
  const sets = ratchet.raise('set', number(COUNTER.setCommands) - cas)
  return [...samples, { value: sets, labels: { command: 'set', status: 'hit' } }]
}

function counted(name: string, help: string, index: number): Family {
  return counter(name, help, of(index))
}

function of(index: number): (scrape: Scrape) => number {
  return ({ counters }) => counters[index] as number
}

function tuned(
  name: string,
  help: string,
  index: number,
  shown: (tuning: number) => number = (tuning) => tuning,
): Family {
  return whileOn(name, help, (scrape) => shown(tunable(scrape, index)))
}

function whileOn(name: string, help: string, value: (scrape: Scrape) => number): Family {
  const family = gauge(`memcached_lru_crawler_${name}`, help, value)
  return { ...family, collect: (scrape) => (isCrawlerOn(scrape) ? family.collect(scrape) : []) }
}

function isCrawlerOn(scrape: Scrape): boolean {
  return tunable(scrape, TUNABLE.lruCrawler) === 1
}

function inThousandths(tuning: number): number {
  return tuning / 1000
}

function tunable({ source }: Scrape, index: number): number {
  return source.stats.tunables[index] as number
}

function word({ source }: Scrape, index: number): number {
  return source.stats.runtime[index] as number
}
