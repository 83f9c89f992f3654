import { writePadded, writeUint32 } from '../base/bytes.ts'

/** Of `stats slabs` with all size classes in use: 13 kB; `stats items`: 33. */
const START_BYTES = 16 * 1024

/** STAT, two words, a number and the line's end; each word is one of ours. */
const LINE_BYTES_MAX = 128

const BILLION = 1e9

/**
 * Lines of statistics, written as bytes. Made of strings, the two thousand lines of all size classes
 * were 0.9 MB of garbage for 46 kB of text, in the workers, whose collections their clients wait for.
 */
export class StatText {
  #bytes = Buffer.allocUnsafeSlow(START_BYTES)
  #length = 0

  /** `STAT ` and both words, without a space between them, then the number. */
  line(first: string, second: string, value: number): void {
    const bytes = this.#reserve(LINE_BYTES_MAX)
    let at = this.#length
    at += bytes.write('STAT ', at, 'latin1')
    at += bytes.write(first, at, 'latin1')
    at += bytes.write(second, at, 'latin1')
    at += bytes.write(' ', at, 'latin1')
    at = writeNumber(bytes, at, value)
    at += bytes.write('\r\n', at, 'latin1')
    this.#length = at
  }

  add(text: string): void {
    this.#length += this.#reserve(text.length).write(text, this.#length, 'latin1')
  }

  /** What was written; good until more is. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(length: number): Buffer {
    if (this.#bytes.length - this.#length < length) {
      const larger = Buffer.allocUnsafeSlow((this.#bytes.length + length) * 2)
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    return this.#bytes
  }
}

/** Returns the offset behind the number. Only whole ones, which all should be, make no string. */
function writeNumber(target: Buffer, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    return at + target.write(String(value), at, 'latin1')
  }
  if (value <= 0xffffffff) return writeUint32(target, at, value)
  const billions = Math.floor(value / BILLION)
  return writePadded(target, writeUint32(target, at, billions), value - billions * BILLION, 9)
}
