import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { monotonicMilliseconds } from '../base/clock.ts'
import { SIDECAR_CONNECTIONS_MAX } from '../base/config.ts'

/** Requests whose headers are there and whose answers the client has not taken yet. */
type Exchanges = Map<IncomingMessage, ServerResponse>

interface Connection {
  readonly socket: Socket
  readonly ends: string
  readonly address: string
  readonly exchanges: Exchanges
}

/**
 * Requests of one connection that may be unanswered at a time. Probes, Prometheus and people send one
 * and wait; who sends more without reading makes the server keep an answer for each.
 */
export const PIPELINED_MAX = 4

/** Whoever crowds the port does so many times a second; the log needs to hear of it now and then. */
const WARNING_MILLISECONDS = 60_000

/**
 * Keeps one place free for whoever comes: a probe that finds no place restarts the server. Node drops
 * what is over maxConnections before anybody hears of it, so the connection that takes the last place
 * is when another has to go: one on which nothing is being answered, be it silent, half sent or kept
 * alive. If there is none, one that does not take the answer it was given, and only then the new one.
 * What the server still works on is never cut.
 *
 * Of these it is the oldest from the address that has the most. A probe needs a moment from its
 * connect to its request, in which a client that opens connections without end would be through all
 * places; but that client is at another address and takes them from itself.
 */
export class Room {
  /** In the order in which they came; never more than the server's maxConnections. */
  readonly #connections = new Map<string, Connection>()
  readonly #log: Logger
  #closed = 0
  #warnedMilliseconds = Number.NEGATIVE_INFINITY

  constructor(server: Server, log: Logger) {
    this.#log = log
    server.maxConnections = SIDECAR_CONNECTIONS_MAX
    server.on('connection', (socket: Socket) => this.#enter(socket))
    // Before Fastify begins to answer it.
    server.prependListener('request', (request, response) => this.#begin(request, response))
  }

  #enter(socket: Socket): void {
    const ends = endsOf(socket)
    const entered = {
      socket,
      ends,
      address: socket.remoteAddress ?? 'unknown',
      exchanges: new Map(),
    }
    this.#connections.set(ends, entered)
    socket.once('close', () => {
      if (this.#connections.get(ends) === entered) this.#connections.delete(ends)
    })
    if (this.#connections.size < SIDECAR_CONNECTIONS_MAX) return
    const leaving = this.#find(entered, isWithoutRequest) ?? this.#find(entered, isUntaken)
    this.#close(leaving ?? entered)
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(endsOf(request.socket))
    if (connection === undefined) return
    const { exchanges } = connection
    if (exchanges.size >= PIPELINED_MAX) {
      this.#close(connection)
      // With TLS the request's own socket hears of it later only.
      request.socket.destroy()
      return
    }
    exchanges.set(request, response)
    response.once('close', () => exchanges.delete(request))
  }

  #find(entered: Connection, mayLeave: (exchanges: Exchanges) => boolean): Connection | null {
    const counts = new Map<string, number>()
    for (const { address } of this.#connections.values()) {
      counts.set(address, (counts.get(address) ?? 0) + 1)
    }
    let found: Connection | null = null
    let foundCount = 0
    for (const connection of this.#connections.values()) {
      const count = counts.get(connection.address) ?? 0
      if (connection === entered || count <= foundCount || !mayLeave(connection.exchanges)) continue
      found = connection
      foundCount = count
    }
    return found
  }

  #close({ socket, ends, address }: Connection): void {
    // Node counts it out at once, but says 'close' only in a later turn.
    this.#connections.delete(ends)
    socket.destroy()
    this.#closed++
    const now = monotonicMilliseconds()
    if (now - this.#warnedMilliseconds < WARNING_MILLISECONDS) return
    this.#log.warn(
      { connectionsMax: SIDECAR_CONNECTIONS_MAX, closed: this.#closed, lastAddress: address },
      'the sidecar port is crowded: connections without a request, or with too many at once, are closed',
    )
    this.#warnedMilliseconds = now
    this.#closed = 0
  }
}

/**
 * Where a connection begins and ends. With TLS the socket of a request is another than the one that
 * was accepted, and only this they have in common.
 */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}

/** Nothing was asked, or only begun: a request is not there until its body is. */
function isWithoutRequest(exchanges: Exchanges): boolean {
  for (const request of exchanges.keys()) {
    if (request.complete) return false
  }
  return true
}

/** The server has done its part of all that was asked. */
function isUntaken(exchanges: Exchanges): boolean {
  for (const [request, response] of exchanges) {
    if (request.complete && !response.writableEnded) return false
  }
  return true
}
