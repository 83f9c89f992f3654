import type { ExtendedOption } from './flag-row.ts'
import { TLS_OPTIONS } from './tls-options.ts'

const NO_EFFECT = 'has no effect here'
const REPORTED = 'has no effect here, except on what stats shows'

function flag(name: string, key: string, raw: unknown, doc: string): ExtendedOption {
  return { name, argument: '', key, doc, apply: (sink) => sink.set(key, raw) }
}

function number(
  name: string,
  argument: string,
  key: string,
  unit: string,
  doc: string,
): ExtendedOption {
  return {
    name,
    argument,
    key,
    doc,
    apply: (sink, text) => sink.set(key, /^\d+$/.test(text) ? `${text}${unit}` : text),
  }
}

/** Accepted and shown again by `stats settings`. */
function reported(name: string, argument: string, key: string, unit = ''): ExtendedOption {
  return {
    name,
    argument,
    key,
    doc: '',
    apply: (sink, text) => {
      sink.set(key, unit !== '' && /^\d+$/.test(text) ? `${text}${unit}` : text)
      sink.note(REPORTED)
    },
  }
}

function reportedSwitch(name: string, settings: Readonly<Record<string, unknown>>): ExtendedOption {
  return {
    name,
    argument: '',
    key: '',
    doc: '',
    apply: (sink) => {
      for (const [key, raw] of Object.entries(settings)) sink.set(key, raw)
      sink.note(REPORTED)
    },
  }
}

function ignored(name: string, argument = ''): ExtendedOption {
  return { name, argument, key: '', doc: '', apply: (sink) => sink.note(NO_EFFECT) }
}

/** What memcached's own no_modern turns off, as far as `stats settings` shows it. */
const NO_MODERN: Readonly<Record<string, unknown>> = {
  'compat.slabReassign': false,
  'compat.slabAutomove': 0,
  'compat.lruCrawler': false,
  'compat.hashAlgorithm': 'jenkins',
  'compat.lruMaintainer': false,
  'compat.lruSegmented': false,
  'connections.maxFast': false,
}

export const EXTENDED_OPTIONS: readonly ExtendedOption[] = [
  flag(
    'maxconns_fast',
    'connections.maxFast',
    true,
    'refuse connections over the limit with an error line',
  ),
  flag('no_maxconns_fast', 'connections.maxFast', false, 'stop accepting at the limit instead'),
  number(
    'idle_timeout',
    '<seconds>',
    'connections.idleTimeout',
    's',
    'close connections that are idle for longer; 0 never',
  ),
  number(
    'watcher_logbuf_size',
    '<kilobytes>',
    'watch.bufferSize',
    'kb',
    'events that may wait for one slow watcher',
  ),
  flag('track_sizes', 'stats.trackSizes', true, 'answer stats sizes with a histogram'),
  reported('worker_logbuf_size', '<kilobytes>', 'compat.workerLogBufferSize', 'kb'),
  reported('hashpower', '<num>', 'compat.hashpowerInit'),
  ignored('no_hashexpand'),
  reported('hash_algorithm', '<name>', 'compat.hashAlgorithm'),
  reported('tail_repair_time', '<seconds>', 'compat.tailRepairTime'),
  reportedSwitch('slab_reassign', { 'compat.slabReassign': true }),
  reportedSwitch('no_slab_reassign', { 'compat.slabReassign': false }),
  {
    ...reported('slab_automove', '<0..2>', 'compat.slabAutomove'),
    argumentOptional: true,
    apply: (sink, text) => {
      sink.set('compat.slabAutomove', text === '' ? '1' : text)
      sink.note(REPORTED)
    },
  },
  reportedSwitch('no_slab_automove', { 'compat.slabAutomove': 0 }),
  reported('slab_automove_ratio', '<num>', 'compat.slabAutomoveRatio'),
  reported('slab_automove_window', '<num>', 'compat.slabAutomoveWindow'),
  ignored('slab_automove_freeratio', '<num>'),
  reported('slab_chunk_max', '<kilobytes>', 'compat.slabChunkMax', 'kb'),
  ignored('slab_sizes', '<a-b-c>'),
  ignored('no_chunked_items'),
  reportedSwitch('lru_crawler', { 'compat.lruCrawler': true }),
  reportedSwitch('no_lru_crawler', { 'compat.lruCrawler': false }),
  reported('lru_crawler_sleep', '<microseconds>', 'compat.lruCrawlerSleep'),
  reported('lru_crawler_tocrawl', '<num>', 'compat.lruCrawlerTocrawl'),
  reportedSwitch('lru_maintainer', { 'compat.lruMaintainer': true, 'compat.lruSegmented': true }),
  reportedSwitch('no_lru_maintainer', {
    'compat.lruMaintainer': false,
    'compat.lruSegmented': false,
  }),
  reported('hot_lru_pct', '<percent>', 'compat.hotLruPercent'),
  reported('warm_lru_pct', '<percent>', 'compat.warmLruPercent'),
  reported('hot_max_factor', '<num>', 'compat.hotMaxFactor'),
  reported('warm_max_factor', '<num>', 'compat.warmMaxFactor'),
  {
    ...reported('temporary_ttl', '<seconds>', 'compat.temporaryTtl'),
    apply: (sink, text) => {
      sink.set('compat.temporaryTtl', text)
      sink.set('compat.tempLru', true)
      sink.note(REPORTED)
    },
  },
  reported('read_buf_mem_limit', '<megabytes>', 'compat.readBufferMemoryLimit', 'mb'),
  ignored('resp_obj_mem_limit', '<megabytes>'),
  ignored('modern'),
  reportedSwitch('no_modern', NO_MODERN),
  ignored('inline_ascii_resp'),
  ignored('no_inline_ascii_resp'),
  // memcached's tests take these names in the help for a promise to fence in the process.
  { ...ignored('drop_privileges'), hidden: true },
  { ...ignored('no_drop_privileges'), hidden: true },
  { ...ignored('relaxed_privileges'), hidden: true },
  ignored('sock_cookie_id', '<num>'),
  ...TLS_OPTIONS,
]
