import { assert } from '../../base/assert.ts'
import { LINE_BYTES } from '../../protocol/lines.ts'
import { OPCODE_WORDS } from '../../protocol/opcode.ts'
import type { EventRing } from '../event-ring.ts'
import { RING_POSITION } from '../event-ring.ts'
import { TRACE, TRACE_FLAG, TRACE_KIND, traceRing } from '../trace-ring.ts'

/** One record of a trace ring, out of the shared memory. */
export interface TraceRecord {
  readonly kind: TraceKind
  readonly beginUnixMilliseconds: number
  readonly milliseconds: number
  /** Of the turn, which is what its commands count as in the histogram; of it there may be no word yet. */
  readonly turnMilliseconds: number
  /** As clients write it; of a turn, its first. */
  readonly command: string
  /** Commands of the turn. */
  readonly commands: number
  readonly keysAsked: number
  readonly keysFound: number
  /** -1 none. */
  readonly valueBytes: number
  /** Number of the line in protocol/lines.ts that was the answer, if it was an error; -1 none. */
  readonly errorLine: number
  readonly connectionNumber: number
  readonly address: string
  /** 0 on a unix socket. */
  readonly port: number
  /** A key, or as much of it as the settings allow; mostly empty. */
  readonly key: Buffer
  /** What the client sent; null when it sent no traceparent. */
  readonly parent: RemoteParent | null
}

export type TraceKind = (typeof TRACE_KIND)[keyof typeof TRACE_KIND]

/** The fields of a W3C traceparent. Ids are in hexadecimal, as everybody prints them. */
export interface RemoteParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8

/** The control thread's side of the trace rings. A call that finds nothing allocates nothing. */
export class TraceReader {
  readonly #rings: readonly EventRing[]

  constructor(shared: SharedArrayBuffer, workers: number) {
    this.#rings = Array.from({ length: workers }, (_, worker) => traceRing(shared, worker))
  }

  /** Hands out all that there is, worker after worker; of one worker in the order in which it came. */
  drain(sink: (record: TraceRecord) => void): void {
    for (let worker = 0; worker < this.#rings.length; worker++) {
      const ring = this.#rings[worker] as EventRing
      const end = Atomics.load(ring.positions, RING_POSITION.written)
      let position = ring.positions[RING_POSITION.read] as number
      if (position === end) continue
      while (position !== end) {
        const at = position & (ring.bytes.length - 1)
        const total = ring.words[(at >>> 2) + TRACE.totalBytes] as number
        // A record that is not whole would let us run through the ring for ever.
        assert(total >= 8 && at + total <= ring.bytes.length, 'a trace record fits its ring')
        if (ring.words[(at >>> 2) + TRACE.kind] !== TRACE_KIND.filler) sink(readRecord(ring, at))
        position = (position + total) | 0
      }
      Atomics.store(ring.positions, RING_POSITION.read, position)
    }
  }
}

function readRecord(ring: EventRing, at: number): TraceRecord {
  const { words, times, bytes } = ring
  const field = (word: number): number => words[(at >>> 2) + word] as number
  const double = (word: number): number => times[(at + word * 4) >>> 3] as number
  const opcode = field(TRACE.opcode)
  const errorLine = field(TRACE.errorLine)
  const addressAt = at + TRACE.headerBytes
  const keyAt = addressAt + field(TRACE.addressBytes)
  const keyEnd = keyAt + field(TRACE.keyBytes)
  assert(opcode >= 0 && opcode < OPCODE_WORDS.length, 'a trace record names a command')
  assert(errorLine < LINE_BYTES.length, 'a trace record names a line')
  assert(keyEnd <= at + field(TRACE.totalBytes), 'a trace record holds its address and key')
  return {
    kind: field(TRACE.kind) as TraceKind,
    beginUnixMilliseconds: double(TRACE.begin),
    milliseconds: double(TRACE.duration),
    turnMilliseconds: double(TRACE.turn) || double(TRACE.duration),
    command: OPCODE_WORDS[opcode] as string,
    commands: field(TRACE.commands),
    keysAsked: field(TRACE.keysAsked),
    keysFound: field(TRACE.keysFound),
    valueBytes: field(TRACE.valueBytes),
    errorLine,
    connectionNumber: field(TRACE.connectionNumber),
    address: bytes.toString('latin1', addressAt, keyAt),
    port: field(TRACE.port),
    // A copy: the worker writes over the ring as soon as the room is given back.
    key: Buffer.from(bytes.subarray(keyAt, keyEnd)),
    parent: (field(TRACE.flags) & TRACE_FLAG.parent) === 0 ? null : readParent(ring, at),
  }
}

function readParent({ words, bytes }: EventRing, at: number): RemoteParent {
  const traceIdAt = at + TRACE.traceId * 4
  const spanIdAt = at + TRACE.parentSpanId * 4
  return {
    traceId: bytes.toString('hex', traceIdAt, traceIdAt + TRACE_ID_BYTES),
    spanId: bytes.toString('hex', spanIdAt, spanIdAt + SPAN_ID_BYTES),
    flags: (words[(at >>> 2) + TRACE.traceFlags] as number) & 0xff,
  }
}
