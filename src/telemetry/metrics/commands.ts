import { COUNTER } from '../counters.ts'
import { LATENCY_BOUNDS_SECONDS } from '../latency.ts'
import type { Family, HistogramFigures, Sample } from './family.ts'
import { byLabel, counter, histogram } from './family.ts'
import type { Scrape } from './scrape.ts'

/** memc-kv's own: what clients ask for, how long it takes, and the spans made of it. */
export const COMMAND_FAMILIES: readonly Family[] = [
  histogram(
    {
      name: 'memckv_command_duration_seconds',
      help: 'Time in the server: from reading a request until its reply is handed to the kernel.',
      labelNames: ['command'],
    },
    LATENCY_BOUNDS_SECONDS,
    durations,
  ),
  counted(
    'memckv_get_expired_total',
    'Gets that found an item whose time was over; also counted as misses.',
    COUNTER.getExpired,
  ),
  counted(
    'memckv_get_flushed_total',
    'Gets that found a flushed item; also counted as misses.',
    COUNTER.getFlushed,
  ),
  {
    name: 'memckv_meta_commands_total',
    type: 'counter',
    help: 'Meta commands: mg, ms, md, ma, me and mn.',
    labelNames: [],
    collect: metaCommands,
  },
  counted(
    'memckv_slow_commands_total',
    'Commands of turns beyond log.slowThreshold.',
    COUNTER.slowCommands,
  ),
  counted(
    'memckv_malformed_requests_total',
    'Requests answered by ERROR or CLIENT_ERROR.',
    COUNTER.clientErrors,
  ),
  counted('memckv_auth_commands_total', 'Authentications tried.', COUNTER.authCommands),
  counted('memckv_auth_failures_total', 'Authentications refused.', COUNTER.authErrors),
  byLabel(
    'counter',
    'memckv_spans_total',
    'Trace spans sampled by workers, sent to the exporter, and lost on the way.',
    'outcome',
    spans,
  ),
]

/**
 * The counter of that name in stats, cmd_meta, counts only `me`, as memcached's does. These are taken
 * from where latencies are measured, and absent when they are not.
 */
const META_WORDS: readonly string[] = ['mg', 'ms', 'md', 'ma', 'me', 'mn']

function metaCommands({ source, latency }: Scrape): Sample[] {
  if (!source.stats.config.metrics.latency) return []
  const value = latency
    .filter(({ command }) => META_WORDS.includes(command))
    .reduce((sum, { count }) => sum + count, 0)
  return [{ value, labels: {} }]
}

function durations({ source, latency }: Scrape): HistogramFigures[] {
  const exemplars = source.exemplars()
  return latency.map(({ command, buckets, sumSeconds }) => ({
    labels: { command },
    buckets,
    sum: sumSeconds,
    exemplars: exemplars.get(command),
  }))
}

/** Dropped is what found no room on its way from a worker, and what the exporter did not take. */
function spans({ source, counters }: Scrape): [string, number][] {
  const { sent, dropped } = source.spans()
  return [
    ['sampled', counters[COUNTER.spansSampled] as number],
    ['sent', sent],
    ['dropped', dropped + (counters[COUNTER.spansDropped] as number)],
  ]
}

function counted(name: string, help: string, index: number): Family {
  return counter(name, help, ({ counters }) => counters[index] as number)
}
