import { OPCODE_WORDS } from '../../../src/protocol/opcode.ts'
import { readTraceparent, Traceparent } from '../../../src/protocol/traceparent.ts'
import { COUNTER } from '../../../src/telemetry/counters.ts'
import { TraceRecorder } from '../../../src/telemetry/trace-recorder.ts'
import { TRACE_KIND } from '../../../src/telemetry/trace-ring.ts'

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

/** A worker's own recorder, told in words what there was to see. */
export class RecordWriter {
  readonly #recorder: TraceRecorder
  readonly #counters = new Float64Array(128)

  constructor(shared: SharedArrayBuffer, worker: number) {
    this.#recorder = new TraceRecorder(shared, worker, this.#counters)
  }

  /** Records that found no room. */
  get dropped(): number {
    return this.#counters[COUNTER.spansDropped]!
  }

  write(record: RecordText): void {
    const recorder = this.#recorder
    const begin = record.beginUnixMilliseconds ?? 1_700_000_000_000.25
    recorder.beganAt = begin - performance.timeOrigin
    recorder.milliseconds = record.milliseconds ?? 0.5
    recorder.opcode = OPCODE_WORDS.indexOf(record.command ?? 'get')
    recorder.commands = record.commands ?? 1
    recorder.keysAsked = record.keysAsked ?? 1
    recorder.keysFound = record.keysFound ?? 1
    recorder.valueBytes = record.valueBytes ?? -1
    recorder.errorLine = record.errorLine ?? -1
    recorder.connectionNumber = record.connectionNumber ?? 5
    recorder.address = record.address ?? '192.0.2.7'
    recorder.port = record.port ?? 40_000
    recorder.key = Buffer.from(record.key ?? '', 'latin1')
    recorder.keyStart = 0
    recorder.keyLength = recorder.key.length
    recorder.parent = record.traceparent === undefined ? null : parse(record.traceparent)
    recorder.emit(TRACE_KIND[record.kind ?? 'command'])
  }
}

function parse(text: string): Traceparent | null {
  const target = new Traceparent()
  return readTraceparent(Buffer.from(text), 0, text.length, target) ? target : null
}
