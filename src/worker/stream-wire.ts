import type { Socket } from 'node:net'
import type { OutputBuffer, OutputPool } from './output.ts'
import type { PeerAddress, PeerCertificate, Wire, WireOwner } from './wire.ts'

/** A client behind a Duplex stream: slower than raw-wire.ts, but made of documented parts only. */
export class StreamWire implements Wire {
  readonly peerCertificate: PeerCertificate | null
  readonly #socket: Socket
  readonly #pool: OutputPool
  #owner: WireOwner | null
  #blocked = false
  /** A stream keeps what it is given for an unknown time. */
  readonly writeDirect = null
  /** It has copies. */
  readonly buffersPending = 0
  readonly #onFlushed = (): void => this.#flushed()

  constructor(
    socket: Socket,
    owner: WireOwner,
    pool: OutputPool,
    peerCertificate: PeerCertificate | null = null,
  ) {
    this.peerCertificate = peerCertificate
    this.#socket = socket
    this.#pool = pool
    this.#owner = owner
    // A broken connection also closes, and 'close' is where it is handled.
    socket.on('error', ignore)
    socket.on('data', (chunk: Buffer) => this.#owner?.onRead(chunk, 0, chunk.length))
    socket.on('end', () => this.#owner?.onEnd())
    socket.on('close', () => this.#owner?.onBroken())
    socket.setNoDelay(true)
    socket.resume()
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  /** The stream keeps what it is given for an unknown time, so it gets a copy. */
  write(output: OutputBuffer, length: number): boolean {
    const socket = this.#socket
    if (socket.destroyed) return true
    socket.write(Buffer.from(output.view(length)), this.#onFlushed)
    if (socket.writableLength === 0) return true
    this.#blocked = true
    this.#pool.give(output)
    return false
  }

  #flushed(): void {
    if (!this.#blocked || this.#socket.writableLength > 0) return
    this.#blocked = false
    this.#owner?.onWritten()
  }

  stopReading(): void {
    this.#socket.pause()
  }

  startReading(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  close(abort: boolean): void {
    this.#owner = null
    const socket = this.#socket
    const unread = abort || socket.writableLength > 0
    // TLS has a notice that nothing follows, without which a client cannot tell an end from a cut.
    if ('encrypted' in socket && !unread) socket.destroySoon()
    // The kernel would keep what it has for a client that does not read, for minutes.
    else if (!('encrypted' in socket) && unread && socket.remoteAddress !== undefined) {
      socket.resetAndDestroy()
    } else socket.destroy()
  }

  describePeer(): PeerAddress {
    const { remoteAddress, remotePort } = this.#socket
    const local = remoteAddress === undefined
    return { address: remoteAddress ?? 'unix', port: remotePort ?? 0, local }
  }
}

function ignore(): void {}
