/** Digits of an item's number in its key: `k:` and ten of them. */
const KEY_DIGITS = 10
export const KEY_BYTES = 2 + KEY_DIGITS

/** How long the value of an item is; the same item may get another size the next time it is written. */
export type SizeOf = (item: number, generation: number) => number

/** A buffer that is filled with commands again and again, without a string for each of them. */
export class CommandBatch {
  readonly #bytes: Buffer
  readonly #filler: Buffer
  #length = 0

  constructor(bytes: number) {
    this.#bytes = Buffer.alloc(bytes)
    // Not all the same byte, so that a kernel or a server that looks for that gains nothing.
    this.#filler = Buffer.alloc(bytes)
    for (let at = 0; at < bytes; at++) this.#filler[at] = 97 + ((at * 7) % 26)
  }

  clear(): void {
    this.#length = 0
  }

  get commands(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Whether one more command with so long a value fits. */
  hasRoom(valueBytes: number): boolean {
    return this.#bytes.length - this.#length > valueBytes + 64
  }

  set(item: number, valueBytes: number, exptime: number): void {
    this.#text('set ')
    this.#key(item)
    this.#text(` 0 ${exptime} ${valueBytes} noreply\r\n`)
    const from = item % 26
    this.#length += this.#filler.copy(this.#bytes, this.#length, from, from + valueBytes)
    this.#text('\r\n')
  }

  get(item: number): void {
    this.#text('get ')
    this.#key(item)
    this.#text('\r\n')
  }

  /** One get of several keys: `count` items that follow each other. */
  getMany(first: number, count: number): void {
    this.#text('get')
    for (let item = first; item < first + count; item++) {
      this.#text(' ')
      this.#key(item)
    }
    this.#text('\r\n')
  }

  #key(item: number): void {
    const bytes = this.#bytes
    bytes[this.#length] = 107
    bytes[this.#length + 1] = 58
    let left = item
    for (let digit = KEY_DIGITS - 1; digit >= 0; digit--) {
      const rest = Math.floor(left / 10)
      bytes[this.#length + 2 + digit] = 48 + left - rest * 10
      left = rest
    }
    this.#length += KEY_BYTES
  }

  #text(text: string): void {
    this.#length += this.#bytes.write(text, this.#length, 'latin1')
  }
}

/** xorshift32: cheap, and the same numbers for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed, 2654435761) | 1
  }

  below(bound: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % bound
  }
}
