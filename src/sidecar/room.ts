import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { monotonicMilliseconds } from '../base/clock.ts'
import { SIDECAR_CONNECTIONS_MAX } from '../base/config.ts'

/** Requests whose headers are there and whose answers the client has not taken yet. */
type Exchanges = Map<IncomingMessage, ServerResponse>

/** Whoever crowds the port does so many times a second; the log needs to hear of it now and then. */
const WARNING_MILLISECONDS = 60_000

/**
 * Keeps one place free for whoever comes: a probe that finds no place restarts the server. Node drops
 * what is over maxConnections before anybody hears of it, so the connection that takes the last place
 * is when another has to go. That is the oldest on which nothing is being answered: silent, half sent
 * or kept alive. If there is none, the oldest that does not take the answer it was given, and only
 * then the new one. What the server still works on is never cut.
 */
export class Room {
  /** In the order in which they came; never more than the server's maxConnections. */
  readonly #connections = new Map<Socket, Exchanges>()
  readonly #log: Logger
  #closed = 0
  #warnedMilliseconds = Number.NEGATIVE_INFINITY

  constructor(server: Server, log: Logger) {
    this.#log = log
    server.maxConnections = SIDECAR_CONNECTIONS_MAX
    server.on('connection', (socket: Socket) => this.#enter(socket))
    server.on('request', (request, response) => this.#begin(request, response))
  }

  #enter(socket: Socket): void {
    this.#connections.set(socket, new Map())
    socket.once('close', () => this.#connections.delete(socket))
    if (this.#connections.size < SIDECAR_CONNECTIONS_MAX) return
    const leaving = this.#oldest(socket, isWithoutRequest) ?? this.#oldest(socket, isUntaken)
    this.#close(leaving ?? socket)
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const exchanges = this.#connections.get(request.socket)
    if (exchanges === undefined) return
    exchanges.set(request, response)
    response.once('close', () => exchanges.delete(request))
  }

  #oldest(entered: Socket, mayLeave: (exchanges: Exchanges) => boolean): Socket | null {
    for (const [socket, exchanges] of this.#connections) {
      if (socket !== entered && mayLeave(exchanges)) return socket
    }
    return null
  }

  #close(socket: Socket): void {
    const { remoteAddress = 'unknown' } = socket
    // Node counts it out at once, but says 'close' only in a later turn.
    this.#connections.delete(socket)
    socket.destroy()
    this.#closed++
    const now = monotonicMilliseconds()
    if (now - this.#warnedMilliseconds < WARNING_MILLISECONDS) return
    this.#log.warn(
      { connectionsMax: SIDECAR_CONNECTIONS_MAX, closed: this.#closed, lastAddress: remoteAddress },
      'the sidecar port is crowded: the oldest connections without a request are closed for new ones',
    )
    this.#warnedMilliseconds = now
    this.#closed = 0
  }
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
