import type { OutputBuffer, OutputPool } from './output.ts'
import { OUTPUT_BYTES } from './output.ts'
import type { RawHandle, RawWireParts } from './raw-wire.ts'
import { READ_HEADROOM_BYTES, UV_EOF } from './raw-wire.ts'
import type { TlsHandle, TlsHandleOwner } from './tls-binding.ts'
import { newShutdownRequest, newWriteRequest } from './tls-binding.ts'
import type { PeerAddress, PeerCertificate, Wire, WireOwner } from './wire.ts'

/** How long a closed connection may take for its last bytes. */
const LINGER_MILLISECONDS = 5000

/** A client whose handshake is over, and what it sent behind it. */
export interface TlsSession {
  readonly tls: TlsHandle
  readonly tcp: RawHandle
  readonly peerCertificate: PeerCertificate | null
  readonly early: readonly Buffer[]
  /** It will send nothing more. */
  readonly hasEnded: boolean
}

/** What a worker counts of its connections over TLS. */
export interface TlsWireEvents {
  opened(): void
  closed(): void
  protocolError(): void
}

/**
 * A client behind TLS, on the handle of tls-binding.ts, which differs from a plain one in this: a
 * write copies what it is given, in that it encrypts it, and is over only after the turn of the event
 * loop, and until then there must not be another. What is written meanwhile is gathered in one
 * output buffer and leaves in one record.
 *
 * A buffer that the kernel has not taken whole is kept although its bytes were copied: the memory
 * that the encrypted bytes lie in is as large, and so it is counted against the limit of OutputPool.
 */
export class TlsWire implements Wire, TlsHandleOwner {
  readonly peerCertificate: PeerCertificate | null
  /** What it is given is encrypted into a copy, so pages are copied in pieces of an output buffer. */
  readonly writeDirect = null
  readonly #tls: TlsHandle
  readonly #tcp: RawHandle
  readonly #parts: RawWireParts
  readonly #pool: OutputPool
  readonly #events: TlsWireEvents
  #owner: WireOwner | null
  #early: readonly Buffer[]
  readonly #hasEnded: boolean
  #isOpen = true
  #isBroken = false
  #isReading = true
  /** Nothing more will be written. */
  #isEnding = false
  #isDestroyed = false
  #linger: NodeJS.Timeout | undefined
  /** A write has been handed over and not reported as done. */
  #isWriting = false
  /** The buffer of that write, when the kernel did not take it at once. */
  #sent: OutputBuffer | null = null
  /** What was written meanwhile, and how much of each buffer. */
  readonly #queue: OutputBuffer[] = []
  readonly #lengths: number[] = []
  /** The owner was told to wait. */
  #owesWritten = false

  constructor(session: TlsSession, owner: WireOwner, parts: RawWireParts, events: TlsWireEvents) {
    this.peerCertificate = session.peerCertificate
    this.#tls = session.tls
    this.#tcp = session.tcp
    this.#early = session.early
    this.#hasEnded = session.hasEnded
    this.#owner = owner
    this.#parts = parts
    this.#pool = parts.pool
    this.#events = events
    session.tls.owner = this
    events.opened()
  }

  /**
   * Its connection is ready: deliver what came with the end of the handshake, then read on. Never in
   * the middle of a turn, for all connections share the read buffer.
   */
  begin(): void {
    if (!this.#isOpen) return
    const early = this.#early
    this.#early = []
    const { readBuffer } = this.#parts
    for (const bytes of early) {
      bytes.copy(readBuffer, READ_HEADROOM_BYTES)
      this.handleRead(bytes.length)
    }
    if (this.#hasEnded) this.handleRead(UV_EOF)
    else if (this.#isOpen && this.#isReading) this.#tls.readStart()
  }

  get pendingBytes(): number {
    // What was gathered goes soon, or is stuck: before the owner closes by itself, it is to be gone.
    if (this.buffersPending === 0) return 0
    let bytes = this.#tls.writeQueueSize
    for (const length of this.#lengths) bytes += length
    return bytes
  }

  get buffersPending(): number {
    return this.#queue.length + (this.#sent === null ? 0 : 1)
  }

  write(output: OutputBuffer, length: number): boolean {
    if (!this.#isOpen || this.#isBroken) return true
    if (!this.#isWriting) {
      this.#send(output, length)
      if (this.#sent === null) return true
    } else if (this.#gather(output, length)) {
      return true
    } else {
      this.#queue.push(output)
      this.#lengths.push(length)
    }
    this.#owesWritten = true
    return false
  }

  stopReading(): void {
    if (!this.#isReading || !this.#isOpen) return
    this.#isReading = false
    this.#tls.readStop()
  }

  startReading(): void {
    if (this.#isReading || !this.#isOpen) return
    this.#isReading = true
    this.#tls.readStart()
  }

  /** The end goes behind what is being written. */
  end(): void {
    if (this.#isEnding || this.#isBroken) return
    this.#isEnding = true
    if (!this.#isWriting) this.#sayEnd()
  }

  /**
   * The client is told that nothing follows, behind what it was sent. It is not waited for when the
   * kernel has not taken all, for its place under the limit of connections is free from now on.
   */
  close(abort: boolean): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#owner = null
    this.#events.closed()
    const isUnread = this.#owesWritten || this.#tcp.writeQueueSize > 0
    if (this.#isBroken || isUnread || abort) {
      // The kernel would keep what it has for a client that does not read, for minutes.
      this.#destroy(isUnread || abort)
      return
    }
    this.#tls.readStop()
    if (!this.#isWriting) this.#sayGoodbye()
    else this.#linger = setTimeout(() => this.#destroy(), LINGER_MILLISECONDS)
  }

  describePeer(): PeerAddress {
    return peerOf(this.#tcp)
  }

  handleRead(count: number): void {
    const owner = this.#owner
    if (owner === null) return
    if (count > 0) {
      owner.onRead(this.#parts.readBuffer, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + count)
    } else if (count === UV_EOF) {
      owner.onEnd()
    } else if (count < 0) {
      this.#break()
    }
  }

  handleWritten(status: number): void {
    this.#isWriting = false
    if (this.#isDestroyed) return
    if (status !== 0) {
      if (this.#isOpen) this.#break()
      else this.#destroy()
      return
    }
    const wasPending = this.buffersPending > 0
    this.#sendNext()
    if (!this.#isOpen) {
      if (this.#tcp.writeQueueSize > 0) this.#destroy(true)
      else if (!this.#isWriting) this.#sayGoodbye()
      return
    }
    if (this.#isEnding && !this.#isWriting) this.#sayEnd()
    if (this.#sent !== null && !this.#owesWritten) {
      this.#owesWritten = true
      this.#owner?.onBlocked()
    }
    if (wasPending && this.buffersPending === 0) {
      this.#owesWritten = false
      this.#owner?.onWritten()
    }
  }

  /** There is no second handshake (contexts.ts). */
  handleHandshakeDone(): void {}

  handleError(): void {
    if (!this.#isOpen) return
    this.#events.protocolError()
    this.#break()
  }

  #break(): void {
    this.#isBroken = true
    this.#owner?.onBroken()
  }

  #sendNext(): void {
    if (this.#sent !== null) this.#pool.give(this.#sent)
    this.#sent = null
    const output = this.#queue.shift()
    if (output === undefined) return
    this.#send(output, this.#lengths.shift()!)
    if (this.#sent === null) this.#pool.give(output)
  }

  /** Afterwards #sent is the buffer when the kernel did not take it. */
  #send(output: OutputBuffer, length: number): void {
    const request = newWriteRequest()
    request.owner = this
    this.#isWriting = true
    if (this.#tls.writeBuffer(request as never, output.view(length)) !== 0) {
      // The client is gone; its end will be read, or has been. The bytes have nowhere to go.
      this.#isWriting = false
      request.owner = null
      queueMicrotask(() => this.#break())
      return
    }
    if (this.#tcp.writeQueueSize > 0) this.#sent = output
  }

  /** False when there is no room. */
  #gather(output: OutputBuffer, length: number): boolean {
    const last = this.#queue.length - 1
    if (last >= 0) {
      const kept = this.#lengths[last]!
      if (kept + length > OUTPUT_BYTES) return false
      output.bytes.copy(this.#queue[last]!.bytes, kept, 0, length)
      this.#lengths[last] = kept + length
      return true
    }
    if (this.#pool.exhausted) return false
    const next = this.#pool.take()
    output.bytes.copy(next.bytes, 0, 0, length)
    this.#queue.push(next)
    this.#lengths.push(length)
    return true
  }

  /** To a client that is still read from: its own end tells that it has seen ours. */
  #sayEnd(): void {
    this.#tls.shutdown(newShutdownRequest(() => {}))
  }

  #sayGoodbye(): void {
    const status = this.#tls.shutdown(newShutdownRequest(() => this.#destroy()))
    // A client that takes nothing gets no goodbye either.
    if (status !== 0 || this.#tcp.writeQueueSize > 0) this.#destroy()
  }

  #destroy(reset = false): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    clearTimeout(this.#linger)
    if (this.#sent !== null) this.#pool.give(this.#sent)
    for (const output of this.#queue.splice(0)) this.#pool.give(output)
    this.#sent = null
    this.#lengths.length = 0
    closeTls(this.#tls, this.#tcp, reset)
  }
}

/** Never from a callback of the handshake: OpenSSL is in the middle of something then. */
export function closeTls(tls: TlsHandle, tcp: RawHandle, reset = false): void {
  tls.destroySSL()
  if (!reset || tcp.reset === undefined || tcp.reset() !== 0) tcp.close()
}

export function peerOf(tcp: RawHandle): PeerAddress {
  const found: { address?: string; port?: number } = {}
  tcp.getpeername?.(found)
  return { address: found.address ?? '', port: found.port ?? 0, local: false }
}
