import { assert } from '../base/assert.ts'
import { unitsAt } from './eviction/eviction.ts'
import type { HashIndex } from './hash-index.ts'
import type { Items } from './item.ts'
import { wordAt } from './item.ts'
import * as L from './layout.ts'
import { chainAt, freePagesOf, pageAt, segmentAt } from './pages.ts'
import type { Segments } from './segments.ts'
import { CLASS_SIZES, sizeClassOf } from './size-class.ts'

/**
 * Walks everything and asserts every invariant: logs, records, index, figures, chains, pages, pool.
 * For tests and for the debug endpoint of a quiet store: it is slow and allocates as it likes.
 * Returns the pages that belong to no item: those of uploads, of pinned dead chains and loose ones.
 */
export function checkStore(items: Items, index: HashIndex, segments: Segments): number {
  const check = new Check(items, index, segments)
  for (let shard = 0; shard < items.views.shardCount; shard++) check.shard(shard)
  return check.pool()
}

class Check {
  readonly #items: Items
  readonly #tables: Int32Array
  readonly #index: HashIndex
  readonly #segments: Segments
  /** Segments found so far, by what they are. */
  readonly #seen: Set<number>
  #pagesOfItems: number

  constructor(items: Items, index: HashIndex, segments: Segments) {
    this.#items = items
    this.#tables = items.views.tables
    this.#index = index
    this.#segments = segments
    this.#seen = new Set()
    this.#pagesOfItems = 0
  }

  shard(shard: number): void {
    const tables = this.#tables
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    assert(tables[base + L.SHARD_LOCK] === 0, 'no lock is held')
    assert(tables[base + L.SHARD_NUMBER] === shard, 'shard number')
    const linked = this.#indexOf(base, shard)
    assert(linked.size === tables[base + L.SHARD_ITEMS], 'items in the index')
    const spare = tables[base + L.SHARD_SPARE]!
    if (spare !== 0) this.#sight(spare, L.KIND_SPARE, shard)
    const total = { live: 0, dead: 0, items: 0, old: 0 }
    for (let log = 0; log < L.LOG_COUNT; log++) this.#log(base, log, linked, total)
    assert(total.items === linked.size, 'every linked item is in a log')
    assert(total.old === tables[base + L.SHARD_OLD_SEGMENTS], 'segments of older epochs')
    const figures = this.#items.views.figures
    const at = shard * L.FIGURE_DOUBLES
    assert(figures[at + L.FIGURE_LIVE_UNITS] === total.live, 'live units')
    assert(figures[at + L.FIGURE_DEAD_UNITS] === total.dead, 'dead units')
    this.#classes(at, linked)
    this.#room(base)
  }

  pool(): number {
    const tables = this.#tables
    assert(tables[L.POOL_LOCK] === 0, 'the pool lock is free')
    let free = 0
    for (let segment = tables[L.POOL_FREE_HEAD]!; segment !== 0; free++) {
      this.#sight(segment, L.KIND_FREE, 0)
      segment = tables[segmentAt(segment) + L.SEGMENT_NEXT]!
    }
    let pagesUsed = 0
    let pagesFree = 0
    let pageSegments = 0
    for (let segment = 1; segment < tables[L.POOL_FRESH]!; segment++) {
      if ((tables[segmentAt(segment)]! & L.KIND_MASK) !== L.KIND_PAGES) continue
      this.#sight(segment, L.KIND_PAGES, 0)
      pageSegments++
      pagesFree += freePagesOf(tables, segment)
      pagesUsed += L.PAGES_PER_SEGMENT - freePagesOf(tables, segment)
      this.#pageSegment(segment)
    }
    assert(tables[L.POOL_PAGE_SEGMENTS] === pageSegments, 'page segments')
    assert(tables[L.POOL_PAGES_USED] === pagesUsed, 'pages used')
    assert(tables[L.POOL_PAGES_FREE] === pagesFree, 'free pages')
    this.#partialList(pagesFree)
    assert(this.#seen.size === tables[L.POOL_FRESH]! - 1, 'every segment is somewhere, once')
    assert(tables[L.POOL_IN_USE] === this.#seen.size - free, 'segments in use')
    assert(tables[L.POOL_IN_USE]! <= tables[L.POOL_LIMIT]!, 'no more is in use than may be')
    assert(tables[L.POOL_TARGET]! <= tables[L.POOL_LIMIT]!, 'a limit is lowered from above')
    return pagesUsed - this.#pagesOfItems
  }

  #indexOf(base: number, shard: number): Set<number> {
    const tables = this.#tables
    const buckets = tables[base + L.SHARD_BUCKETS]!
    const mask = tables[base + L.SHARD_MASK]!
    assert(buckets > mask >>> 1 && buckets <= mask + 1, 'buckets and mask agree')
    const directory = L.DIRECTORIES_AT + shard * L.DIRECTORY_WORDS
    const chunks = Math.ceil(buckets / L.BUCKETS_PER_CHUNK)
    for (let chunk = 0; chunk < chunks; chunk++) {
      this.#sight(tables[directory + chunk]!, L.KIND_INDEX, shard)
    }
    assert(tables[directory + chunks] === 0, 'no chunk beyond the last')
    const linked = new Set<number>()
    for (let bucket = 0; bucket < buckets; bucket++) {
      const place = this.#index.bucketAddress(shard, bucket)
      this.#chainOfBucket(place, this.#items.arena(place)[wordAt(place)]!, linked)
    }
    return linked
  }

  #chainOfBucket(place: number, first: number, linked: Set<number>): void {
    const items = this.#items
    const keys = new Set<string>()
    for (let item = first; item !== 0; ) {
      assert(!linked.has(item), 'an item is linked once')
      linked.add(item)
      assert(this.#index.bucketOf(items.hashOf(item)) === place, 'an item is in its bucket')
      const key = Buffer.alloc(L.KEY_BYTES_MAX)
      items.copyKey(item, key, 0)
      const text = key.toString('latin1', 0, items.keyLength(item))
      assert(!keys.has(text), 'a key is linked once')
      keys.add(text)
      item = items.arena(item)[wordAt(item) + L.RECORD_NEXT]!
    }
  }

  #log(
    base: number,
    log: number,
    linked: Set<number>,
    total: { live: number; dead: number; items: number; old: number },
  ): void {
    const tables = this.#tables
    const logAt = base + L.SHARD_LOGS + (log << L.LOG_SHIFT)
    const shard = tables[base + L.SHARD_NUMBER]!
    let count = 0
    let pages = 0
    let prev = 0
    for (let segment = tables[logAt + L.LOG_HEAD]!; segment !== 0; count++) {
      const at = segmentAt(segment)
      this.#sight(segment, L.KIND_LOG + log, shard)
      assert(tables[at + L.SEGMENT_PREV] === prev, 'a log is linked both ways')
      if (this.#segments.isOld(base, segment)) total.old++
      const open = tables[logAt + L.LOG_OPEN] === segment
      assert(open || tables[at + L.SEGMENT_LIVE]! > 0, 'a dead segment leaves its log')
      pages += this.#records(segment, linked)
      total.live += tables[at + L.SEGMENT_LIVE]!
      total.dead += tables[at + L.SEGMENT_USED]! - tables[at + L.SEGMENT_LIVE]!
      total.items += tables[at + L.SEGMENT_ITEMS]!
      prev = segment
      segment = tables[at + L.SEGMENT_NEXT]!
    }
    assert(tables[logAt + L.LOG_TAIL] === prev, 'the tail of a log')
    assert(tables[logAt + L.LOG_SEGMENTS] === count, 'segments of a log')
    assert(tables[logAt + L.LOG_PAGES] === pages, 'pages of a log')
    const open = tables[logAt + L.LOG_OPEN]
    assert(open === 0 || open === prev, 'only the newest segment is open')
  }

  /** Walks the records of a segment; returns their pages. */
  #records(segment: number, linked: Set<number>): number {
    const tables = this.#tables
    const at = segmentAt(segment)
    let live = 0
    let count = 0
    let pages = 0
    let handSeen = tables[at + L.SEGMENT_PHASE] === L.PHASE_NONE
    let unit = 0
    while (unit < tables[at + L.SEGMENT_USED]!) {
      if (unit === tables[at + L.SEGMENT_HAND]) handSeen = true
      const address = (segment << L.SEGMENT_SHIFT) | unit
      const units = unitsAt(this.#items.words, address)
      assert(units > 0, 'a record has a size')
      if (this.#items.keyLength(address) !== 0) {
        assert(linked.has(address), 'a record is linked')
        live += units
        count++
        pages += this.#item(address, at)
      }
      unit += units
    }
    assert(unit === tables[at + L.SEGMENT_USED], 'records end where the segment does')
    assert(unit <= L.SEGMENT_UNITS, 'a segment is not overfull')
    assert(handSeen || tables[at + L.SEGMENT_HAND] === unit, 'the hand is between records')
    assert(tables[at + L.SEGMENT_LIVE] === live, 'live units of a segment')
    assert(tables[at + L.SEGMENT_ITEMS] === count, 'items of a segment')
    return pages
  }

  #item(item: number, segment: number): number {
    const tables = this.#tables
    const exptime = this.#items.exptime(item)
    const most = tables[segment + L.SEGMENT_MAX_EXPIRE]!
    assert(exptime === 0 ? most === L.NEVER : most >= exptime, 'latest deadline of a segment')
    const least = tables[segment + L.SEGMENT_MIN_EXPIRE]!
    assert(exptime === 0 || least <= exptime, 'earliest deadline of a segment')
    const chain = this.#items.chainOf(item)
    return chain === 0 ? 0 : this.#chain(chain, item)
  }

  #chain(chain: number, item: number): number {
    const tables = this.#tables
    const at = chainAt(chain)
    const shard = this.#items.hashOf(item) & this.#items.views.shardMask
    assert(tables[at + L.CHAIN_OWNER] === item, 'a chain knows its item')
    assert(tables[at + L.CHAIN_SHARD] === shard, 'a chain knows its shard')
    assert((tables[at + L.CHAIN_PINS]! & L.CHAIN_DEAD) === 0, 'the chain of an item is alive')
    let count = 0
    let prev = 0
    for (let page = tables[at + L.CHAIN_FIRST]!; page !== 0; count++) {
      assert(tables[pageAt(page) + L.PAGE_CHAIN] === chain, 'a page knows its chain')
      assert(tables[pageAt(page) + L.PAGE_PREV] === prev, 'a chain is linked both ways')
      const used = tables[segmentAt(page >>> L.SEGMENT_PAGE_SHIFT) + L.SEGMENT_USED]!
      assert((used >>> (page & (L.PAGES_PER_SEGMENT - 1))) % 2 === 1, 'a page of a chain is in use')
      prev = page
      page = tables[pageAt(page) + L.PAGE_NEXT]!
    }
    assert(tables[at + L.CHAIN_LAST] === prev, 'the last page of a chain')
    assert(tables[at + L.CHAIN_PAGES] === count, 'pages of a chain')
    assert(count === this.#items.valueLength(item) >>> L.PAGE_SHIFT, 'pages for the value')
    this.#pagesOfItems += count
    return count
  }

  #classes(at: number, linked: Set<number>): void {
    const counts = new Float64Array(CLASS_SIZES.length)
    const bytes = new Float64Array(CLASS_SIZES.length)
    for (const item of linked) {
      const size = this.#items.itemBytes(item)
      counts[sizeClassOf(size)]! += 1
      bytes[sizeClassOf(size)]! += size
    }
    for (let index = 0; index < counts.length; index++) {
      const classAt = at + L.FIGURE_CLASSES + (index << L.CLASS_SHIFT)
      const figures = this.#items.views.figures
      assert(figures[classAt + L.CLASS_ITEMS] === counts[index], 'items of a size class')
      assert(figures[classAt + L.CLASS_BYTES] === bytes[index], 'bytes of a size class')
    }
  }

  #room(base: number): void {
    const promised = this.#tables[base + L.SHARD_ROOM]!
    assert(promised >= 0, 'no less room than none is promised')
    if (promised === 0) return
    assert(promised <= this.#segments.roomLeft(base), 'no more room is promised than there is')
  }

  #pageSegment(segment: number): void {
    const used = this.#tables[segmentAt(segment) + L.SEGMENT_USED]!
    assert(used !== 0, 'an empty page segment goes back')
    for (let index = 0; index < L.PAGES_PER_SEGMENT; index++) {
      const page = (segment << L.SEGMENT_PAGE_SHIFT) | index
      const chain = this.#tables[pageAt(page) + L.PAGE_CHAIN]
      assert((chain !== 0) === ((used >>> index) % 2 === 1), 'a page in use has a chain')
    }
  }

  #partialList(pagesFree: number): void {
    const tables = this.#tables
    let free = 0
    let prev = 0
    for (let segment = tables[L.POOL_PARTIAL_HEAD]!; segment !== 0; ) {
      assert(tables[segmentAt(segment) + L.SEGMENT_PREV] === prev, 'partial list both ways')
      free += freePagesOf(tables, segment)
      prev = segment
      segment = tables[segmentAt(segment) + L.SEGMENT_NEXT]!
    }
    assert(tables[L.POOL_PARTIAL_TAIL] === prev || prev === 0, 'tail of the partial list')
    assert(free === pagesFree, 'all free pages are in the partial list')
  }

  #sight(segment: number, kind: number, shard: number): void {
    const word = this.#tables[segmentAt(segment)]!
    assert((word & L.KIND_MASK) === kind, `segment ${segment} is of kind ${kind}`)
    if (kind !== L.KIND_FREE && kind !== L.KIND_PAGES) {
      assert(word >>> L.KIND_SHARD_SHIFT === shard, 'a segment knows its shard')
    }
    assert(!this.#seen.has(segment), 'a segment is in one place')
    this.#seen.add(segment)
  }
}
