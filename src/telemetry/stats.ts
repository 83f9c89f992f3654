import type { CoarseClock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import { RUNTIME } from '../base/runtime.ts'
import { COUNTER, classCounterIndex } from './counters.ts'
import type { CountedFigures, StatsBaseline } from './stats-baseline.ts'
import { hashPowerLevel, TUNABLE } from './tunables.ts'

/**
 * Everything the stats commands are made from. All of it is shared memory or fixed, so any thread
 * can answer.
 */
export interface StatsSource {
  readonly config: Config
  /** The memcached release that is spoken. */
  readonly version: string
  readonly workers: number
  /** The counter blocks of all workers and the one of the control thread. */
  readonly counters: readonly Float64Array[]
  readonly baseline: StatsBaseline
  readonly tunables: Int32Array
  readonly runtime: Int32Array
  readonly clock: CoarseClock
  readonly figures: () => StoreFigures
}

/** What is taken from the store's figures; store/figures.ts has these and more. */
export interface StoreFigures {
  limitBytes: number
  segmentsUsed: number
  segmentsIndex: number
  segmentsSpare: number
  items: number
  itemBytes: number
  itemsTotal: number
  evictions: number
  evictedActive: number
  evictedUnfetched: number
  reclaimed: number
  swept: number
  expiredUnfetched: number
  moved: number
  directReclaims: number
  /** By size class. */
  readonly classes: readonly Readonly<StoreClassFigures>[]
}

export interface StoreClassFigures {
  items: number
  bytes: number
  evicted: number
  evictedNonzero: number
  evictedUnfetched: number
  evictedActive: number
  expiredUnfetched: number
  reclaimed: number
  swept: number
  outOfMemory: number
  evictedTime: number
}

export type StatValue = number | string

/** Bytes of a segment of the store, the unit its figures count memory in. */
export const SEGMENT_BYTES = 64 * 1024

/** The coarse clock's first second (base/clock.ts). */
const SECONDS_AT_START = 2

/** memcached keeps five descriptors per thread for itself. */
const RESERVED_DESCRIPTORS_PER_WORKER = 5

/** Counters of a block that are not by size class; they come first. */
const PLAIN_COUNTERS = classCounterIndex(0, 0)

export const STATS_END = 'END\r\n'

export function statLine(name: string, value: StatValue): string {
  return `STAT ${name} ${value}\r\n`
}

export function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

/** `stats`: the general figures, in memcached's order, since the last `stats reset`. */
export function generalStats(source: StatsSource): string {
  const counters = source.baseline.counters(source.counters, PLAIN_COUNTERS)
  const figures = source.figures()
  return (
    processStats(source) +
    connectionStats(source, counters) +
    commandStats(source, counters) +
    trafficStats(source, counters, figures) +
    (source.config.compat.slabReassign ? SLAB_STATS : '') +
    crawlerStats(source) +
    watchStats(counters) +
    (source.config.tls.enabled ? tlsStats(source, counters) : '') +
    QUEUE_STATS +
    itemStats(source, figures) +
    STATS_END
  )
}

function processStats({ clock, version }: StatsSource): string {
  const now = clock.seconds()
  const { user, system } = process.cpuUsage()
  return (
    statLine('pid', process.pid) +
    statLine('uptime', uptimeSeconds(now)) +
    statLine('time', clock.unixSeconds(now)) +
    statLine('version', version) +
    // memcached names its event library here; ours is libuv.
    statLine('libevent', `libuv-${process.versions.uv}`) +
    statLine('pointer_size', 64) +
    statLine('rusage_user', secondsWithMicroseconds(user)) +
    statLine('rusage_system', secondsWithMicroseconds(system))
  )
}

/** @param now seconds of the coarse clock */
export function uptimeSeconds(now: number): number {
  return now - SECONDS_AT_START
}

function secondsWithMicroseconds(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1e6)
  return `${seconds}.${String(microseconds - seconds * 1e6).padStart(6, '0')}`
}

function connectionStats(source: StatsSource, counters: Float64Array): string {
  const { config, runtime, workers } = source
  let text =
    statLine('max_connections', runtime[RUNTIME.connectionsMax] as number) +
    counterLine('curr_connections', counters, COUNTER.connections) +
    counterLine('total_connections', counters, COUNTER.connectionsTotal)
  if (config.connections.maxFast) {
    text += counterLine('rejected_connections', counters, COUNTER.connectionsRejected)
  }
  return (
    text +
    counterLine('connection_structures', counters, COUNTER.connections) +
    counterLine('response_obj_oom', counters, COUNTER.replyBufferRefused) +
    counterLine('response_obj_count', counters, COUNTER.replyBuffers) +
    counterLine('response_obj_bytes', counters, COUNTER.replyBufferBytes) +
    counterLine('read_buf_count', counters, COUNTER.readBuffers) +
    counterLine('read_buf_bytes', counters, COUNTER.readBufferBytes) +
    counterLine('read_buf_bytes_free', counters, COUNTER.readBufferBytesFree) +
    counterLine('read_buf_oom', counters, COUNTER.readBufferRefused) +
    statLine('reserved_fds', workers * RESERVED_DESCRIPTORS_PER_WORKER)
  )
}

/** Counters of commands as memcached names and orders them, with what stands before the value. */
const COMMAND_STATS = [
  commandStat('cmd_get', COUNTER.getCommands),
  commandStat('cmd_set', COUNTER.setCommands),
  commandStat('cmd_flush', COUNTER.flushCommands),
  commandStat('cmd_touch', COUNTER.touchCommands),
  commandStat('cmd_meta', COUNTER.metaCommands),
  commandStat('get_hits', COUNTER.getHits),
  commandStat('get_misses', COUNTER.getMisses),
  commandStat('get_expired', COUNTER.getExpired),
  commandStat('get_flushed', COUNTER.getFlushed),
  commandStat('delete_misses', COUNTER.deleteMisses),
  commandStat('delete_hits', COUNTER.deleteHits),
  commandStat('incr_misses', COUNTER.incrementMisses),
  commandStat('incr_hits', COUNTER.incrementHits),
  commandStat('decr_misses', COUNTER.decrementMisses),
  commandStat('decr_hits', COUNTER.decrementHits),
  commandStat('cas_misses', COUNTER.casMisses),
  commandStat('cas_hits', COUNTER.casHits),
  commandStat('cas_badval', COUNTER.casBadValue),
  commandStat('touch_hits', COUNTER.touchHits),
  commandStat('touch_misses', COUNTER.touchMisses),
  commandStat('store_too_large', COUNTER.storeTooLarge),
  commandStat('store_no_memory', COUNTER.storeNoMemory),
  commandStat('auth_cmds', COUNTER.authCommands),
  commandStat('auth_errors', COUNTER.authErrors),
]

/** A line is put together from as few parts as can be, because each join makes a string object. */
function commandStat(name: string, counter: number): { start: string; counter: number } {
  return { start: `STAT ${name} `, counter }
}

function commandStats({ config }: StatsSource, counters: Float64Array): string {
  let text = ''
  for (const { start, counter } of COMMAND_STATS) text += `${start}${counters[counter]}\r\n`
  if (config.connections.idleTimeout > 0) {
    text += counterLine('idle_kicks', counters, COUNTER.idleKicks)
  }
  return text
}

function trafficStats(source: StatsSource, counters: Float64Array, figures: StoreFigures): string {
  const { runtime, tunables, workers } = source
  return (
    counterLine('bytes_read', counters, COUNTER.bytesRead) +
    counterLine('bytes_written', counters, COUNTER.bytesWritten) +
    statLine('limit_maxbytes', figures.limitBytes) +
    statLine('accepting_conns', runtime[RUNTIME.acceptPaused] === 0 ? 1 : 0) +
    counterLine('listen_disabled_num', counters, COUNTER.listenDisabled) +
    counterLine('time_in_listen_disabled_us', counters, COUNTER.listenDisabledMicroseconds) +
    statLine('threads', workers) +
    counterLine('conn_yields', counters, COUNTER.connectionYields) +
    statLine('hash_power_level', hashPowerLevel(tunables, figures.items)) +
    statLine('hash_bytes', figures.segmentsIndex * SEGMENT_BYTES) +
    // The index grows bucket by bucket, so it is never in the middle of anything.
    statLine('hash_is_expanding', 0)
  )
}

/** There are no slabs to reassign, but whoever reads these keys shall find them. */
const SLAB_STATS =
  statLine('slab_reassign_rescues', 0) +
  statLine('slab_reassign_chunk_rescues', 0) +
  statLine('slab_reassign_inline_reclaim', 0) +
  statLine('slab_reassign_busy_items', 0) +
  statLine('slab_reassign_busy_deletes', 0) +
  statLine('slab_reassign_busy_nomem', 0) +
  statLine('slab_reassign_last_busy_status', 'none') +
  statLine('slab_reassign_running', 0) +
  statLine('slabs_moved', 0)

function crawlerStats({ config, tunables }: StatsSource): string {
  let text = ''
  if (tunables[TUNABLE.lruCrawler] === 1) {
    text +=
      statLine('lru_crawler_running', 0) +
      statLine('lru_crawler_starts', tunables[TUNABLE.crawlerStarts] as number)
  }
  if (config.compat.lruMaintainer) text += statLine('lru_maintainer_juggles', 0)
  return text
}

function watchStats(counters: Float64Array): string {
  return (
    statLine('malloc_fails', 0) +
    counterLine('log_worker_dropped', counters, COUNTER.watchDropped) +
    counterLine('log_worker_written', counters, COUNTER.watchWritten) +
    counterLine('log_watcher_skipped', counters, COUNTER.watchSkipped) +
    counterLine('log_watcher_sent', counters, COUNTER.watchSent) +
    counterLine('log_watchers', counters, COUNTER.watchers)
  )
}

const QUEUE_STATS = statLine('unexpected_napi_ids', 0) + statLine('round_robin_fallback', 0)

/** Every handshake that did not come to its end is an error of the handshake, as memcached sees it. */
function tlsStats({ clock, config, runtime }: StatsSource, counters: Float64Array): string {
  const count = (counter: number): number => counters[counter] as number
  const errors =
    count(COUNTER.tlsHandshakesFailed) +
    count(COUNTER.tlsHandshakesRefused) +
    count(COUNTER.tlsHandshakesPlain) +
    count(COUNTER.tlsHandshakesTimedOut) +
    count(COUNTER.tlsHandshakesDropped)
  const refreshedAt = runtime[RUNTIME.tlsRefreshedAtSeconds] as number
  return (
    (config.tls.sessionTickets
      ? counterLine('ssl_new_sessions', counters, COUNTER.tlsHandshakesFull)
      : '') +
    statLine('ssl_handshake_errors', errors) +
    counterLine('ssl_proto_errors', counters, COUNTER.tlsProtocolErrors) +
    statLine('time_since_server_cert_refresh', clock.seconds() - refreshedAt)
  )
}

function itemStats({ baseline, config }: StatsSource, figures: StoreFigures): string {
  const { lruMaintainer } = config.compat
  const since = baseline.figures(figures)
  return (
    statLine('bytes', figures.itemBytes) +
    statLine('curr_items', figures.items) +
    statLine('total_items', since.itemsTotal) +
    statLine('slab_global_page_pool', figures.segmentsSpare) +
    statLine('expired_unfetched', since.expiredUnfetched) +
    statLine('evicted_unfetched', since.evictedUnfetched) +
    (lruMaintainer ? statLine('evicted_active', since.evictedActive) : '') +
    statLine('evictions', since.evictions) +
    statLine('reclaimed', since.reclaimed + since.swept) +
    statLine('crawler_reclaimed', since.swept) +
    statLine('crawler_items_checked', 0) +
    statLine('lrutail_reflocked', 0) +
    (lruMaintainer ? maintainerStats(since) : '')
  )
}

function maintainerStats(since: CountedFigures): string {
  return (
    statLine('moves_to_cold', 0) +
    statLine('moves_to_warm', 0) +
    statLine('moves_within_lru', since.moved) +
    statLine('direct_reclaims', since.directReclaims) +
    statLine('lru_bumps_dropped', 0)
  )
}

function counterLine(name: string, counters: Float64Array, counter: number): string {
  return statLine(name, counters[counter] as number)
}
