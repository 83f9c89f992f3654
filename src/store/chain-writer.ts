import { assert } from '../base/assert.ts'
import type { Items } from './item.ts'
import { copyBytes } from './item.ts'
import * as L from './layout.ts'
import type { Pages } from './pages.ts'
import { chainAt, pageAddress, pageAt } from './pages.ts'
import type { Reclaimer } from './reclaimer.ts'

/** Pages taken ahead of the bytes: one hold of the pool lock for most values. */
const PAGES_AHEAD = 8

/**
 * Takes a large value (PAGE_BYTES or more) as it arrives, with no lock held between the pieces. The
 * bytes before the whole pages wait in a loose page until there is a record to hold them.
 *
 *   begin -> write … -> (lockForWrite, find, replace with draft.chain) -> finish -> unlock
 *                    -> abort
 */
export class ChainWriter {
  readonly #items: Items
  readonly #pages: Pages
  readonly #reclaimer: Reclaimer
  /** For draft.chain once received === valueLength. 0 when idle. */
  chain: number
  valueLength: number
  received: number
  #inlineLength: number
  #inlinePage: number
  /** The page that gets the next byte; 0 before the first. */
  #page: number
  #pagesMissing: number

  constructor(items: Items, pages: Pages, reclaimer: Reclaimer) {
    this.#items = items
    this.#pages = pages
    this.#reclaimer = reclaimer
    this.chain = 0
    this.valueLength = 0
    this.received = 0
    this.#inlineLength = 0
    this.#inlinePage = 0
    this.#page = 0
    this.#pagesMissing = 0
  }

  /** False: no memory; there is nothing to abort. */
  begin(valueLength: number): boolean {
    assert(this.chain === 0, 'a writer writes one value at a time')
    assert(valueLength >= L.PAGE_BYTES, 'a small value needs no chain')
    this.chain = this.#pages.createChain()
    if (this.chain === 0) return false
    this.valueLength = valueLength
    this.received = 0
    this.#inlineLength = valueLength & L.PAGE_BYTE_MASK
    this.#page = 0
    this.#pagesMissing = valueLength >>> L.PAGE_SHIFT
    if (this.#inlineLength !== 0 && !this.#takeInlinePage()) return false
    return this.#extend()
  }

  /** Appends source[from, to). False: no memory; the writer aborted itself. */
  write(source: Buffer, from: number, to: number): boolean {
    assert(this.received + to - from <= this.valueLength, 'no more bytes than announced')
    let at = from
    while (at < to) {
      let room: number
      if (this.received < this.#inlineLength) {
        room = this.#inlineLength - this.received
        this.#copy(source, at, this.#inlinePage, this.received, Math.min(room, to - at))
      } else {
        const offset = (this.received - this.#inlineLength) & L.PAGE_BYTE_MASK
        if (offset === 0 && !this.#nextPage()) return false
        room = L.PAGE_BYTES - offset
        this.#copy(source, at, this.#page, offset, Math.min(room, to - at))
      }
      const length = Math.min(room, to - at)
      at += length
      this.received += length
    }
    return true
  }

  /** Writes the whole value into another writer. It stays here, so this may be done again. */
  writeTo(target: Pick<ChainWriter, 'write'>): boolean {
    assert(this.chain !== 0 && this.received === this.valueLength, 'the whole value has arrived')
    const { tables } = this.#items.views
    if (!this.#writePageTo(target, this.#inlinePage, this.#inlineLength)) return false
    let page = 0
    for (let left = this.valueLength >>> L.PAGE_SHIFT; left > 0; left--) {
      page = this.#following(tables, page)
      if (!this.#writePageTo(target, page, L.PAGE_BYTES)) return false
    }
    return true
  }

  /** Under the shard's lock, right after replace(): the item owns the chain now. */
  finish(item: number): void {
    assert(this.received === this.valueLength, 'the whole value has arrived')
    assert(this.#items.chainOf(item) === this.chain, 'the item has this chain')
    if (this.#inlinePage !== 0) {
      const address = pageAddress(this.#inlinePage)
      const source = this.#items.bytes[address >>> L.ARENA_SHIFT]!
      const from = (address & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT
      this.#items.writeValue(item, 0, source, from, this.#inlineLength)
      this.#pages.owePage(this.#inlinePage)
      this.#inlinePage = 0
    }
    this.chain = 0
  }

  /** Gives everything back. Not under a shard lock. Harmless when idle or finished. */
  abort(): void {
    if (this.#inlinePage !== 0) this.#pages.givePage(this.#inlinePage)
    this.#inlinePage = 0
    if (this.chain !== 0) this.#pages.freeChain(this.chain)
    this.chain = 0
  }

  #copy(source: Buffer, from: number, page: number, offset: number, length: number): void {
    const address = pageAddress(page)
    const at = ((address & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT) + offset
    copyBytes(source, from, this.#items.bytes[address >>> L.ARENA_SHIFT]!, at, length)
  }

  #writePageTo(target: Pick<ChainWriter, 'write'>, page: number, length: number): boolean {
    if (length === 0) return true
    const address = pageAddress(page)
    const from = (address & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT
    return target.write(this.#items.bytes[address >>> L.ARENA_SHIFT]!, from, from + length)
  }

  #takeInlinePage(): boolean {
    for (let attempt = 0; ; attempt++) {
      this.#inlinePage = this.#pages.takeLoose(true)
      if (this.#inlinePage !== 0) return true
      if (!this.#reclaimer.supplyPool(attempt)) break
    }
    this.abort()
    return false
  }

  #nextPage(): boolean {
    const tables = this.#items.views.tables
    const nextOf = this.#page
    let page = this.#following(tables, nextOf)
    if (page === 0) {
      if (!this.#extend()) return false
      page = this.#following(tables, nextOf)
    }
    this.#page = page
    return true
  }

  #following(tables: Int32Array, page: number): number {
    return page === 0
      ? tables[chainAt(this.chain) + L.CHAIN_FIRST]!
      : tables[pageAt(page) + L.PAGE_NEXT]!
  }

  /** At least one more page for the chain; false and aborted when there is no memory. */
  #extend(): boolean {
    for (let attempt = 0; ; attempt++) {
      const added = this.#pages.extend(this.chain, Math.min(PAGES_AHEAD, this.#pagesMissing))
      this.#pagesMissing -= added
      if (added > 0) return true
      if (!this.#reclaimer.supplyPool(attempt)) break
    }
    this.abort()
    return false
  }
}
