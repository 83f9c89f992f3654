import type { Config, ListenAddress, ProtocolName, TlsConfig, TlsVerify } from '../base/config.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { StatsSource } from './stats.ts'
import { STATS_END, statLine, yesNo } from './stats.ts'
import { TUNABLE } from './tunables.ts'

/** `stats settings`, in memcached's order. */
export function settingsStats(source: StatsSource): string {
  return (
    networkSettings(source) +
    limitSettings(source) +
    tunedSettings(source) +
    bufferSettings(source.config) +
    tlsSettings(source.config.tls) +
    STATS_END
  )
}

function networkSettings({ config, figures, runtime }: StatsSource): string {
  const { listen, memory, compat } = config
  return (
    statLine('maxbytes', figures().limitBytes) +
    statLine('maxconns', runtime[RUNTIME.connectionsMax] as number) +
    statLine('tcpport', listen.port) +
    statLine('udpport', compat.udpPort) +
    statLine('inter', addressesText(listen.addresses)) +
    statLine('verbosity', runtime[RUNTIME.verbosity] as number) +
    statLine('oldest', Math.max(0, runtime[RUNTIME.flushAtSeconds] as number)) +
    statLine('evictions', memory.evict ? 'on' : 'off') +
    statLine('domain_socket', listen.unixSocket === '' ? 'NULL' : listen.unixSocket) +
    statLine('umask', listen.unixMask.toString(8))
  )
}

function limitSettings({ config, runtime, workers }: StatsSource): string {
  const { auth, commands, compat, connections, items, listen, protocol, stats } = config
  return (
    statLine('shutdown_command', yesNo(commands.shutdown)) +
    statLine('growth_factor', compat.growthFactor.toFixed(2)) +
    statLine('chunk_size', compat.chunkSize) +
    statLine('num_threads', workers) +
    statLine('num_threads_per_udp', workers) +
    statLine('stat_key_prefix', stats.prefixDelimiter) +
    statLine('detail_enabled', yesNo(runtime[RUNTIME.prefixStats] === 1)) +
    statLine('reqs_per_event', connections.requestsPerTurn) +
    statLine('cas_enabled', yesNo(items.cas)) +
    statLine('tcp_backlog', listen.backlog) +
    statLine('binding_protocol', PROTOCOL_NAMES[protocol.binding]) +
    statLine('auth_enabled_sasl', 'no') +
    statLine('auth_enabled_ascii', auth.file === '' ? 'no' : auth.file) +
    statLine('item_size_max', items.maxSize) +
    statLine('maxconns_fast', yesNo(connections.maxFast)) +
    statLine('hashpower_init', compat.hashpowerInit) +
    statLine('slab_reassign', yesNo(compat.slabReassign))
  )
}

function tunedSettings({ config, tunables }: StatsSource): string {
  const { commands, compat } = config
  const word = (index: number): number => tunables[index] as number
  const decimal = (index: number): string => (word(index) / 1000).toFixed(2)
  return (
    statLine('slab_automove', word(TUNABLE.slabAutomove)) +
    statLine('slab_automove_ratio', decimal(TUNABLE.slabAutomoveRatio)) +
    statLine('slab_automove_window', word(TUNABLE.slabAutomoveWindow)) +
    statLine('slab_chunk_max', compat.slabChunkMax) +
    statLine('lru_crawler', yesNo(word(TUNABLE.lruCrawler) === 1)) +
    statLine('lru_crawler_sleep', word(TUNABLE.lruCrawlerSleep)) +
    statLine('lru_crawler_tocrawl', word(TUNABLE.lruCrawlerTocrawl) >>> 0) +
    statLine('tail_repair_time', compat.tailRepairTime) +
    statLine('flush_enabled', yesNo(commands.flushAll)) +
    statLine('dump_enabled', yesNo(commands.dump)) +
    statLine('hash_algorithm', compat.hashAlgorithm) +
    statLine('lru_maintainer_thread', yesNo(compat.lruMaintainer)) +
    statLine('lru_segmented', yesNo(word(TUNABLE.lruSegmented) === 1)) +
    statLine('hot_lru_pct', word(TUNABLE.hotLruPercent)) +
    statLine('warm_lru_pct', word(TUNABLE.warmLruPercent)) +
    statLine('hot_max_factor', decimal(TUNABLE.hotMaxFactor)) +
    statLine('warm_max_factor', decimal(TUNABLE.warmMaxFactor)) +
    statLine('temp_lru', yesNo(word(TUNABLE.tempLru) === 1)) +
    statLine('temporary_ttl', word(TUNABLE.temporaryTtl))
  )
}

function bufferSettings({ compat, connections, stats, watch }: Config): string {
  return (
    statLine('idle_timeout', Math.floor(connections.idleTimeout / 1000)) +
    statLine('watcher_logbuf_size', watch.bufferSize) +
    statLine('worker_logbuf_size', compat.workerLogBufferSize) +
    statLine('read_buf_mem_limit', compat.readBufferMemoryLimit) +
    statLine('track_sizes', yesNo(stats.trackSizes)) +
    statLine('inline_ascii_response', 'no') +
    statLine('num_napi_ids', compat.napiIds) +
    statLine('memory_file', '(null)') +
    statLine('client_flags_size', 4)
  )
}

/** As OpenSSL numbers what memcached's ssl_verify_mode says. */
const VERIFY_NUMBERS: Record<TlsVerify, number> = { none: 0, request: 1, require: 3 }

/** memcached shows them in a build with TLS, whether or not it is on; here they are for who has it on. */
function tlsSettings(tls: TlsConfig): string {
  if (!tls.enabled) return ''
  return (
    statLine('ssl_enabled', 'yes') +
    statLine('ssl_chain_cert', tls.certFile) +
    statLine('ssl_key', tls.keyFile === '' ? tls.certFile : tls.keyFile) +
    statLine('ssl_verify_mode', VERIFY_NUMBERS[tls.verify]) +
    statLine('ssl_keyformat', tls.keyFormat === 'pem' ? 1 : 2) +
    statLine('ssl_ciphers', tls.ciphers === '' ? 'NULL' : tls.ciphers) +
    statLine('ssl_ca_cert', tls.caFile === '' ? 'NULL' : tls.caFile) +
    statLine('ssl_wbuf_size', tls.writeBufferSize) +
    statLine('ssl_session_cache', yesNo(tls.sessionTickets)) +
    statLine('ssl_kernel_tls', 'no') +
    statLine('ssl_min_version', tls.minVersion)
  )
}

const PROTOCOL_NAMES: Record<ProtocolName, string> = {
  auto: 'auto-negotiate',
  ascii: 'ascii',
  binary: 'binary',
}

/** As one would write them for -l; NULL for the default, every address. */
function addressesText(addresses: readonly ListenAddress[]): string {
  const text = addresses.map(addressText).join(',')
  return text === '*' || text === '' ? 'NULL' : text
}

function addressText({ host, port, protocol, tag, tls }: ListenAddress): string {
  const marks =
    (tls === 'default' ? '' : `${tls}:`) +
    (tag === '' ? '' : `tag_${tag}_:`) +
    (protocol === 'auto' ? '' : `proto[${protocol}]:`)
  if (port === 0) return marks + host
  return `${marks}${host.includes(':') ? `[${host}]` : host}:${port}`
}
