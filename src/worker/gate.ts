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

const REFUSAL = LINE_BYTES[LINE.tooManyConnections]!

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
  #pausedSince = 0
  /** The way to the other workers, when there is one. */
  handover: Handover | null = null

  constructor(parts: WorkerParts, rawParts: RawWireParts) {
    this.#parts = parts
    this.#rawParts = rawParts
  }

  acceptHandle(handle: RawHandle, listener: Listener): void {
    const isPassed = this.handover?.pass(handle, listener.entrance) ?? false
    if (!isPassed) this.takeHandle(handle, listener.name)
  }

  /** A client of this worker, whichever one accepted it. */
  takeHandle(handle: RawHandle, listenerName: string): void {
    this.#decide({
      admit: () => {
        new Connection(
          this.#parts,
          listenerName,
          (owner) => new RawWire(handle, owner, this.#rawParts),
        )
      },
      refuse: () => refuseHandle(handle, REFUSAL),
    })
  }

  acceptSocket(socket: Socket, listener: Listener): void {
    socket.on('error', () => {})
    this.#decide({
      admit: () => {
        new Connection(
          this.#parts,
          listener.name,
          (owner) => new StreamWire(socket, owner, this.#parts.outputPool),
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
    for (const waiting of this.#waiting.splice(0)) waiting.refuse()
  }

  #decide(client: Waiting): void {
    const { connections, counters, config } = this.#parts
    if (this.#waiting.length === 0 && connections.claimPlace()) {
      client.admit()
    } else if (config.connections.maxFast || this.#waiting.length >= config.listen.backlog) {
      counters[COUNTER.connectionsRejected]!++
      client.refuse()
    } else {
      if (this.#pausedSince === 0) this.#beginPause()
      this.#waiting.push(client)
    }
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
