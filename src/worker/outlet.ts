import { assert } from '../base/assert.ts'
import type { ReplySink } from '../protocol/reply.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { Connection } from './connection.ts'
import type { WorkerParts } from './parts.ts'
import type { PeerAddress, PeerCertificate, Wire } from './wire.ts'

/** Replies of one turn that are worth remembering when the kernel has too much of them. */
export const LARGE_BYTES = 16 * 1024

/**
 * The sending side of a connection. Handlers write into the worker's one output buffer; when the
 * turn is over, or the buffer full, it is handed to the wire. A client that does not take it at once
 * keeps it, and the worker goes on with another.
 */
export class Outlet implements ReplySink {
  readonly #parts: WorkerParts
  readonly #owner: Connection
  readonly #wire: Wire
  #open = true
  #peer: PeerAddress | null = null
  /** Since when output has been stuck; 0 when it is not. */
  blockedSince = 0
  /** The same in ticks of Connections, for what is over a limit of whole seconds. */
  blockedTick = 0
  /** What it had not taken a second ago. */
  #pendingBefore = 0
  /** The last tick in which much was written, 0 never: the kernel may still have it. */
  largeTick = 0

  constructor(parts: WorkerParts, owner: Connection, wire: Wire) {
    this.#parts = parts
    this.#owner = owner
    this.#wire = wire
  }

  /** Bytes were handed over that the client has not taken. */
  get isBlocked(): boolean {
    return this.#wire.pendingBytes > 0
  }

  get buffersPending(): number {
    return this.#wire.buffersPending
  }

  get peerCertificate(): PeerCertificate | null {
    return this.#wire.peerCertificate
  }

  get peer(): PeerAddress {
    if (this.#peer === null) this.#peer = this.#wire.describePeer()
    return this.#peer
  }

  /** Once a second while it is blocked: a client that takes something, however slowly, is waited for. */
  noteProgress(tick: number): void {
    const pending = this.#wire.pendingBytes
    if (pending < this.#pendingBefore) this.blockedTick = tick
    this.#pendingBefore = pending
  }

  enterFastPath(): void {
    if (this.#open) this.#wire.enterFastPath?.(this.#owner, this)
  }

  leaveFastPath(): void {
    this.#wire.leaveFastPath?.()
  }

  /** The second of the last turn on the fast path; 0: there was none. */
  get fastPathSeconds(): number {
    return this.#wire.fastPathSeconds ?? 0
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
    if (length >= LARGE_BYTES) this.largeTick = parts.connections.ticks
    if (this.#open && !this.#wire.write(parts.output, length)) this.keepOutput()
  }

  /** The client did not take all of the output buffer: it is its own until it does. */
  keepOutput(): void {
    const parts = this.#parts
    parts.reply.blocked = true
    this.markBlocked()
    parts.replaceOutput(this.#owner)
  }

  get sendsDirect(): boolean {
    return this.#wire.writeDirect !== null
  }

  sendDirect(chunks: readonly Buffer[]): void {
    const wire = this.#wire
    assert(wire.writeDirect !== null, 'somebody has asked sendsDirect')
    const parts = this.#parts
    const { reply } = parts
    const length = reply.position
    reply.position = 0
    let bytes = length
    for (const chunk of chunks) bytes += chunk.length
    parts.counters[COUNTER.bytesWritten]! += bytes
    this.largeTick = parts.connections.ticks
    const output = length > 0 ? parts.output : null
    if (!this.#open || wire.writeDirect(output, length, chunks)) return
    reply.blocked = true
    this.markBlocked()
    if (output !== null) parts.replaceOutput(this.#owner)
  }

  startReading(): void {
    this.#wire.startReading()
  }

  stopReading(): void {
    this.#wire.stopReading()
  }

  /** What was written is the last; the client's own end is still read. */
  end(): void {
    this.#wire.end()
    this.#wire.startReading()
  }

  /** Everything was taken. */
  unblock(): void {
    this.blockedSince = 0
    this.#parts.connections.removeStuck(this.#owner)
  }

  close(abort: boolean): void {
    this.#open = false
    this.#wire.close(abort)
  }

  markBlocked(): void {
    if (this.blockedSince !== 0) return
    this.blockedSince = performance.now()
    this.blockedTick = this.#parts.connections.ticks
    this.#pendingBefore = 0
    this.#parts.connections.addStuck(this.#owner, this.#parts.acting)
  }
}
