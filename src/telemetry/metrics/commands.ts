import { LINE, LINE_IS_CLIENT_ERROR } from '../../protocol/lines.ts'
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
  byLabel(
    'counter',
    'memckv_malformed_requests_total',
    'Requests answered by ERROR or CLIENT_ERROR, by what was wrong.',
    'reason',
    mistakes,
  ),
  byLabel(
    'counter',
    'memckv_spans_total',
    'Trace spans sampled by workers, sent to the exporter, lost on the way, and never begun because of a limit.',
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
  const { sent, dropped, limited } = source.spans()
  return [
    ['sampled', counters[COUNTER.spansSampled] as number],
    ['sent', sent],
    ['dropped', dropped + (counters[COUNTER.spansDropped] as number)],
    ['limited', limited + (counters[COUNTER.spansLimited] as number)],
  ]
}

/** Clients that may not do it have made no mistake in asking: these have counters of their own (auth.ts). */
const NO_MISTAKES: readonly number[] = [
  LINE.authFailure,
  LINE.unauthenticated,
  LINE.permissionDenied,
]

/** Errors that are the client's own mistake; the server's have counters under memcached's names. */
function mistakes({ counters }: Scrape): [string, number][] {
  const byLine = Object.entries(LINE)
    .filter(([, line]) => LINE_IS_CLIENT_ERROR[line] && !NO_MISTAKES.includes(line))
    .map(([name, line]): [string, number] => [
      reasonOf(name),
      counters[COUNTER.errorLines + line] as number,
    ])
  return [...byLine, ['admin_command', counters[COUNTER.adminErrors] as number]]
}

/** badFormat becomes bad_format. */
function reasonOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function counted(name: string, help: string, index: number): Family {
  return counter(name, help, ({ counters }) => counters[index] as number)
}
