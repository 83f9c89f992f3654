import type { Items } from './item.ts'
import { copyBytes } from './item.ts'
import * as L from './layout.ts'
import type { Pages } from './pages.ts'
import { chainAt, freePagesOf, pageAddress, pageAt, segmentAt } from './pages.ts'
import type { Pool } from './pool.ts'
import type { Shards } from './shards.ts'

/**
 * Empties page segments that are mostly free by moving their pages into others, so that a workload
 * which changes its sizes never strands memory. A page moves under the lock of its item's shard;
 * pages of pinned chains, of uploads and loose ones stay.
 */
/** How far down the partial list the emptiest segment is looked for. */
const LOOK_MAX = 64

export class PageMover {
  readonly #items: Items
  readonly #pool: Pool
  readonly #pages: Pages
  readonly #shards: Shards
  readonly #tables: Int32Array

  constructor(items: Items, pool: Pool, pages: Pages, shards: Shards) {
    this.#items = items
    this.#pool = pool
    this.#pages = pages
    this.#shards = shards
    this.#tables = items.views.tables
  }

  /** Empties one page segment. No lock may be held. True: a segment went back to the pool. */
  compact(): boolean {
    // As many free pages as a segment has: then the used ones of one fit into the others.
    if (this.#tables[L.POOL_PAGES_FREE]! < L.PAGES_PER_SEGMENT) return false
    const segment = this.#startDraining()
    if (segment === 0) return false
    let stuck = false
    for (let index = 0; index < L.PAGES_PER_SEGMENT && !stuck; index++) {
      stuck = !this.#movePage((segment << L.SEGMENT_PAGE_SHIFT) | index)
    }
    return this.#stopDraining(segment)
  }

  #startDraining(): number {
    const tables = this.#tables
    this.#pool.lock()
    let best = 0
    let bestFree = 0
    let segment = tables[L.POOL_PARTIAL_HEAD]!
    for (let looked = 0; segment !== 0 && looked < LOOK_MAX; looked++) {
      const at = segmentAt(segment)
      const free = freePagesOf(tables, segment)
      // What was stuck the last time is passed over once, or it would be the best for ever.
      if (free > bestFree && tables[at + L.SEGMENT_HAND] === 0) {
        best = segment
        bestFree = free
      }
      tables[at + L.SEGMENT_HAND] = 0
      segment = tables[at + L.SEGMENT_NEXT]!
    }
    // One at a time: two that empty each other's targets would get nowhere.
    const enough = tables[L.POOL_PAGES_FREE]! >= L.PAGES_PER_SEGMENT
    if (best !== 0 && enough && tables[L.POOL_DRAINING] === 0) {
      this.#pages.removePartial(best)
      tables[segmentAt(best) + L.SEGMENT_PHASE] = L.PHASE_MOVE
      tables[L.POOL_DRAINING] = best
    } else {
      best = 0
    }
    this.#pool.unlock()
    return best
  }

  /** True if the segment is empty, so that the last page to leave has given it to the pool. */
  #stopDraining(segment: number): boolean {
    const tables = this.#tables
    this.#pool.lock()
    tables[L.POOL_DRAINING] = 0
    const at = segmentAt(segment)
    // The pool lock was not held in between: the segment may be anything by now, but only as long
    // as it is a page segment in this phase is it the one that is being emptied.
    const left =
      (tables[at]! & L.KIND_MASK) === L.KIND_PAGES && tables[at + L.SEGMENT_PHASE] === L.PHASE_MOVE
    if (left) {
      tables[at + L.SEGMENT_PHASE] = L.PHASE_NONE
      tables[at + L.SEGMENT_HAND] = 1
      tables[L.POOL_PAGES_FREE] = tables[L.POOL_PAGES_FREE]! + freePagesOf(tables, segment)
      if (freePagesOf(tables, segment) !== 0) this.#pages.addPartial(segment, false)
    }
    this.#pool.unlock()
    return !left
  }

  /** Moves one page of a draining segment away. False: it has to stay. */
  #movePage(page: number): boolean {
    const tables = this.#tables
    // Read without a lock: a guess, which is checked under the lock of the shard it names.
    const chain = tables[pageAt(page) + L.PAGE_CHAIN]!
    if (chain === 0) return true
    if (chain === L.PAGE_LOOSE) return false
    const target = this.#pages.takeLoose(false)
    if (target === 0) return false
    const shard = tables[chainAt(chain) + L.CHAIN_SHARD]! & this.#items.views.shardMask
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    this.#shards.enter(base)
    const moved = this.#mayMove(page, chain, shard)
    if (moved) this.#relocate(page, target, chain)
    this.#shards.leave(base)
    this.#pages.givePage(moved ? page : target)
    return moved
  }

  #mayMove(page: number, chain: number, shard: number): boolean {
    const tables = this.#tables
    const at = chainAt(chain)
    const owner = tables[at + L.CHAIN_OWNER]!
    if (owner === 0 || tables[at + L.CHAIN_SHARD] !== shard) return false
    const segment = segmentAt(owner >>> L.SEGMENT_SHIFT)
    const kind = tables[segment]!
    if (kind >>> L.KIND_SHARD_SHIFT !== shard || (kind & L.KIND_MASK) >= L.KIND_INDEX) return false
    if (this.#items.chainOf(owner) !== chain) return false
    return tables[pageAt(page) + L.PAGE_CHAIN] === chain && tables[at + L.CHAIN_PINS] === 0
  }

  #relocate(page: number, target: number, chain: number): void {
    const tables = this.#tables
    const bytes = this.#items.bytes
    const from = pageAddress(page)
    const to = pageAddress(target)
    copyBytes(
      bytes[from >>> L.ARENA_SHIFT]!,
      (from & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT,
      bytes[to >>> L.ARENA_SHIFT]!,
      (to & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT,
      L.PAGE_BYTES,
    )
    const next = tables[pageAt(page) + L.PAGE_NEXT]!
    const prev = tables[pageAt(page) + L.PAGE_PREV]!
    tables[pageAt(target) + L.PAGE_NEXT] = next
    tables[pageAt(target) + L.PAGE_PREV] = prev
    tables[pageAt(target) + L.PAGE_CHAIN] = chain
    tables[pageAt(page) + L.PAGE_CHAIN] = L.PAGE_LOOSE
    if (prev === 0) tables[chainAt(chain) + L.CHAIN_FIRST] = target
    else tables[pageAt(prev) + L.PAGE_NEXT] = target
    if (next === 0) tables[chainAt(chain) + L.CHAIN_LAST] = target
    else tables[pageAt(next) + L.PAGE_PREV] = target
  }
}
