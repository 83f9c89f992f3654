/** Offsets at which values start in the pattern: neighbouring keys must not have the same bytes. */
const STARTS = 4093

/**
 * Every value is a piece of one long pattern, found by its key, so that a value can be sent without
 * making it and compared when it comes back, whatever length it was stored with.
 */
export class Values {
  readonly pattern: Buffer

  constructor(valueBytesMax: number) {
    this.pattern = Buffer.alloc(valueBytesMax + STARTS)
    let word = 0x2545f491
    for (let at = 0; at < this.pattern.length; at++) {
      word ^= word << 13
      word ^= word >>> 17
      word ^= word << 5
      // Line ends inside values must not trouble a server or our own reader.
      this.pattern[at] = at % 61 === 60 ? 10 : word & 0xff
    }
  }

  start(key: number): number {
    return (key * 31) % STARTS
  }

  /** Whether bytes of a reply are those that stand `from` bytes into the value of this key. */
  matches(key: number, from: number, bytes: Buffer, start: number, end: number): boolean {
    const at = this.start(key) + from
    return bytes.compare(this.pattern, at, at + end - start, start, end) === 0
  }
}
