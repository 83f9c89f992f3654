import { assert } from '../base/assert.ts'
import { encodeBase64 } from '../base/base64.ts'
import { copyBytes, writeUint32 } from '../base/bytes.ts'
import { writeUint64 } from '../base/uint64.ts'
import { LINE_BYTES, LINE_BYTES_LONGEST, LINE_IS_ERROR } from './lines.ts'

/** Most that reserve() may be asked for. */
export const RESERVE_BYTES_MAX = 16 * 1024

/** Where replies go. */
export interface ReplySink {
  /**
   * Makes room: sends what is written or puts it aside, and leaves reply.bytes, position and
   * capacity so that at least RESERVE_BYTES_MAX is free; also sets reply.blocked.
   */
  flush(): void
  /** Whether sendDirect is there to be used. */
  readonly sendsDirect?: boolean
  /**
   * Sends what is written and then these bytes, from where they are. They must stay as they are while
   * reply.blocked is set.
   */
  sendDirect?(chunks: readonly Buffer[]): void
}

/**
 * The front door out: replies are written as bytes into the connection's output buffer. Ask for
 * room with reserve() first, and before taking a lock, since it may send; the writing methods do not
 * look. To take back what was written since, set position back, if `flushes` has not changed.
 */
export class ReplyWriter {
  bytes: Buffer
  position = 0
  capacity: number
  sink: ReplySink
  /** The client does not read: a handler with many keys should stop after the one at hand. */
  blocked = false
  /** How often the sink has been asked for room. */
  flushes = 0
  /** How often each LINE that is an error was the answer; whoever counts gives its own. */
  errorCounts: Float64Array = new Float64Array(LINE_BYTES.length)
  /** The last error that `line` wrote, -1 none; whoever has seen it sets it back. */
  errorLine = -1

  constructor(bytes: Buffer, sink: ReplySink) {
    this.bytes = bytes
    this.capacity = bytes.length
    this.sink = sink
  }

  /** Writes from now on into these bytes, from their start. For the sink. */
  attach(bytes: Buffer): void {
    this.bytes = bytes
    this.capacity = bytes.length
    this.position = 0
  }

  reserve(length: number): void {
    if (this.capacity - this.position < length) this.flush()
  }

  flush(): void {
    this.flushes++
    this.sink.flush()
    assert(this.capacity - this.position >= RESERVE_BYTES_MAX, 'the sink has made room')
  }

  get sendsDirect(): boolean {
    return this.sink.sendsDirect === true
  }

  /** Bytes that need not be copied: see ReplySink. May set `blocked`. */
  sendDirect(chunks: readonly Buffer[]): void {
    assert(this.sink.sendDirect !== undefined, 'somebody has asked sendsDirect')
    this.flushes++
    this.sink.sendDirect(chunks)
  }

  /** Bytes that can still be written without a flush. */
  get room(): number {
    return this.capacity - this.position
  }

  /** A whole line that never changes: one of LINE. Makes its own room. */
  line(line: number): void {
    this.reserve(LINE_BYTES_LONGEST)
    if (LINE_IS_ERROR[line]) this.countError(line)
    const source = LINE_BYTES[line]!
    const length = source.length
    const target = this.bytes
    const at = this.position
    for (let index = 0; index < length; index++) target[at + index] = source[index]!
    this.position = at + length
  }

  /** Also for an error that a client does not want to hear of. */
  countError(line: number): void {
    this.errorLine = line
    this.errorCounts[line] = this.errorCounts[line]! + 1
  }

  /** `STORED`, the most frequent of the lines: literal stores are cheaper than a loop. */
  stored(): void {
    this.reserve(LINE_BYTES_LONGEST)
    const target = this.bytes
    const at = this.position
    target[at] = 83
    target[at + 1] = 84
    target[at + 2] = 79
    target[at + 3] = 82
    target[at + 4] = 69
    target[at + 5] = 68
    target[at + 6] = 13
    target[at + 7] = 10
    this.position = at + 8
  }

  /** `END`. Makes its own room. */
  end(): void {
    this.reserve(LINE_BYTES_LONGEST)
    const target = this.bytes
    const at = this.position
    target[at] = 69
    target[at + 1] = 78
    target[at + 2] = 68
    target[at + 3] = 13
    target[at + 4] = 10
    this.position = at + 5
  }

  lineEnd(): void {
    const target = this.bytes
    const at = this.position
    target[at] = 13
    target[at + 1] = 10
    this.position = at + 2
  }

  byte(byte: number): void {
    this.bytes[this.position] = byte
    this.position++
  }

  /** Two bytes: the word that meta replies begin with. */
  word(first: number, second: number): void {
    const at = this.position
    this.bytes[at] = first
    this.bytes[at + 1] = second
    this.position = at + 2
  }

  /** 0 … 4294967295. */
  uint32(value: number): void {
    this.position = writeUint32(this.bytes, this.position, value)
  }

  uint64(high: number, low: number): void {
    this.position = writeUint64(this.bytes, this.position, high, low)
  }

  /** source[from, to). */
  copy(source: Buffer, from: number, to: number): void {
    this.position = copyBytes(source, from, to, this.bytes, this.position)
  }

  base64(source: Buffer, from: number, to: number): void {
    this.position = encodeBase64(source, from, to, this.bytes, this.position)
  }

  /** For replies that are made as text: statistics and such. Makes its own room, a part at a time. */
  text(text: string): void {
    for (let from = 0; from < text.length; from += RESERVE_BYTES_MAX) {
      const part =
        text.length > RESERVE_BYTES_MAX ? text.slice(from, from + RESERVE_BYTES_MAX) : text
      this.reserve(part.length)
      this.position += this.bytes.write(part, this.position, part.length, 'latin1')
    }
  }

  /** `VALUE key flags length`, without cas and line end. The key is buffer[start, start + length). */
  valueHeader(
    key: Buffer,
    keyStart: number,
    keyLength: number,
    clientFlags: number,
    valueLength: number,
  ): void {
    const target = this.bytes
    let at = this.position
    target[at] = 86
    target[at + 1] = 65
    target[at + 2] = 76
    target[at + 3] = 85
    target[at + 4] = 69
    target[at + 5] = 32
    at = copyBytes(key, keyStart, keyStart + keyLength, target, at + 6)
    target[at] = 32
    at = writeUint32(target, at + 1, clientFlags >>> 0)
    target[at] = 32
    this.position = writeUint32(target, at + 1, valueLength)
  }

  /** A flag of a meta reply: a space and its letter; the argument follows. */
  flag(letter: number): void {
    const at = this.position
    this.bytes[at] = 32
    this.bytes[at + 1] = letter
    this.position = at + 2
  }
}
