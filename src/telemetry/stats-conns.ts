import { STATS_END, statLine } from './stats.ts'

/** A listener or a connection, as the worker that has it describes it for `stats conns`. */
export interface ConnectionFigures {
  /** Unique over the server. */
  readonly number: number
  /** `tcp:1.2.3.4:5`, `tcp6:[::1]:5` or `unix:/path`; of the peer, or for a listener its own. */
  readonly address: string
  /** Of the listener it came by; '' for a listener. */
  readonly listenAddress: string
  /** memcached's word: conn_listening, conn_read, conn_parse_cmd … */
  readonly state: string
  readonly secondsSinceLastCommand: number
}

/** The whole reply to `stats conns`. */
export function connectionsStats(connections: readonly ConnectionFigures[]): string {
  const sorted = [...connections].sort((left, right) => left.number - right.number)
  return sorted.map(connectionText).join('') + STATS_END
}

function connectionText(connection: ConnectionFigures): string {
  const { number, address, listenAddress, state, secondsSinceLastCommand } = connection
  return (
    statLine(`${number}:addr`, address) +
    (listenAddress === '' ? '' : statLine(`${number}:listen_addr`, listenAddress)) +
    statLine(`${number}:state`, state) +
    statLine(`${number}:secs_since_last_cmd`, secondsSinceLastCommand)
  )
}
