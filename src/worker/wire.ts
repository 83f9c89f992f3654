import type { Connection } from './connection.ts'
import type { Outlet } from './outlet.ts'
import type { OutputBuffer } from './output.ts'

/**
 * One client's byte stream, whatever carries it. There are two ways: `raw-wire.ts` reads and writes
 * on the accepted handle itself (the fast way), `stream-wire.ts` goes through net.Socket (documented
 * interfaces only; also what a TLS socket will use). Tests run both.
 */
export interface Wire {
  /**
   * Send the first `length` bytes of an output buffer. True: they are gone and the buffer is free
   * again. False: the buffer belongs to the wire until it calls `onWritten`, which happens when
   * everything handed to it has been sent or has failed.
   */
  write(output: OutputBuffer, length: number): boolean
  /**
   * The same for an output buffer (null: nothing of it) and then chunks, which are not copied and
   * must stay until `onWritten`. Null: this wire can only copy.
   */
  writeDirect:
    | ((output: OutputBuffer | null, length: number, chunks: readonly Buffer[]) => boolean)
    | null
  /** Bytes handed over and not yet taken by the kernel. */
  readonly pendingBytes: number
  /** Output buffers that it keeps for them. */
  readonly buffersPending: number
  /**
   * What is read may go by the fast path (fast-path.ts) in place of the owner's onRead, until leaveFastPath or
   * close. Not there: this wire has no such path.
   */
  enterFastPath?(connection: Connection, outlet: Outlet): void
  /** What is read goes to the owner again. */
  leaveFastPath?(): void
  /** The second (store.now) of the last turn on it; 0: there was none. */
  readonly fastPathSeconds?: number
  stopReading(): void
  startReading(): void
  /**
   * Send no more: the client sees the end behind everything that was written. Reading goes on, and
   * `onEnd` tells when the client has ended too.
   */
  end(): void
  /**
   * Close now; what is pending is lost. `onClosed` is not called.
   *
   * @param abort so is what the kernel has and the client has not taken
   */
  close(abort: boolean): void
  describePeer(): PeerAddress
  /** Null on a plain wire, and when the client showed no certificate that was verified. */
  readonly peerCertificate: PeerCertificate | null
}

export interface PeerAddress {
  readonly address: string
  readonly port: number
  readonly local: boolean
}

/** Whom a verified client certificate (mTLS) names. */
export interface PeerCertificate {
  /** The subject's common name; '' none. */
  readonly commonName: string
  /** Subject alternative names as Node prints them: DNS:app.svc, URI:spiffe://…, email:…. */
  readonly names: readonly string[]
}

/** What a wire tells its connection. */
export interface WireOwner {
  /** Bytes [start, end) of buffer, valid only during the call; bytes before start are scratch room. */
  onRead(buffer: Buffer, start: number, end: number): void
  /** The client will send no more. */
  onEnd(): void
  /** The client does not take what `write` said was gone; `onWritten` follows when it does. */
  onBlocked(): void
  /** All pending writes are done. */
  onWritten(): void
  /** The wire broke. */
  onBroken(): void
}
