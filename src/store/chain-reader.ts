import { assert } from '../base/assert.ts'
import type { Items } from './item.ts'
import { copyBytes, inlineLength, wordAt } from './item.ts'
import * as L from './layout.ts'
import type { Pages } from './pages.ts'
import { chainAt, pageAddress, pageAt } from './pages.ts'

/**
 * Reads a value at the pace of a slow client. open() keeps a copy of the bytes inside the record and
 * pins the pages, so the item may be moved, replaced or evicted meanwhile.
 */
export class ChainReader {
  readonly #pages: Pages
  #items: Items | null
  #inline: Buffer | null
  #inlineLeft: number
  #inlineAt: number
  #chain: number
  #page: number
  #pageOffset: number
  /** Bytes still to be read. */
  remaining: number

  constructor(pages: Pages) {
    this.#pages = pages
    this.#items = null
    this.#inline = null
    this.#inlineLeft = 0
    this.#inlineAt = 0
    this.#chain = 0
    this.#page = 0
    this.#pageOffset = 0
    this.remaining = 0
  }

  /** Under the shard's lock; any item. `store` is the store that made this reader. */
  open(store: Items, item: number): void {
    assert(this.#chain === 0, 'a reader is closed before it is opened again')
    this.#items = store
    this.remaining = store.valueLength(item)
    const words = store.arena(item)
    const at = wordAt(item)
    this.#inlineLeft = inlineLength(words[at]!, words[at + L.RECORD_VALUE]!)
    this.#inlineAt = 0
    if (this.#inlineLeft > 0) {
      if (this.#inline === null) this.#inline = Buffer.allocUnsafeSlow(L.PAGE_BYTES)
      const source = store.bytes[item >>> L.ARENA_SHIFT]!
      copyBytes(source, store.valueOffset(item), this.#inline, 0, this.#inlineLeft)
    }
    this.#chain = store.chainOf(item)
    this.#pageOffset = 0
    if (this.#chain !== 0) {
      this.#pages.pin(this.#chain)
      this.#page = store.views.tables[chainAt(this.#chain) + L.CHAIN_FIRST]!
    }
  }

  /** Copies up to max bytes; returns how many, 0 at the end. No lock needed. */
  read(target: Buffer, at: number, max: number): number {
    const wanted = Math.min(max, this.remaining)
    let done = 0
    if (this.#inlineLeft > 0) {
      done = Math.min(wanted, this.#inlineLeft)
      copyBytes(this.#inline as Buffer, this.#inlineAt, target, at, done)
      this.#inlineAt += done
      this.#inlineLeft -= done
    }
    while (done < wanted) {
      const length = Math.min(wanted - done, L.PAGE_BYTES - this.#pageOffset)
      this.#readPage(target, at + done, length)
      done += length
    }
    this.remaining -= done
    return done
  }

  /**
   * Up to max bytes as they lie in memory, without copying: adds views to `chunks`, pages that follow
   * one another as one. They are good until close(). Returns the bytes.
   */
  view(chunks: Buffer[], max: number): number {
    const wanted = Math.min(max, this.remaining)
    let done = 0
    if (this.#inlineLeft > 0) {
      done = Math.min(wanted, this.#inlineLeft)
      chunks.push((this.#inline as Buffer).subarray(this.#inlineAt, this.#inlineAt + done))
      this.#inlineAt += done
      this.#inlineLeft -= done
    }
    while (done < wanted) done += this.#viewRun(chunks, wanted - done)
    this.remaining -= done
    return done
  }

  /** Unpins. Not under a shard lock. Harmless when closed. */
  close(): void {
    if (this.#chain !== 0) this.#pages.unpin(this.#chain)
    this.#chain = 0
    this.#inlineLeft = 0
    this.remaining = 0
  }

  /** The pages from the present one on that lie behind each other in one arena. */
  #viewRun(chunks: Buffer[], max: number): number {
    const items = this.#items as Items
    const { tables } = items.views
    const address = pageAddress(this.#page)
    const from = ((address & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT) + this.#pageOffset
    let length = 0
    while (length < max) {
      const part = Math.min(max - length, L.PAGE_BYTES - this.#pageOffset)
      length += part
      this.#pageOffset += part
      if (this.#pageOffset < L.PAGE_BYTES) break
      this.#pageOffset = 0
      const next = tables[pageAt(this.#page) + L.PAGE_NEXT]!
      const follows =
        next === this.#page + 1 && pageAddress(next) >>> L.ARENA_SHIFT === address >>> L.ARENA_SHIFT
      this.#page = next
      if (!follows) break
    }
    chunks.push(items.bytes[address >>> L.ARENA_SHIFT]!.subarray(from, from + length))
    return length
  }

  #readPage(target: Buffer, at: number, length: number): void {
    const items = this.#items as Items
    const address = pageAddress(this.#page)
    const from = ((address & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT) + this.#pageOffset
    copyBytes(items.bytes[address >>> L.ARENA_SHIFT]!, from, target, at, length)
    this.#pageOffset += length
    if (this.#pageOffset < L.PAGE_BYTES) return
    this.#pageOffset = 0
    this.#page = items.views.tables[pageAt(this.#page) + L.PAGE_NEXT]!
  }
}
