import type { Socket } from 'node:net'
import type { TlsVerify } from '../base/config.ts'
import type { TlsMaterial, WorkerMessage, WorkerStart } from '../base/messages.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { Connection } from './connection.ts'
import type { WorkerParts } from './parts.ts'
import type { RawHandle, RawWireParts } from './raw-wire.ts'
import { TlsContexts } from './tls-contexts.ts'
import { Handshakes } from './tls-handshakes.ts'
import { RawHandshake } from './tls-raw.ts'
import type { StreamSessionHandler } from './tls-stream.ts'
import { StreamHandshakes } from './tls-stream.ts'
import type { TlsSession, TlsWireEvents } from './tls-wire.ts'
import { TlsWire } from './tls-wire.ts'

/** TLS at one worker: from a client that was accepted to one whose handshake is over. */
export class TlsGate {
  readonly #parts: WorkerParts
  readonly #rawParts: RawWireParts
  readonly #contexts: TlsContexts
  readonly #handshakes: Handshakes
  readonly #streams: StreamHandshakes
  readonly #events: TlsWireEvents

  private constructor(
    material: TlsMaterial,
    handshakes: Handshakes,
    parts: WorkerParts,
    rawParts: RawWireParts,
  ) {
    const { counters, config } = parts
    this.#parts = parts
    this.#rawParts = rawParts
    this.#handshakes = handshakes
    this.#contexts = new TlsContexts(config.tls, material)
    this.#streams = new StreamHandshakes(this.#contexts, handshakes, config.tls)
    this.#events = {
      opened: () => counters[COUNTER.tlsConnections]!++,
      closed: () => counters[COUNTER.tlsConnections]!--,
      protocolError: () => counters[COUNTER.tlsProtocolErrors]!++,
    }
  }

  static create(
    start: WorkerStart,
    parts: WorkerParts,
    rawParts: RawWireParts,
    post: (message: WorkerMessage) => void,
  ): TlsGate | null {
    if (start.tls === null) return null
    const { handshakeTimeout, handshakesMax } = parts.config.tls
    const handshakes = new Handshakes({
      counters: parts.counters,
      runtime: parts.runtime,
      timeoutMilliseconds: handshakeTimeout,
      max: Math.max(1, Math.floor(handshakesMax / start.count)),
      report: ({ address, port }, reason) =>
        post({ type: 'handshakeFailed', address, port, reason }),
    })
    return new TlsGate(start.tls, handshakes, parts, rawParts)
  }

  shakeHands(handle: RawHandle, verify: TlsVerify, onDone: (session: TlsSession) => void): void {
    const parts = { handshakes: this.#handshakes, wireParts: this.#rawParts }
    new RawHandshake(handle, this.#contexts.get(verify), verify, parts, onDone)
  }

  shakeHandsOver(socket: Socket, verify: TlsVerify, onDone: StreamSessionHandler): void {
    this.#streams.begin(socket, verify, (secured, peerCertificate) => {
      this.#events.opened()
      secured.once('close', this.#events.closed)
      onDone(secured, peerCertificate)
    })
  }

  connect(session: TlsSession, listenerName: string): void {
    let wire: TlsWire | undefined
    new Connection(this.#parts, listenerName, (owner) => {
      wire = new TlsWire(session, owner, this.#rawParts, this.#events)
      return wire
    })
    // A place becomes free in the middle of another client's turn, and what came early needs the read
    // buffer that this turn is reading from.
    setImmediate(() => wire?.begin())
  }

  /** For the connections that begin from now on. */
  replaceMaterial(material: TlsMaterial): void {
    this.#contexts.replace(material)
  }

  /** Every HANDSHAKE_TICK_MILLISECONDS. */
  tick(): void {
    this.#handshakes.tick()
  }

  /** Nobody gets in any more. */
  end(): void {
    this.#handshakes.abortAll()
  }
}
