import { nodeBinding } from '../base/node-binding.ts'
import type { Connection } from './connection.ts'
import type { FastHandle, FastPath, FastWires } from './fast-path.ts'
import type { Outlet } from './outlet.ts'
import type { OutputBuffer, OutputPool } from './output.ts'
import type { PeerAddress, PeerCertificate, Wire, WireOwner } from './wire.ts'

/**
 * The fast way to a client: read and write on the handle that the listener accepted, without
 * net.Socket and its streams, which cost more than memcached's whole work for a small get.
 *
 * Three things here are not documented by Node: a listener's `_handle` with `onconnection`, the
 * methods of such a handle, and the `stream_wrap` binding. They have been stable since Node 12, all
 * of them are used in this file and in listener.ts only, and `rawWireSupported` looks at them at
 * start; when anything is missing the server runs on stream-wire.ts and says so in the log.
 */
export interface RawHandle extends FastHandle {
  onread: (this: RawHandle) => void
  fastPath: FastPath<RawHandle> | null
  wire: RawWire
  readonly writeQueueSize: number
  readonly fd: number
  useUserBuffer(buffer: Buffer): void
  readStart(): number
  readStop(): number
  writeBuffer(request: WriteRequest, bytes: Buffer): number
  writev(request: WriteRequest, chunks: readonly Buffer[], allBuffers: true): number
  shutdown(request: ShutdownRequest): number
  setNoDelay?(on: boolean): number
  getpeername?(out: { address?: string; port?: number }): number
  close(): void
  /** TCP only: without waiting for the client to take what the kernel has for it. */
  reset?(): number
}

interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  wire: RawWire | null
  output: OutputBuffer | null
}

interface ShutdownRequest {
  oncomplete: () => void
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest
  readonly ShutdownWrap: new () => ShutdownRequest
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
  readonly kLastWriteWasAsync: number
}

/** libuv's code for an orderly end. */
export const UV_EOF = -4095

const binding = loadBinding()

export function rawWireSupported(handle: unknown): boolean {
  return (
    binding !== null && typeof handle === 'object' && handle !== null && 'onconnection' in handle
  )
}

/**
 * The read buffer of a worker. All its connections share it, since libuv fills it and the callback
 * parses it before anything else is read. Room is kept in front, so that the beginning of a command
 * that came with an earlier read can be put right before its end.
 */
export const READ_BYTES = 64 * 1024
export const READ_HEADROOM_BYTES = 16 * 1024

export class RawWireParts implements FastWires<RawHandle> {
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_HEADROOM_BYTES + READ_BYTES)
  readonly readView = this.readBuffer.subarray(READ_HEADROOM_BYTES)
  readonly pool: OutputPool
  /** A request object is only used up by a write that did not finish at once, so one serves all others. */
  spare: WriteRequest | null = null
  /** Set by the worker; null: every read goes through the wire. */
  fastPath: FastPath<RawHandle> | null = null

  constructor(pool: OutputPool) {
    this.pool = pool
  }

  takeRequest(): WriteRequest {
    this.spare ??= new binding!.WriteWrap()
    return this.spare
  }

  writeAtOnce(handle: RawHandle, output: OutputBuffer, length: number): boolean {
    const stream = binding!
    const request = this.takeRequest()
    const status = handle.writeBuffer(request, output.view(length))
    if (status === 0 && stream.streamBaseState[stream.kLastWriteWasAsync] === 0) return true
    return handle.wire.conclude(request, output, status)
  }
}

export class RawWire implements Wire {
  readonly peerCertificate: PeerCertificate | null = null
  readonly #handle: RawHandle
  readonly #parts: RawWireParts
  #owner: WireOwner | null
  #writesPending = 0
  /** Output buffers of the writes pending, oldest first. */
  #held: OutputBuffer[] | null = null
  #open = true
  #reading = true

  constructor(handle: RawHandle, owner: WireOwner, parts: RawWireParts) {
    this.#handle = handle
    this.#owner = owner
    this.#parts = parts
    handle.fastPath = null
    handle.connection = null
    handle.outlet = null
    handle.activeSeconds = 0
    handle.wire = this
    handle.onread = onHandleRead
    handle.setNoDelay?.(true)
    handle.useUserBuffer(parts.readView)
    handle.readStart()
  }

  get pendingBytes(): number {
    return this.#writesPending === 0 ? 0 : this.#handle.writeQueueSize
  }

  get buffersPending(): number {
    return this.#held === null ? 0 : this.#held.length
  }

  write(output: OutputBuffer, length: number): boolean {
    return this.#parts.writeAtOnce(this.#handle, output, length)
  }

  writeDirect(output: OutputBuffer | null, length: number, chunks: readonly Buffer[]): boolean {
    const request = this.#parts.takeRequest()
    const all = output === null ? chunks : [output.view(length), ...chunks]
    return this.conclude(request, output, this.#handle.writev(request, all, true))
  }

  enterFastPath(connection: Connection, outlet: Outlet): void {
    const handle = this.#handle
    handle.connection = connection
    handle.outlet = outlet
    handle.fastPath = this.#parts.fastPath
  }

  leaveFastPath(): void {
    this.#handle.fastPath = null
  }

  get fastPathSeconds(): number {
    return this.#handle.activeSeconds
  }

  stopReading(): void {
    if (!this.#reading || !this.#open) return
    this.#reading = false
    this.#handle.readStop()
  }

  startReading(): void {
    if (this.#reading || !this.#open) return
    this.#reading = true
    this.#handle.readStart()
  }

  end(): void {
    const request = new binding!.ShutdownWrap()
    request.oncomplete = ignore
    // A client that is gone already: its end will be read.
    this.#handle.shutdown(request)
  }

  close(abort: boolean): void {
    if (!this.#open) return
    this.#open = false
    this.#owner = null
    this.#handle.fastPath = null
    this.#handle.connection = null
    this.#handle.outlet = null
    const held = this.#held
    this.#held = null
    if (this.#writesPending === 0 && !abort) {
      this.#handle.close()
      return
    }
    // The kernel would keep what it has for a client that does not read, for minutes.
    if (this.#handle.reset === undefined || this.#handle.reset() !== 0) this.#handle.close()
    // Nothing is written from a buffer once its handle is closed, though its request ends later.
    if (held !== null) for (const output of held) this.#parts.pool.give(output)
  }

  describePeer(): PeerAddress {
    const found: { address?: string; port?: number } = {}
    this.#handle.getpeername?.(found)
    const local = this.#handle.getpeername === undefined
    return { address: found.address ?? (local ? 'unix' : ''), port: found.port ?? 0, local }
  }

  handleRead(count: number): void {
    const owner = this.#owner
    if (owner === null) return
    if (count > 0) {
      owner.onRead(this.#parts.readBuffer, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + count)
    } else if (count === UV_EOF) {
      owner.onEnd()
    } else if (count < 0) {
      owner.onBroken()
    }
  }

  handleWritten(output: OutputBuffer | null, status: number): void {
    this.#writesPending--
    const owner = this.#owner
    if (owner === null) return
    if (output !== null) {
      this.#held?.shift()
      this.#parts.pool.give(output)
    }
    if (status !== 0) owner.onBroken()
    else if (this.#writesPending === 0) owner.onWritten()
  }

  /** After a write: true when it is over; else the request keeps what it needs until it is. */
  conclude(request: WriteRequest, output: OutputBuffer | null, status: number): boolean {
    const stream = binding!
    if (status !== 0) {
      // The client is gone; its end will be read, or has been. The bytes have nowhere to go.
      queueMicrotask(() => this.#owner?.onBroken())
      return true
    }
    if (stream.streamBaseState[stream.kLastWriteWasAsync] === 0) return true
    this.#parts.spare = null
    request.wire = this
    request.output = output
    request.oncomplete = onWriteComplete
    this.#writesPending++
    if (output !== null) {
      this.#held ??= []
      this.#held.push(output)
    }
    return false
  }
}

/** Say one line to a client that is not let in, and close. */
export function refuseHandle(handle: RawHandle, line: Buffer): void {
  const request = new binding!.WriteWrap()
  request.oncomplete = () => handle.close()
  const status = handle.writeBuffer(request, line)
  const later = status === 0 && binding!.streamBaseState[binding!.kLastWriteWasAsync] !== 0
  if (!later) handle.close()
}

function onHandleRead(this: RawHandle): void {
  const stream = binding!
  const count = stream.streamBaseState[stream.kReadBytesOrError]!
  const { fastPath } = this
  if (fastPath === null || count <= 0) this.wire.handleRead(count)
  else fastPath.turn(this, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + count)
}

function onWriteComplete(this: WriteRequest, status: number): void {
  const { wire, output } = this
  this.wire = null
  this.output = null
  wire!.handleWritten(output, status)
}

function ignore(): void {}

function loadBinding(): StreamBinding | null {
  const found = nodeBinding('stream_wrap') as Partial<StreamBinding> | undefined
  if (found?.WriteWrap === undefined || found.ShutdownWrap === undefined) return null
  if (found.streamBaseState === undefined) return null
  if (found.kReadBytesOrError === undefined || found.kLastWriteWasAsync === undefined) return null
  return found as StreamBinding
}
