import type { SecureContext } from 'node:tls'
import { nodeBinding } from '../base/node-binding.ts'
import type { RawHandle } from './raw-wire.ts'

/**
 * The part of Node that tls.TLSSocket is made of: it encrypts and decrypts between an accepted handle
 * and whoever reads and writes, all of it in C++, with the same methods that the handle itself has.
 * On it a client needs no streams, as in raw-wire.ts.
 *
 * Not documented. `wrap` ends the process when it is called with another number of arguments than
 * this Node has, so only a version of Node is trusted that was tried; any other goes by
 * tls-stream.ts.
 */
export interface TlsHandle extends Omit<RawHandle, 'connection' | 'onread' | 'writev'> {
  onread: (this: TlsHandle) => void
  onhandshakedone: (this: TlsHandle) => void
  onerror: (this: TlsHandle, error: Error) => void
  /** Set by us: whoever listens now. */
  owner: TlsHandleOwner
  setVerifyMode(request: boolean, require: boolean): void
  verifyError(): Error | null | undefined
  getPeerCertificate(detailed: boolean): { readonly raw?: Buffer } | undefined
  isSessionReused(): boolean
  shutdown(request: ShutdownRequest): number
  destroySSL(): void
}

export interface TlsHandleOwner {
  handleRead(count: number): void
  handleHandshakeDone(): void
  handleError(error: Error): void
}

export interface TlsWriteRequest {
  oncomplete: (this: TlsWriteRequest, status: number) => void
  owner: { handleWritten(status: number): void } | null
}

export interface ShutdownRequest {
  oncomplete: (status: number) => void
}

interface TlsBinding {
  wrap(handle: RawHandle, context: object, isServer: boolean, writesUnderWay: boolean): TlsHandle
}

interface StreamBinding {
  readonly WriteWrap: new () => TlsWriteRequest
  readonly ShutdownWrap: new () => ShutdownRequest
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
}

/** Major versions of Node with which test/wire/tls.test.ts has been run. */
const TRIED_VERSIONS: readonly string[] = ['24']

const tls = loadTls()
const stream = nodeBinding('stream_wrap') as StreamBinding

/** Whether TLS can be spoken on accepted handles. */
export const rawTlsSupported: boolean = tls !== null

export function wrapHandle(handle: RawHandle, context: SecureContext): TlsHandle {
  const wrapped = tls!.wrap(handle, context.context as object, true, false)
  wrapped.onread = onRead
  wrapped.onhandshakedone = onHandshakeDone
  wrapped.onerror = onError
  return wrapped
}

export function newWriteRequest(): TlsWriteRequest {
  const request = new stream.WriteWrap()
  request.oncomplete = onWriteComplete
  return request
}

export function newShutdownRequest(done: () => void): ShutdownRequest {
  const request = new stream.ShutdownWrap()
  request.oncomplete = done
  return request
}

function onRead(this: TlsHandle): void {
  this.owner.handleRead(stream.streamBaseState[stream.kReadBytesOrError]!)
}

function onHandshakeDone(this: TlsHandle): void {
  this.owner.handleHandshakeDone()
}

function onError(this: TlsHandle, error: Error): void {
  this.owner.handleError(error)
}

function onWriteComplete(this: TlsWriteRequest, status: number): void {
  const { owner } = this
  this.owner = null
  owner?.handleWritten(status)
}

function loadTls(): TlsBinding | null {
  const [major = ''] = process.versions.node.split('.')
  if (!TRIED_VERSIONS.includes(major)) return null
  const found = nodeBinding('tls_wrap') as Partial<TlsBinding> | undefined
  const streams = nodeBinding('stream_wrap') as Partial<StreamBinding> | undefined
  if (found?.wrap === undefined || streams?.ShutdownWrap === undefined) return null
  return streams.streamBaseState === undefined ? null : (found as TlsBinding)
}
