import { RUNTIME } from '../../base/runtime.ts'
import { COUNTER } from '../counters.ts'
import { CLOSE_REASON_NAMES } from '../events.ts'
import { threadName } from '../thread-figures.ts'
import type { Family, Sample } from './family.ts'
import { byLabel, counter, gauge } from './family.ts'
import type { Scrape } from './scrape.ts'

/** memc-kv's own: connections, by worker and by what they wait for. */
export const CONNECTION_FAMILIES: readonly Family[] = [
  {
    name: 'memckv_connections',
    type: 'gauge',
    help: 'Open connections by worker and by what they are doing; counted once a second.',
    labelNames: ['thread', 'state'],
    collect: byWorkerAndState,
  },
  byLabel(
    'counter',
    'memckv_connections_rejected_total',
    'Connections refused, and why.',
    'reason',
    rejected,
  ),
  counter(
    'memckv_idle_kicks_total',
    'Connections closed after connections.idleTimeout.',
    ({ counters }) => counters[COUNTER.idleKicks] as number,
  ),
  {
    name: 'memckv_connections_passed_total',
    type: 'counter',
    help: 'Connections that a worker accepted and handed to one that had fewer.',
    labelNames: ['thread'],
    collect: ({ source }) =>
      source.stats.counters.slice(0, source.stats.workers).map((block, worker) => ({
        value: block[COUNTER.connectionsPassed] as number,
        labels: { thread: threadName(worker, source.stats.workers) },
      })),
  },
  byLabel(
    'counter',
    'memckv_connections_closed_total',
    'Connections that ended, and why.',
    'reason',
    ({ counters }) =>
      CLOSE_REASON_NAMES.map((name, reason) => [
        name,
        counters[COUNTER.connectionsClosed + reason] as number,
      ]),
  ),
  gauge(
    'memckv_draining',
    '1 from the beginning of the drain on.',
    ({ source }) => source.stats.runtime[RUNTIME.draining] as number,
  ),
]

const STATES = [
  ['idle', COUNTER.connectionsIdle],
  ['reading', COUNTER.connectionsReading],
  ['writing', COUNTER.connectionsWriting],
  ['waiting', COUNTER.connectionsWaiting],
  ['watching', COUNTER.connectionsWatching],
] as const

function byWorkerAndState({ source }: Scrape): Sample[] {
  const { counters, workers } = source.stats
  return counters.slice(0, workers).flatMap((block, worker) =>
    STATES.map(([state, index]) => ({
      value: block[index] as number,
      labels: { thread: threadName(worker, workers), state },
    })),
  )
}

/** Which of the two it is, is a matter of the settings: the limit itself, or the queue that waits at it. */
function rejected({ source, counters }: Scrape): [string, number][] {
  const count = counters[COUNTER.connectionsRejected] as number
  const atLimit = source.stats.config.connections.maxFast
  return [
    ['limit', atLimit ? count : 0],
    ['backlog', atLimit ? 0 : count],
  ]
}
