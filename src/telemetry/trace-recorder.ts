import type { Traceparent } from '../protocol/traceparent.ts'
import { COUNTER } from './counters.ts'
import { RingWriter } from './ring-writer.ts'
import { TRACE, TRACE_FLAG, TRACE_KIND, TRACE_RING_KEPT, traceRing } from './trace-ring.ts'

/** Longest address and longest key that a record holds. */
const ADDRESS_BYTES_MAX = 64
const KEY_BYTES_MAX = 250

/** Records of one turn that learn how long it took: far less than a ring holds. */
const TURN_RECORDS_MAX = 64

/** By kind: bytes of the ring that are left free for more important ones. */
const KEPT: readonly number[] = [
  0,
  TRACE_RING_KEPT.forSlow,
  0,
  TRACE_RING_KEPT.forSlow,
  TRACE_RING_KEPT.forSpans,
  TRACE_RING_KEPT.forSpans,
]

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
  readonly #turnOffsets = new Int32Array(TURN_RECORDS_MAX)
  #turnRecords = 0

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
    const size = TRACE.headerBytes + addressBytes + keyBytes
    const offset = this.#ring.claim(size, kind, KEPT[kind])
    if (offset < 0) {
      const counter = isAboutConnection(kind)
        ? COUNTER.connectionLinesDropped
        : COUNTER.spansDropped
      counters[counter] = (counters[counter] as number) + 1
      return
    }
    const at = offset >>> 2
    doubles[(offset >>> 3) + (TRACE.begin >>> 1)] = this.beganAt + this.#unixOffset
    doubles[(offset >>> 3) + (TRACE.duration >>> 1)] = this.milliseconds
    doubles[(offset >>> 3) + (TRACE.turn >>> 1)] = 0
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
    if (kind === TRACE_KIND.command && this.#turnRecords < TURN_RECORDS_MAX) {
      this.#turnOffsets[this.#turnRecords++] = offset
    }
  }

  /**
   * The turn is over: its records learn how long it took, which is what its commands count as in the
   * histogram. The control thread may have read them before; then they have their own duration.
   */
  endTurn(milliseconds: number): void {
    const { doubles } = this.#ring
    for (let index = 0; index < this.#turnRecords; index++) {
      const offset = this.#turnOffsets[index] as number
      doubles[(offset >>> 3) + (TRACE.turn >>> 1)] = milliseconds
    }
    this.#turnRecords = 0
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

function isAboutConnection(kind: number): boolean {
  return kind === TRACE_KIND.connectionNew || kind === TRACE_KIND.connectionClose
}
