import { OPCODE_WORDS } from '../../../src/protocol/opcode.ts'
import type { EventRing } from '../../../src/telemetry/event-ring.ts'
import { RING_POSITION } from '../../../src/telemetry/event-ring.ts'
import { TRACE, TRACE_FLAG, TRACE_KIND, traceRing } from '../../../src/telemetry/trace-ring.ts'

/** A record as a test wants it; what is not given is that of a plain hit. */
export interface RecordText {
  readonly kind?: keyof typeof TRACE_KIND
  readonly beginUnixMilliseconds?: number
  readonly milliseconds?: number
  readonly command?: string
  readonly commands?: number
  readonly keysAsked?: number
  readonly keysFound?: number
  readonly valueBytes?: number
  readonly errorLine?: number
  readonly connectionNumber?: number
  readonly address?: string
  readonly port?: number
  readonly key?: string
  /** A W3C traceparent. */
  readonly traceparent?: string
}

/** Writes trace records as trace-ring.ts describes them: a worker's side, as plain as can be. */
export class RecordWriter {
  readonly #ring: EventRing

  constructor(shared: SharedArrayBuffer, worker: number) {
    this.#ring = traceRing(shared, worker)
  }

  /** False when there is no room. */
  write(record: RecordText): boolean {
    const { words, times, bytes, positions } = this.#ring
    const address = Buffer.from(record.address ?? '192.0.2.7', 'latin1')
    const key = Buffer.from(record.key ?? '', 'latin1')
    const total = (TRACE.headerBytes + address.length + key.length + 7) & ~7
    const at = this.#claim(total)
    if (at < 0) return false
    const set = (word: number, value: number): void => {
      words[(at >>> 2) + word] = value
    }
    set(TRACE.totalBytes, total)
    set(TRACE.kind, TRACE_KIND[record.kind ?? 'command'])
    times[(at >>> 3) + (TRACE.begin >>> 1)] = record.beginUnixMilliseconds ?? 1_700_000_000_000.25
    times[(at >>> 3) + (TRACE.duration >>> 1)] = record.milliseconds ?? 0.5
    set(TRACE.opcode, OPCODE_WORDS.indexOf(record.command ?? 'get'))
    set(TRACE.flags, record.traceparent === undefined ? 0 : TRACE_FLAG.parent)
    set(TRACE.commands, record.commands ?? 1)
    set(TRACE.keysAsked, record.keysAsked ?? 1)
    set(TRACE.keysFound, record.keysFound ?? 1)
    set(TRACE.valueBytes, record.valueBytes ?? -1)
    set(TRACE.errorLine, record.errorLine ?? -1)
    set(TRACE.connectionNumber, record.connectionNumber ?? 5)
    set(TRACE.port, record.port ?? 40_000)
    set(TRACE.addressBytes, address.length)
    set(TRACE.keyBytes, key.length)
    const [, traceId = '', spanId = '', flags = '0'] = record.traceparent?.split('-') ?? []
    set(TRACE.traceFlags, Number.parseInt(flags, 16))
    bytes.write(traceId, at + TRACE.traceId * 4, 'hex')
    bytes.write(spanId, at + TRACE.parentSpanId * 4, 'hex')
    address.copy(bytes, at + TRACE.headerBytes)
    key.copy(bytes, at + TRACE.headerBytes + address.length)
    const skipped = (at - this.#offset + bytes.length) % bytes.length
    const written = positions[RING_POSITION.written] as number
    Atomics.store(positions, RING_POSITION.written, (written + skipped + total) | 0)
    return true
  }

  get #offset(): number {
    return (this.#ring.positions[RING_POSITION.written] as number) & (this.#ring.bytes.length - 1)
  }

  #claim(total: number): number {
    const { words, bytes, positions } = this.#ring
    const written = positions[RING_POSITION.written] as number
    const used = (written - Atomics.load(positions, RING_POSITION.read)) | 0
    const untilEnd = bytes.length - this.#offset
    const needed = total > untilEnd ? total + untilEnd : total
    if (used + needed > bytes.length) return -1
    if (total <= untilEnd) return this.#offset
    words[(this.#offset >>> 2) + TRACE.totalBytes] = untilEnd
    words[(this.#offset >>> 2) + TRACE.kind] = TRACE_KIND.filler
    return 0
  }
}
