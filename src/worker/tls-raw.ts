import type { SecureContext } from 'node:tls'
import type { TlsVerify } from '../base/config.ts'
import { certificateNames, hasExpired } from '../tls/peer-certificate.ts'
import type { RawHandle, RawWireParts } from './raw-wire.ts'
import { READ_HEADROOM_BYTES, UV_EOF } from './raw-wire.ts'
import type { TlsHandle, TlsHandleOwner } from './tls-binding.ts'
import { newWriteRequest, wrapHandle } from './tls-binding.ts'
import type { Handshake, Handshakes } from './tls-handshakes.ts'
import { CERTIFICATE_REFUSED } from './tls-handshakes.ts'
import type { TlsSession } from './tls-wire.ts'
import { closeTls, peerOf } from './tls-wire.ts'
import type { PeerAddress, PeerCertificate } from './wire.ts'

export interface RawHandshakeParts {
  readonly handshakes: Handshakes
  readonly wireParts: RawWireParts
}

/**
 * A client on its way through the handshake, on accepted handles. What it sends right behind the
 * handshake is kept until it has a connection; that is no more than one read.
 */
export class RawHandshake implements Handshake, TlsHandleOwner {
  readonly #tcp: RawHandle
  readonly #tls: TlsHandle
  readonly #verify: TlsVerify
  readonly #parts: RawHandshakeParts
  readonly #onDone: (session: TlsSession) => void
  readonly #early: Buffer[] = []
  #isDone = false
  /** The client has sent all it will, with the end of the handshake. */
  #hasEnded = false
  #isOver = false

  constructor(
    tcp: RawHandle,
    context: SecureContext,
    verify: TlsVerify,
    parts: RawHandshakeParts,
    onDone: (session: TlsSession) => void,
  ) {
    this.#tcp = tcp
    this.#verify = verify
    this.#parts = parts
    this.#onDone = onDone
    tcp.setNoDelay?.(true)
    const tls = wrapHandle(tcp, context)
    this.#tls = tls
    tls.owner = this
    if (verify !== 'none') tls.setVerifyMode(true, verify === 'require')
    tls.useUserBuffer(parts.wireParts.readView)
    parts.handshakes.begin(this)
    tls.readStart()
  }

  describePeer(): PeerAddress {
    return peerOf(this.#tcp)
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    setImmediate(() => closeTls(this.#tls, this.#tcp))
  }

  /** Called in the middle of OpenSSL's work: go on when it is through. */
  handleHandshakeDone(): void {
    if (this.#isDone || this.#isOver) return
    this.#isDone = true
    this.#tls.readStop()
    setImmediate(() => this.#conclude())
  }

  handleRead(count: number): void {
    if (this.#isOver) return
    if (count > 0) {
      const { readBuffer } = this.#parts.wireParts
      const bytes = readBuffer.subarray(READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + count)
      this.#early.push(Buffer.from(bytes))
    } else if (count === UV_EOF && this.#isDone) {
      this.#hasEnded = true
    } else if (count < 0) {
      this.#fail('the client left')
    }
  }

  handleError(error: Error): void {
    this.#fail('code' in error ? String(error.code) : error.message)
  }

  #fail(code: string): void {
    if (this.#isOver) return
    this.#parts.handshakes.failed(this, code)
    this.abort()
  }

  #conclude(): void {
    if (this.#isOver) return
    const { handshakes } = this.#parts
    const tls = this.#tls
    let peerCertificate: PeerCertificate | null = null
    if (this.#verify !== 'none') {
      const raw = tls.getPeerCertificate(false)?.raw
      const error = raw === undefined ? null : tls.verifyError()
      // OpenSSL has refused a missing certificate already; it is asked for here once more, because
      // a session that was resumed has not shown one.
      if (error || (raw === undefined && this.#verify === 'require')) {
        this.#fail(`${CERTIFICATE_REFUSED}: ${error ? describe(error) : 'none'}`)
        return
      }
      if (raw !== undefined && tls.isSessionReused() && hasExpired(raw, Date.now())) {
        this.#fail(`${CERTIFICATE_REFUSED}: CERT_HAS_EXPIRED`)
        return
      }
      if (raw !== undefined) peerCertificate = certificateNames(raw)
    }
    this.#isOver = true
    handshakes.succeeded(this, tls.isSessionReused())
    this.#onDone({
      tls,
      tcp: this.#tcp,
      peerCertificate,
      early: this.#early,
      hasEnded: this.#hasEnded,
    })
  }
}

/** Say one line to a client that is not let in, and close. */
export function refuseSession({ tls, tcp }: TlsSession, line: Buffer): void {
  const request = newWriteRequest()
  request.owner = { handleWritten: () => closeTls(tls, tcp) }
  tls.owner = DEAF
  if (tls.writeBuffer(request as never, line) !== 0) closeTls(tls, tcp)
}

const DEAF: TlsHandleOwner = {
  handleRead: () => {},
  handleHandshakeDone: () => {},
  handleError: () => {},
}

function describe(error: Error): string {
  return 'code' in error ? String(error.code) : error.message
}
