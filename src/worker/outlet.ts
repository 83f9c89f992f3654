import type { ReplySink } from '../protocol/reply.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { WorkerParts } from './parts.ts'
import type { PeerAddress, Wire } from './wire.ts'

/**
 * The sending side of a connection. Handlers write into the worker's one output buffer; when the
 * turn is over, or the buffer full, it is handed to the wire. A client that does not take it at once
 * keeps it, and the worker goes on with another.
 */
export class Outlet implements ReplySink {
  readonly #parts: WorkerParts
  readonly #wire: Wire
  #open = true
  #peer: PeerAddress | null = null
  /** Since when output has been stuck; 0 when it is not. */
  blockedSince = 0

  constructor(parts: WorkerParts, wire: Wire) {
    this.#parts = parts
    this.#wire = wire
  }

  /** Bytes were handed over that the client has not taken. */
  get isBlocked(): boolean {
    return this.#wire.pendingBytes > 0
  }

  get peer(): PeerAddress {
    if (this.#peer === null) this.#peer = this.#wire.describePeer()
    return this.#peer
  }

  /** What is written from now on is for this client. */
  attach(): void {
    const { reply } = this.#parts
    reply.sink = this
    reply.blocked = false
  }

  flush(): void {
    const parts = this.#parts
    const { reply } = parts
    const length = reply.position
    if (length === 0) return
    reply.position = 0
    parts.counters[COUNTER.bytesWritten]! += length
    if (!this.#open || this.#wire.write(parts.output, length)) return
    reply.blocked = true
    if (this.blockedSince === 0) this.blockedSince = performance.now()
    parts.replaceOutput()
  }

  startReading(): void {
    this.#wire.startReading()
  }

  stopReading(): void {
    this.#wire.stopReading()
  }

  close(): void {
    this.#open = false
    this.#wire.close()
  }
}
