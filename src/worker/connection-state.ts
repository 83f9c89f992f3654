import type { Producer } from '../commands/context.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { Corridor } from './corridor.ts'
import { HALT } from './halt.ts'

/** What a connection waits for, in the words of others. */
export interface ConnectionState {
  readonly corridor: Corridor
  readonly producer: Producer | null
  /** Bytes that came and were not dealt with. */
  readonly bytesWaiting: number
}

/** The word `stats conns` uses. */
export function stateNameOf({ corridor, producer, bytesWaiting }: ConnectionState): string {
  const { halt, block, valueBegun } = corridor
  if (halt === HALT.watching) return 'conn_watch'
  if (halt === HALT.deferred) return 'conn_parse_cmd'
  if (halt === HALT.blocked || producer !== null) return 'conn_mwrite'
  if (halt === HALT.closing) return 'conn_closing'
  if (block !== null) return block.stateName
  if (bytesWaiting === 0) return 'conn_read'
  return valueBegun ? 'conn_nread' : 'conn_waiting'
}

/** The gauge of COUNTER that it belongs to, for metrics. */
export function stateCounterOf({ corridor, producer, bytesWaiting }: ConnectionState): number {
  const { halt, block } = corridor
  if (halt === HALT.watching) return COUNTER.connectionsWatching
  if (halt === HALT.yielded || halt === HALT.deferred) return COUNTER.connectionsWaiting
  if (halt !== HALT.none || producer !== null) return COUNTER.connectionsWriting
  const isIdle = block === null && bytesWaiting === 0
  return isIdle ? COUNTER.connectionsIdle : COUNTER.connectionsReading
}
