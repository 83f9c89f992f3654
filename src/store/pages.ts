import { assert } from '../base/assert.ts'
import * as L from './layout.ts'
import type { Views } from './memory.ts'
import type { Pool } from './pool.ts'

/**
 * Pages of 8 KiB for large values, and the chains they form. A chain has a number of its own, which
 * stays the same while its pages move; the record of the item holds that number.
 *
 * Who may touch what: free pages, the bits in page segments and the chain free list belong to the
 * pool lock. The pages of a chain belong to the thread that writes it until it is linked to an
 * item, then to the lock of the item's shard, and when dead to the one thread that frees it.
 */
const PAGES_FREED_PER_HOLD = 128
const ALL_PAGES = (1 << L.PAGES_PER_SEGMENT) - 1

export class Pages {
  readonly #views: Views
  readonly #pool: Pool
  readonly #tables: Int32Array

  constructor(views: Views, pool: Pool) {
    this.#views = views
    this.#pool = pool
    this.#tables = views.tables
  }

  /** A new chain without pages, or 0 when there are no more chain numbers. */
  createChain(): number {
    const tables = this.#tables
    this.#pool.lock()
    let chain = tables[L.POOL_CHAIN_FREE]!
    if (chain !== 0) tables[L.POOL_CHAIN_FREE] = tables[chainAt(chain) + L.CHAIN_NEXT]!
    else if (tables[L.POOL_CHAIN_FRESH]! < L.PAGE_COUNT_MAX) {
      chain = tables[L.POOL_CHAIN_FRESH]!
      tables[L.POOL_CHAIN_FRESH] = chain + 1
    }
    this.#pool.unlock()
    if (chain === 0) return 0
    const at = chainAt(chain)
    for (let word = 0; word < L.CHAIN_WORDS; word++) tables[at + word] = 0
    return chain
  }

  /**
   * Adds up to `count` pages to the end of a chain that this thread writes.
   * Returns how many there were; fewer when memory is short.
   */
  extend(chain: number, count: number): number {
    const tables = this.#tables
    const at = chainAt(chain)
    let added = 0
    this.#pool.lock()
    for (; added < count; added++) {
      const page = this.takeLocked(true)
      if (page === 0) break
      const last = tables[at + L.CHAIN_LAST]!
      tables[pageAt(page) + L.PAGE_CHAIN] = chain
      tables[pageAt(page) + L.PAGE_NEXT] = 0
      tables[pageAt(page) + L.PAGE_PREV] = last
      if (last === 0) tables[at + L.CHAIN_FIRST] = page
      else tables[pageAt(last) + L.PAGE_NEXT] = page
      tables[at + L.CHAIN_LAST] = page
    }
    this.#pool.unlock()
    tables[at + L.CHAIN_PAGES] = tables[at + L.CHAIN_PAGES]! + added
    return added
  }

  /** A page that belongs to this thread alone, or 0. */
  takeLoose(fromNewSegment: boolean): number {
    this.#pool.lock()
    const page = this.takeLocked(fromNewSegment)
    this.#pool.unlock()
    return page
  }

  takeLocked(fromNewSegment: boolean): number {
    const tables = this.#tables
    let segment = tables[L.POOL_PARTIAL_HEAD]!
    if (segment === 0) {
      if (!fromNewSegment) return 0
      segment = this.#pool.takeLocked(L.KIND_PAGES)
      if (segment === 0) return 0
      tables[segmentAt(segment) + L.SEGMENT_USED] = 0
      tables[segmentAt(segment) + L.SEGMENT_PHASE] = L.PHASE_NONE
      tables[segmentAt(segment) + L.SEGMENT_HAND] = 0
      tables[L.POOL_PAGES_FREE] = tables[L.POOL_PAGES_FREE]! + L.PAGES_PER_SEGMENT
      tables[L.POOL_PAGE_SEGMENTS] = tables[L.POOL_PAGE_SEGMENTS]! + 1
      this.addPartial(segment, true)
    }
    const at = segmentAt(segment)
    const free = ~tables[at + L.SEGMENT_USED]! & ALL_PAGES
    assert(free !== 0, 'a page segment in the partial list has a free page')
    const index = 31 - Math.clz32(free & -free)
    tables[at + L.SEGMENT_USED] = tables[at + L.SEGMENT_USED]! | (1 << index)
    tables[L.POOL_PAGES_FREE] = tables[L.POOL_PAGES_FREE]! - 1
    tables[L.POOL_PAGES_USED] = tables[L.POOL_PAGES_USED]! + 1
    if (tables[at + L.SEGMENT_USED] === ALL_PAGES) this.#unlinkPartial(segment)
    const page = (segment << L.SEGMENT_PAGE_SHIFT) | index
    tables[pageAt(page) + L.PAGE_CHAIN] = L.PAGE_LOOSE
    return page
  }

  /** A page nobody uses any more; a segment left empty goes back to the pool. */
  giveLocked(page: number): void {
    const tables = this.#tables
    const segment = page >>> L.SEGMENT_PAGE_SHIFT
    const at = segmentAt(segment)
    const bit = 1 << (page & (L.PAGES_PER_SEGMENT - 1))
    const used = tables[at + L.SEGMENT_USED]!
    assert((used & bit) !== 0, 'a page is freed once')
    tables[pageAt(page) + L.PAGE_CHAIN] = 0
    tables[at + L.SEGMENT_USED] = used & ~bit
    tables[L.POOL_PAGES_USED] = tables[L.POOL_PAGES_USED]! - 1
    // A segment that is being emptied is in no list: its free pages must not be handed out.
    const draining = this.isDraining(segment)
    if (!draining) {
      tables[L.POOL_PAGES_FREE] = tables[L.POOL_PAGES_FREE]! + 1
      if (used === ALL_PAGES) this.addPartial(segment, false)
    }
    if ((used & ~bit) !== 0) return
    if (!draining) this.removePartial(segment)
    tables[at + L.SEGMENT_PHASE] = L.PHASE_NONE
    tables[L.POOL_PAGE_SEGMENTS] = tables[L.POOL_PAGE_SEGMENTS]! - 1
    this.#pool.giveLocked(segment)
  }

  isDraining(segment: number): boolean {
    return this.#tables[segmentAt(segment) + L.SEGMENT_PHASE] === L.PHASE_MOVE
  }

  /** Frees a chain that nobody can reach any more. No shard lock may be held. */
  freeChain(chain: number): void {
    const tables = this.#tables
    const at = chainAt(chain)
    let page = tables[at + L.CHAIN_FIRST]!
    while (page !== 0) {
      this.#pool.lock()
      for (let freed = 0; freed < PAGES_FREED_PER_HOLD && page !== 0; freed++) {
        const next = tables[pageAt(page) + L.PAGE_NEXT]!
        this.giveLocked(page)
        page = next
      }
      this.#pool.unlock()
    }
    this.#pool.lock()
    tables[at + L.CHAIN_FIRST] = 0
    tables[at + L.CHAIN_NEXT] = tables[L.POOL_CHAIN_FREE]!
    tables[L.POOL_CHAIN_FREE] = chain
    this.#pool.unlock()
  }

  /**
   * The item of this chain is gone (under its shard's lock). The chain is owed unless somebody
   * still reads it: then the last reader frees it.
   */
  dropChain(chain: number): void {
    const at = chainAt(chain)
    this.#tables[at + L.CHAIN_OWNER] = 0
    const before = Atomics.or(this.#tables, at + L.CHAIN_PINS, L.CHAIN_DEAD)
    assert((before & L.CHAIN_DEAD) === 0, 'a chain dies once')
    if (before === 0) this.oweChain(chain)
  }

  oweChain(chain: number): void {
    this.#tables[chainAt(chain) + L.CHAIN_NEXT] = this.#views.owedChains
    this.#views.owedChains = chain
  }

  owePage(page: number): void {
    this.#tables[pageAt(page) + L.PAGE_NEXT] = this.#views.owedPages
    this.#views.owedPages = page
  }

  /** Under the shard's lock: nobody moves or frees the pages until unpin. */
  pin(chain: number): void {
    Atomics.add(this.#tables, chainAt(chain) + L.CHAIN_PINS, 1)
  }

  /** No shard lock may be held. */
  unpin(chain: number): void {
    const before = Atomics.sub(this.#tables, chainAt(chain) + L.CHAIN_PINS, 1)
    assert((before & ~L.CHAIN_DEAD) > 0, 'a chain is unpinned as often as it was pinned')
    if (before === (L.CHAIN_DEAD | 1)) this.freeChain(chain)
  }

  /** Gives back what this thread owes. No lock may be held. */
  settlePages(): void {
    const views = this.#views
    while (views.owedChains !== 0) {
      const chain = views.owedChains
      views.owedChains = this.#tables[chainAt(chain) + L.CHAIN_NEXT]!
      this.freeChain(chain)
    }
    while (views.owedPages !== 0) {
      const page = views.owedPages
      views.owedPages = this.#tables[pageAt(page) + L.PAGE_NEXT]!
      this.givePage(page)
    }
  }

  givePage(page: number): void {
    this.#pool.lock()
    this.giveLocked(page)
    this.#pool.unlock()
  }

  /**
   * Puts a segment into the partial list, at the head to be filled next, or at the tail. Whoever
   * calls it adds the free pages to POOL_PAGES_FREE.
   */
  addPartial(segment: number, atHead: boolean): void {
    const tables = this.#tables
    const at = segmentAt(segment)
    const head = tables[L.POOL_PARTIAL_HEAD]!
    const tail = tables[L.POOL_PARTIAL_TAIL]!
    tables[at + L.SEGMENT_NEXT] = atHead ? head : 0
    tables[at + L.SEGMENT_PREV] = atHead ? 0 : tail
    if (head === 0) {
      tables[L.POOL_PARTIAL_HEAD] = segment
      tables[L.POOL_PARTIAL_TAIL] = segment
    } else if (atHead) {
      tables[segmentAt(head) + L.SEGMENT_PREV] = segment
      tables[L.POOL_PARTIAL_HEAD] = segment
    } else {
      tables[segmentAt(tail) + L.SEGMENT_NEXT] = segment
      tables[L.POOL_PARTIAL_TAIL] = segment
    }
  }

  /** Takes a segment out of the partial list together with its free pages. */
  removePartial(segment: number): void {
    this.#tables[L.POOL_PAGES_FREE] =
      this.#tables[L.POOL_PAGES_FREE]! - freePagesOf(this.#tables, segment)
    this.#unlinkPartial(segment)
  }

  #unlinkPartial(segment: number): void {
    const tables = this.#tables
    const at = segmentAt(segment)
    const next = tables[at + L.SEGMENT_NEXT]!
    const prev = tables[at + L.SEGMENT_PREV]!
    if (prev === 0) tables[L.POOL_PARTIAL_HEAD] = next
    else tables[segmentAt(prev) + L.SEGMENT_NEXT] = next
    if (next === 0) tables[L.POOL_PARTIAL_TAIL] = prev
    else tables[segmentAt(next) + L.SEGMENT_PREV] = prev
  }
}

export function freePagesOf(tables: Int32Array, segment: number): number {
  let free = ~tables[segmentAt(segment) + L.SEGMENT_USED]! & ALL_PAGES
  let count = 0
  for (; free !== 0; free &= free - 1) count++
  return count
}

export function segmentAt(segment: number): number {
  return L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
}

export function pageAt(page: number): number {
  return L.PAGES_AT + (page << L.PAGE_WORD_SHIFT)
}

export function chainAt(chain: number): number {
  return L.CHAINS_AT + (chain << L.CHAIN_WORD_SHIFT)
}

/** Unit address of a page's bytes. */
export function pageAddress(page: number): number {
  return (page << (L.SEGMENT_SHIFT - L.SEGMENT_PAGE_SHIFT)) | 0
}
