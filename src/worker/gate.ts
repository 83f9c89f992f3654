import type { Socket } from 'node:net'
import { RUNTIME } from '../base/runtime.ts'
import { LINE, LINE_BYTES } from '../protocol/lines.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { Connection } from './connection.ts'
import type { Handover } from './handover.ts'
import type { Acceptor, Listener } from './listener.ts'
import type { WorkerParts } from './parts.ts'
import type { RawHandle, RawWireParts } from './raw-wire.ts'
import { RawWire, refuseHandle } from './raw-wire.ts'
import { StreamWire } from './stream-wire.ts'
import type { TlsGate } from './tls-gate.ts'
import { refuseSession } from './tls-raw.ts'
import type { TlsSession } from './tls-wire.ts'
import type { PeerCertificate } from './wire.ts'

const REFUSAL = LINE_BYTES[LINE.tooManyConnections]!

/** Where a client came in: a listener of this worker, or of the one that accepted it. */
export type Entrance = Pick<Listener, 'name' | 'verify'>

/** A client that waits for a place: accepted by the kernel, not yet read from. */
interface Waiting {
  readonly admit: () => void
  readonly refuse: () => void
}

/**
 * Decides about new clients. At the connection limit memcached either refuses with a line
 * (maxconns_fast) or stops accepting, so that clients wait in the kernel's queue. libuv cannot stop
 * accepting without closing the port, therefore the queue is kept here: at most `backlog` clients
 * wait, connected and unread, which to them looks the same.
 */
export class Gate implements Acceptor {
  readonly #parts: WorkerParts
  readonly #rawParts: RawWireParts
  readonly #waiting: Waiting[] = []
  readonly #tls: TlsGate | null
  #pausedSince = 0
  #isEnding = false
  /** The way to the other workers, when there is one. */
  handover: Handover | null = null

  constructor(parts: WorkerParts, rawParts: RawWireParts, tls: TlsGate | null) {
    this.#parts = parts
    this.#rawParts = rawParts
    this.#tls = tls
  }

  acceptHandle(handle: RawHandle, listener: Listener): void {
    const isPassed = this.handover?.pass(handle, listener.entrance) ?? false
    if (!isPassed) this.takeHandle(handle, listener)
  }

  /** A client of this worker, whichever one accepted it. */
  takeHandle(handle: RawHandle, entrance: Entrance): void {
    if (entrance.verify !== null && this.#tls !== null) {
      this.#tls.shakeHands(handle, entrance.verify, (session) =>
        this.#acceptSession(session, entrance),
      )
      return
    }
    this.#decide({
      admit: () => {
        new Connection(
          this.#parts,
          entrance.name,
          (owner) => new RawWire(handle, owner, this.#rawParts),
        )
      },
      refuse: () => refuseHandle(handle, REFUSAL),
    })
  }

  acceptSocket(socket: Socket, listener: Listener): void {
    socket.on('error', () => {})
    if (listener.verify !== null && this.#tls !== null) {
      this.#tls.shakeHandsOver(socket, listener.verify, (secured, peerCertificate) => {
        secured.on('error', () => {})
        this.#acceptStream(secured, listener, peerCertificate)
      })
      return
    }
    this.#acceptStream(socket, listener, null)
  }

  #acceptSession(session: TlsSession, entrance: Entrance): void {
    this.#decide({
      admit: () => this.#tls?.connect(session, entrance.name),
      refuse: () => refuseSession(session, REFUSAL),
    })
  }

  #acceptStream(socket: Socket, listener: Listener, peerCertificate: PeerCertificate | null): void {
    this.#decide({
      admit: () => {
        new Connection(
          this.#parts,
          listener.name,
          (owner) => new StreamWire(socket, owner, this.#parts.outputPool, peerCertificate),
        )
      },
      refuse: () => {
        socket.write(REFUSAL)
        socket.destroySoon()
      },
    })
  }

  /** A place may have become free. */
  admitWaiting(): void {
    while (this.#waiting.length > 0 && this.#parts.connections.claimPlace()) {
      this.#waiting.shift()!.admit()
    }
    if (this.#waiting.length === 0 && this.#pausedSince > 0) this.#endPause()
  }

  /** The server ends: nobody waits any longer. */
  refuseWaiting(): void {
    this.#isEnding = true
    for (const waiting of this.#waiting.splice(0)) waiting.refuse()
  }

  #decide(client: Waiting): void {
    const { connections, counters, config } = this.#parts
    if (this.#waiting.length === 0 && connections.claimPlace()) {
      client.admit()
    } else if (this.#isEnding || config.connections.maxFast || this.#isQueueFull) {
      counters[COUNTER.connectionsRejected]!++
      client.refuse()
    } else {
      if (this.#pausedSince === 0) this.#beginPause()
      this.#waiting.push(client)
    }
  }

  get #isQueueFull(): boolean {
    return this.#waiting.length >= this.#parts.config.listen.backlog
  }

  #beginPause(): void {
    const { counters, runtime } = this.#parts
    this.#pausedSince = performance.now()
    counters[COUNTER.listenDisabled]!++
    Atomics.add(runtime, RUNTIME.acceptPaused, 1)
  }

  #endPause(): void {
    const { counters, runtime } = this.#parts
    const microseconds = (performance.now() - this.#pausedSince) * 1000
    counters[COUNTER.listenDisabledMicroseconds]! += Math.round(microseconds)
    this.#pausedSince = 0
    Atomics.sub(runtime, RUNTIME.acceptPaused, 1)
  }
}
