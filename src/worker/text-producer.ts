import type { Producer } from '../commands/context.ts'
import type { ReplyWriter } from '../protocol/reply.ts'

const SLICE_BYTES = 8192

/** A reply that already exists as a whole (it came from another thread), sent as fast as the client reads. */
export class TextProducer implements Producer {
  readonly #text: Buffer
  #at = 0

  constructor(text: Buffer) {
    this.#text = text
  }

  produce(reply: ReplyWriter): boolean {
    const to = Math.min(this.#text.length, this.#at + SLICE_BYTES)
    reply.reserve(to - this.#at)
    this.#text.copy(reply.bytes, reply.position, this.#at, to)
    reply.position += to - this.#at
    this.#at = to
    return this.#at < this.#text.length
  }

  abandon(): void {}
}
