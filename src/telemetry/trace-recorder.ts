import type { Traceparent } from '../protocol/traceparent.ts'
import { COUNTER } from './counters.ts'
import { RingWriter } from './ring-writer.ts'
import { TRACE, TRACE_FLAG, traceRing } from './trace-ring.ts'

/** Longest address and longest key that a record holds. */
const ADDRESS_BYTES_MAX = 64
const KEY_BYTES_MAX = 250

/** The clock of spans follows the wall clock when that was set; smaller differences are its rounding. */
const CLOCK_STEP_MILLISECONDS = 100

/** What stands behind the numbers of a record. Set the fields, then call emit. */
export class TraceRecorder {
  /** performance.now() at the beginning, and how long it took, in milliseconds. */
  beganAt = 0
  milliseconds = 0
  opcode = 0
  commands = 1
  keysAsked = 0
  keysFound = 0
  /** -1 none. */
  valueBytes = -1
  /** LINE of protocol/lines.ts, -1 none. */
  errorLine = -1
  connectionNumber = 0
  address = ''
  port = 0
  /** The key, or as much of it as may be shown, is key[keyStart, keyStart + keyLength). */
  key: Uint8Array
  keyStart = 0
  keyLength = 0
  parent: Traceparent | null = null

  readonly #ring: RingWriter
  readonly #counters: Float64Array
  #unixOffset = performance.timeOrigin

  constructor(shared: SharedArrayBuffer, worker: number, counters: Float64Array) {
    this.#ring = new RingWriter(traceRing(shared, worker))
    this.#counters = counters
    this.key = this.#ring.bytes
  }

  /** Now and then, outside of commands: spans keep to the wall clock even if that was set. */
  followClock(): void {
    const difference = Date.now() - (this.#unixOffset + performance.now())
    if (Math.abs(difference) > CLOCK_STEP_MILLISECONDS) this.#unixOffset += difference
  }

  /** Hands the record over. Nothing waits: when the ring is full it is dropped and counted. */
  emit(kind: number): void {
    const { words, doubles } = this.#ring
    const counters = this.#counters
    const addressBytes = Math.min(this.address.length, ADDRESS_BYTES_MAX)
    const keyBytes = Math.min(this.keyLength, KEY_BYTES_MAX)
    const offset = this.#ring.claim(TRACE.headerBytes + addressBytes + keyBytes, kind)
    if (offset < 0) {
      counters[COUNTER.spansDropped] = (counters[COUNTER.spansDropped] as number) + 1
      return
    }
    const at = offset >>> 2
    doubles[(offset >>> 3) + (TRACE.begin >>> 1)] = this.beganAt + this.#unixOffset
    doubles[(offset >>> 3) + (TRACE.duration >>> 1)] = this.milliseconds
    words[at + TRACE.opcode] = this.opcode
    words[at + TRACE.commands] = this.commands
    words[at + TRACE.keysAsked] = this.keysAsked
    words[at + TRACE.keysFound] = this.keysFound
    words[at + TRACE.valueBytes] = this.valueBytes
    words[at + TRACE.errorLine] = this.errorLine
    words[at + TRACE.connectionNumber] = this.connectionNumber
    words[at + TRACE.port] = this.port
    words[at + TRACE.addressBytes] = addressBytes
    words[at + TRACE.keyBytes] = keyBytes
    this.#writeParent(at)
    this.#writeText(offset + TRACE.headerBytes, addressBytes, keyBytes)
    this.#ring.publish(offset)
  }

  #writeParent(at: number): void {
    const { words } = this.#ring
    const { parent } = this
    words[at + TRACE.flags] = parent === null ? 0 : TRACE_FLAG.parent
    words[at + TRACE.traceFlags] = parent === null ? 0 : parent.flags
    if (parent === null) return
    for (let index = 0; index < 4; index++) {
      words[at + TRACE.traceId + index] = parent.traceId[index] as number
    }
    words[at + TRACE.parentSpanId] = parent.spanId[0] as number
    words[at + TRACE.parentSpanId + 1] = parent.spanId[1] as number
  }

  #writeText(at: number, addressBytes: number, keyBytes: number): void {
    const { bytes } = this.#ring
    const { key, keyStart, address } = this
    if (addressBytes > 0) bytes.write(address, at, addressBytes, 'latin1')
    for (let index = 0; index < keyBytes; index++) {
      bytes[at + addressBytes + index] = key[keyStart + index] as number
    }
  }
}
