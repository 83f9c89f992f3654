import type { ReplyWriter } from '../protocol/reply.ts'
import { RESERVE_BYTES_MAX } from '../protocol/reply.ts'
import type { ChainReader, Store } from '../store/store.ts'
import type { CommandContext, Producer } from './context.ts'

/**
 * A value too large for the reply buffer, sent as fast as the client reads. Its pages are pinned, so
 * the client gets the value as it was when it asked, whatever happens to the item meanwhile.
 */
export class ValueProducer implements Producer {
  readonly #store: Store
  readonly #reader: ChainReader
  #open = true

  constructor(store: Store, reader: ChainReader) {
    this.#store = store
    this.#reader = reader
  }

  produce(reply: ReplyWriter): boolean {
    const reader = this.#reader
    if (reader.remaining > 0) {
      if (reply.sendsDirect && reader.remaining >= DIRECT_BYTES_MIN) return this.#sendDirect(reply)
      reply.reserve(RESERVE_BYTES_MAX)
      if (!this.#open) return false
      reply.position += reader.read(reply.bytes, reply.position, reply.room)
    }
    if (reader.remaining > 0) return true
    reply.reserve(2)
    reply.lineEnd()
    this.abandon()
    return false
  }

  /**
   * The next part straight out of its pages, which stay pinned while it is on its way: the next call
   * comes when it is gone. A little is left over, to go with what the command has to say after it.
   */
  #sendDirect(reply: ReplyWriter): boolean {
    const chunks: Buffer[] = []
    this.#reader.view(chunks, Math.min(DIRECT_BYTES_MAX, this.#reader.remaining - TAIL_BYTES))
    reply.sendDirect(chunks)
    return this.#open
  }

  /** Also called when produce() has just ended: the flush in it may have closed the connection. */
  abandon(): void {
    if (!this.#open) return
    this.#open = false
    this.#reader.close()
    giveReader(this.#store, this.#reader)
  }
}

/**
 * From this many bytes on it is cheaper to hand the kernel the pages than to copy them: the views and
 * the list of them are objects, and a write of several pieces costs more than one of one piece.
 */
const DIRECT_BYTES_MIN = 64 * 1024
/** What one write may be given. Values of 1 MiB in four writes cost 1.6 to 1.8 of one. */
const DIRECT_BYTES_MAX = 1024 * 1024
/** Left over by each. A value of 1 MiB that left whole, with END, cost 1.1 to 1.4 of this. */
const TAIL_BYTES = 4096

/** Under the lock: pins the item's value and makes it the rest of the reply. */
export function produceValue(context: CommandContext, item: number): void {
  const reader = takeReader(context.store)
  reader.open(context.store, item)
  context.session.producer = new ValueProducer(context.store, reader)
}

/** Readers own a buffer, so a few are kept. They belong to one store, as this thread does. */
const READERS_KEPT_MAX = 16
const kept: ChainReader[] = []
let keptFor: Store | null = null

export function takeReader(store: Store): ChainReader {
  if (keptFor !== store) {
    kept.length = 0
    keptFor = store
  }
  return kept.pop() ?? store.createReader()
}

/** A closed reader, to be used again. */
export function giveReader(store: Store, reader: ChainReader): void {
  if (keptFor === store && kept.length < READERS_KEPT_MAX) kept.push(reader)
}
