import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import { createServer } from 'node:tls'
import type { TlsVerify } from '../base/config.ts'
import { contextOptions } from '../tls/contexts.ts'
import { certificateNames, hasExpired } from '../tls/peer-certificate.ts'
import type { TlsContexts } from './tls-contexts.ts'
import type { Handshake, Handshakes } from './tls-handshakes.ts'
import { CERTIFICATE_REFUSED } from './tls-handshakes.ts'
import type { PeerAddress, PeerCertificate } from './wire.ts'

/** What the owner of a finished handshake gets. */
export type StreamSessionHandler = (
  socket: TLSSocket,
  peerCertificate: PeerCertificate | null,
) => void

/**
 * TLS by what Node documents: a tls.Server that listens nowhere and is given the accepted sockets.
 * For a Node whose inner parts are not as tls-binding.ts knows them, and where listen.rawSockets is
 * off.
 */
export class StreamHandshakes {
  readonly #contexts: TlsContexts
  readonly #handshakes: Handshakes
  readonly #config: Parameters<typeof contextOptions>[1]
  readonly #servers = new Map<TlsVerify, Server>()
  #generation: number
  /** By the two ends of the connection, since Node does not say which socket it made from which. */
  readonly #underWay = new Map<string, StreamHandshake>()

  constructor(
    contexts: TlsContexts,
    handshakes: Handshakes,
    config: Parameters<typeof contextOptions>[1],
  ) {
    this.#contexts = contexts
    this.#handshakes = handshakes
    this.#config = config
    this.#generation = contexts.generation
  }

  begin(socket: Socket, verify: TlsVerify, onDone: StreamSessionHandler): void {
    const handshake = new StreamHandshake(socket, onDone)
    const ends = endsOf(socket)
    this.#underWay.set(ends, handshake)
    this.#handshakes.begin(handshake)
    socket.once('close', () => {
      this.#handshakes.failed(handshake, 'the client left')
      if (this.#underWay.get(ends) === handshake) this.#underWay.delete(ends)
    })
    this.#server(verify).emit('connection', socket)
    socket.resume()
  }

  #server(verify: TlsVerify): Server {
    if (this.#generation !== this.#contexts.generation) {
      this.#generation = this.#contexts.generation
      this.#servers.clear()
    }
    const known = this.#servers.get(verify)
    if (known !== undefined) return known
    const server = createServer({
      ...contextOptions(this.#contexts.material, this.#config, verify),
      requestCert: verify !== 'none',
      // What is required is decided in #conclude, where it can be counted and said.
      rejectUnauthorized: false,
      pauseOnConnect: true,
      allowHalfOpen: true,
      // Handshakes has its own.
      handshakeTimeout: 0,
    })
    server.on('secureConnection', (socket) => this.#conclude(socket, verify))
    server.on('tlsClientError', (error, socket) => this.#fail(socket, codeOf(error)))
    this.#servers.set(verify, server)
    return server
  }

  #conclude(socket: TLSSocket, verify: TlsVerify): void {
    const handshake = this.#find(socket)
    if (handshake === undefined) return
    const raw = verify === 'none' ? undefined : socket.getPeerX509Certificate()?.raw
    const isLate = raw !== undefined && socket.isSessionReused() && hasExpired(raw, Date.now())
    const refused = raw !== undefined && !socket.authorized
    if (refused || isLate || (raw === undefined && verify === 'require')) {
      const why = refused ? String(socket.authorizationError) : isLate ? 'CERT_HAS_EXPIRED' : 'none'
      this.#fail(socket, `${CERTIFICATE_REFUSED}: ${why}`)
      return
    }
    this.#handshakes.succeeded(handshake, socket.isSessionReused())
    handshake.onDone(socket, raw === undefined ? null : certificateNames(raw))
  }

  #fail(socket: TLSSocket, code: string): void {
    const handshake = this.#find(socket)
    if (handshake !== undefined) this.#handshakes.failed(handshake, code)
    socket.destroy()
  }

  #find(socket: TLSSocket): StreamHandshake | undefined {
    return this.#underWay.get(endsOf(socket))
  }
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return [localAddress, localPort, remoteAddress, remotePort].join(' ')
}

class StreamHandshake implements Handshake {
  readonly onDone: StreamSessionHandler
  readonly #socket: Socket

  constructor(socket: Socket, onDone: StreamSessionHandler) {
    this.#socket = socket
    this.onDone = onDone
  }

  describePeer(): PeerAddress {
    const { remoteAddress = '', remotePort = 0 } = this.#socket
    return { address: remoteAddress, port: remotePort, local: false }
  }

  abort(): void {
    this.#socket.destroy()
  }
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message
}
