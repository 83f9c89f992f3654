import { RUNTIME } from '../base/runtime.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { PeerAddress } from './wire.ts'

/** Failed handshakes that the log hears of in a second, at most; all are counted. */
const FAILURE_LINES_PER_SECOND = 10

/** How often tick is called. */
export const HANDSHAKE_TICK_MILLISECONDS = 100

const TICKS_PER_SECOND = 1000 / HANDSHAKE_TICK_MILLISECONDS

/** A client whose handshake has begun. */
export interface Handshake {
  describePeer(): PeerAddress
  /** Close it; it tells nobody. */
  abort(): void
}

export interface HandshakeOptions {
  readonly counters: Float64Array
  readonly runtime: Int32Array
  readonly timeoutMilliseconds: number
  readonly max: number
  readonly report: (peer: PeerAddress, reason: string) => void
}

/**
 * The handshakes under way at one worker. They have no place among the connections yet, so clients
 * that never finish take none from those that did; instead they have a limit of their own, at which
 * the oldest ends for the newest. A client that means it is through within a few round trips and is
 * never the oldest of many.
 */
export class Handshakes {
  readonly #options: HandshakeOptions
  /** In the order in which they began, with the tick of it. */
  readonly #all = new Map<Handshake, number>()
  readonly #timeoutTicks: number
  /**
   * As in Connections, ticks in which this worker was at work: while the process was stopped or had no
   * processor, no client was late.
   */
  #ticks = 0
  #lines = 0

  constructor(options: HandshakeOptions) {
    this.#options = options
    this.#timeoutTicks = Math.ceil(options.timeoutMilliseconds / HANDSHAKE_TICK_MILLISECONDS)
  }

  begin(handshake: Handshake): void {
    const { max, counters } = this.#options
    if (this.#all.size >= max) {
      const [oldest] = this.#all.keys()
      this.#fail(oldest!, COUNTER.tlsHandshakesDropped, 'too many handshakes under way')
      oldest!.abort()
    }
    this.#all.set(handshake, this.#ticks)
    counters[COUNTER.tlsHandshaking] = this.#all.size
  }

  /** It came to its end. */
  succeeded(handshake: Handshake, resumed: boolean): void {
    const { counters } = this.#options
    this.#remove(handshake)
    counters[resumed ? COUNTER.tlsHandshakesResumed : COUNTER.tlsHandshakesFull]!++
  }

  /** It broke. @param code of the error, as Node names it */
  failed(handshake: Handshake, code: string): void {
    if (this.#all.has(handshake)) this.#fail(handshake, counterOf(code), code)
  }

  tick(): void {
    if (this.#ticks++ % TICKS_PER_SECOND === 0) this.#lines = 0
    for (const [handshake, began] of this.#all) {
      // The tick in which it began was not a whole one.
      if (this.#ticks - began <= this.#timeoutTicks) return
      this.#fail(handshake, COUNTER.tlsHandshakesTimedOut, 'it took too long')
      handshake.abort()
    }
  }

  /** The server ends. */
  abortAll(): void {
    for (const handshake of this.#all.keys()) {
      this.#remove(handshake)
      handshake.abort()
    }
  }

  #fail(handshake: Handshake, counter: number, reason: string): void {
    const { counters, runtime, report } = this.#options
    this.#remove(handshake)
    counters[counter]!++
    if (runtime[RUNTIME.logConnections] !== 1 || this.#lines >= FAILURE_LINES_PER_SECOND) return
    this.#lines++
    report(handshake.describePeer(), reason)
  }

  #remove(handshake: Handshake): void {
    this.#all.delete(handshake)
    this.#options.counters[COUNTER.tlsHandshaking] = this.#all.size
  }
}

/** What a client without TLS makes OpenSSL say. */
const PLAIN_CODES: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
])

/** The code of a client certificate that did not pass; OpenSSL has one for a missing one. */
export const CERTIFICATE_REFUSED = 'client certificate refused'

function counterOf(code: string): number {
  if (PLAIN_CODES.has(code)) return COUNTER.tlsHandshakesPlain
  return code.startsWith(CERTIFICATE_REFUSED) ||
    code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'
    ? COUNTER.tlsHandshakesRefused
    : COUNTER.tlsHandshakesFailed
}
