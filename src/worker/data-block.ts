import { assert } from '../base/assert.ts'
import { refuse } from '../commands/table.ts'
import type { Request } from '../protocol/request.ts'
import { PARSE_READY, REFUSAL } from '../protocol/request.ts'
import type { ChainWriter } from '../store/store.ts'
import { answerRefused, callHandler } from './call.ts'
import type { WorkerParts } from './parts.ts'

/** Values of at least this size go into the store's pages as they arrive; smaller ones are stashed. */
export const UPLOAD_BYTES_MIN = 8192

const CARRIAGE_RETURN = 13
const LINE_FEED = 10

/**
 * A data block that is dealt with as it arrives instead of being kept: the rest of one that was
 * refused, or a large value. A connection has one only while that lasts.
 */
export interface DataBlock {
  /** Take what belongs to the block from buffer[start, end); returns where the rest begins. */
  take(parts: WorkerParts, buffer: Buffer, start: number, end: number): number
  /** All of it has come, and the reply is written. */
  readonly complete: boolean
  readonly stateName: string
  /** When its command began, in ticks of Connections, and how much of it has come since. */
  readonly begunTick: number
  readonly received: number
  /** The connection waited for something else than its client, which is not to blame for the time. */
  restartTime(tick: number): void
  /** The connection ends in the middle. */
  abandon(): void
}

/** Bytes that nobody wants. The error line follows when the last of them is gone. */
export class SwallowedBlock implements DataBlock {
  readonly stateName = 'conn_swallow'
  begunTick: number
  readonly #length: number
  #left: number
  /** Of the request, which is another's by the time the last byte comes. */
  readonly #opcode: number
  readonly #line: number
  readonly #silent: boolean

  constructor(parts: WorkerParts, bytes: number, { opcode, errorLine, silent }: Request) {
    this.begunTick = parts.connections.ticks
    this.#length = bytes
    this.#left = bytes
    this.#opcode = opcode
    this.#line = errorLine
    this.#silent = silent
  }

  get complete(): boolean {
    return this.#left === 0
  }

  get received(): number {
    return this.#length - this.#left
  }

  restartTime(tick: number): void {
    this.begunTick = tick
  }

  take(parts: WorkerParts, _buffer: Buffer, start: number, end: number): number {
    const taken = Math.min(end - start, this.#left)
    this.#left -= taken
    if (this.#left === 0) answerRefused(parts, this.#opcode, this.#line, this.#silent)
    return start + taken
  }

  abandon(): void {}
}

/**
 * A large value on its way in. Its bytes go straight into pages of the store that no item owns yet,
 * so that a value of 128 MiB needs no buffer, and one that comes slowly holds no lock. The command
 * line is kept and parsed again when the value is complete, since what it asks for (add, cas, …) is
 * decided then. Whatever becomes of it, exactly length + 2 bytes of the client are taken.
 */
export class UploadBlock implements DataBlock {
  readonly stateName = 'conn_nread'
  begunTick: number
  readonly #line: Buffer
  readonly #writer: ChainWriter
  readonly #length: number
  #received = 0
  #endingReceived = 0
  #wellFramed = true
  #noMemory: boolean
  complete = false

  /** @param line the command line with its ending; it is copied */
  constructor(parts: WorkerParts, line: Buffer, length: number) {
    this.#line = Buffer.from(line)
    this.begunTick = parts.connections.ticks
    this.#length = length
    this.#writer = parts.store.createWriter()
    this.#noMemory = !this.#writer.begin(length)
  }

  restartTime(tick: number): void {
    this.begunTick = tick
  }

  take(parts: WorkerParts, buffer: Buffer, start: number, end: number): number {
    let at = start
    const wanted = Math.min(end - at, this.#length - this.#received)
    if (wanted > 0) {
      if (!this.#noMemory) this.#noMemory = !this.#writer.write(buffer, at, at + wanted)
      this.#received += wanted
      at += wanted
    }
    while (at < end && this.#received === this.#length && this.#endingReceived < 2) {
      const expected = this.#endingReceived === 0 ? CARRIAGE_RETURN : LINE_FEED
      if (buffer[at] !== expected) this.#wellFramed = false
      this.#endingReceived++
      at++
    }
    if (this.#endingReceived === 2) this.#conclude(parts)
    return at
  }

  get received(): number {
    return this.#received
  }

  abandon(): void {
    this.#writer.abort()
  }

  #conclude(parts: WorkerParts): void {
    const { parser, request, context } = parts
    const status = parser.parseLine(this.#line, 0, this.#line.length)
    assert(status === PARSE_READY, 'a line that began an upload is still a good line')
    this.complete = true
    if (this.#wellFramed && !this.#noMemory) {
      request.upload = this.#writer
      callHandler(parts)
      request.upload = null
      // Pages that the handler did not put into an item go back.
      this.#writer.abort()
      return
    }
    this.#writer.abort()
    request.refusal = this.#noMemory ? REFUSAL.noMemory : REFUSAL.badData
    refuse(context)
    parts.observer?.command(request.opcode)
    answerRefused(parts, request.opcode, request.errorLine, request.silent)
  }
}
