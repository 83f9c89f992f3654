import { assert } from '../base/assert.ts'
import type { Policy } from './eviction/policy.ts'
import type { HashIndex } from './hash-index.ts'
import { evictedAgeBucket } from './insight.ts'
import type { ItemDraft, Items } from './item.ts'
import { copyBytes, inlineLength, recordUnits, wordAt } from './item.ts'
import * as L from './layout.ts'
import type { Pages } from './pages.ts'
import { chainAt } from './pages.ts'
import type { Segments } from './segments.ts'
import { sizeClassOf } from './size-class.ts'

/** Why an item is dropped; each reason has its own figures. */
export const DROP_REMOVED = 0
export const DROP_EVICTED = 1
export const DROP_EXPIRED = 2
export const DROP_FLUSHED = 3

/**
 * Births and deaths of items: the index, the log, the pages and the figures always change
 * together, and only here. All methods need the lock of the item's shard.
 */
export class Records {
  readonly #items: Items
  readonly #index: HashIndex
  readonly #segments: Segments
  readonly #pages: Pages
  readonly #policy: Policy
  readonly #tables: Int32Array
  readonly #figures: Float64Array
  readonly #words: Int32Array[]
  /** See Store.onEvict. */
  onEvict: ((item: number) => void) | null
  /** The sweep is at work: what is dropped counts as swept, not as reclaimed by a command. */
  sweeping: boolean

  constructor(items: Items, index: HashIndex, segments: Segments, pages: Pages, policy: Policy) {
    this.#items = items
    this.#index = index
    this.#segments = segments
    this.#pages = pages
    this.#policy = policy
    this.#tables = items.views.tables
    this.#figures = items.views.figures
    this.#words = items.words
    this.onEvict = null
    this.sweeping = false
  }

  /** The item of the draft, in place of `old` (0: none). Its value bytes are the caller's to write. */
  replace(old: number, draft: ItemDraft): number {
    const head = headOf(draft)
    const value = draft.valueLength | (draft.casHigh > L.CAS_HIGH_NARROW_MAX ? L.BIT_WIDE_CAS : 0)
    const units = recordUnits(head, value)
    const shard = draft.hash & this.#items.views.shardMask
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    this.#add(shard, L.FIGURE_ITEMS_TOTAL, 1)
    if (old === 0) {
      const log = this.#policy.logForNew(base, draft.hash, draft.exptime)
      const item = this.#segments.append(base, log, units)
      this.#fill(item, head, value, draft)
      this.#countClass(shard, item, 1)
      this.#linkChain(base, item)
      this.#index.insert(draft.hash, item)
      return item
    }
    return this.#replaceOld(old, draft, head, value, units)
  }

  /** Ends an item. The segment may be left without live items: `reap` takes it back. */
  drop(item: number, reason: number): void {
    const hash = this.#items.hashOf(item)
    const shard = hash & this.#items.views.shardMask
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    if (reason !== DROP_REMOVED) this.#countDrop(shard, item, reason)
    this.#index.remove(item)
    this.#countClass(shard, item, -1)
    this.#dropChain(base, item)
    this.#segments.kill(base, item, this.#items.unitsOf(item))
  }

  /** drop, and what a segment without live items is good for. */
  dropAndReap(item: number, reason: number): void {
    const base =
      L.SHARDS_AT + (this.#items.hashOf(item) & this.#items.views.shardMask) * L.SHARD_WORDS
    this.drop(item, reason)
    this.#segments.reap(base, item >>> L.SEGMENT_SHIFT)
  }

  /** Why an item is not live any more, or DROP_REMOVED when it is live. */
  deathOf(base: number, item: number): number {
    if (
      this.#tables[base + L.SHARD_OLD_SEGMENTS] !== 0 &&
      this.#segments.isOld(base, item >>> L.SEGMENT_SHIFT)
    ) {
      return DROP_FLUSHED
    }
    const exptime = this.#items.exptime(item)
    return exptime !== 0 && exptime <= this.#items.views.now ? DROP_EXPIRED : DROP_REMOVED
  }

  setExptime(item: number, exptime: number): void {
    this.#words[item >>> L.ARENA_SHIFT]![wordAt(item) + L.RECORD_EXPTIME] = exptime
    this.#segments.noteExptime(item, exptime)
  }

  /**
   * Copies a record to `target`, where its room is already accounted, and lets the index, the chain
   * and the target's deadlines know. The source becomes a filler.
   */
  move(base: number, source: number, target: number): void {
    const items = this.#items
    const units = items.unitsOf(source)
    copyRecord(items, source, target, units)
    this.#index.relink(source, target)
    this.#segments.noteExptime(target, items.exptime(target))
    this.movedChain(base, source, target)
    this.#segments.kill(base, source, units)
    this.countMoved(base)
  }

  countMoved(base: number): void {
    this.#add(this.#tables[base + L.SHARD_NUMBER]!, L.FIGURE_MOVED, 1)
  }

  /** Pages of a large item, 0 of any other. */
  pagesOf(item: number): number {
    const chain = this.#items.chainOf(item)
    return chain === 0 ? 0 : this.#tables[chainAt(chain) + L.CHAIN_PAGES]!
  }

  /** The chain of a moved item learns where its record is. */
  movedChain(base: number, source: number, target: number): void {
    const chain = this.#items.chainOf(target)
    if (chain === 0) return
    this.#tables[chainAt(chain) + L.CHAIN_OWNER] = target
    const pages = this.#tables[chainAt(chain) + L.CHAIN_PAGES]!
    this.#countPages(base, source, -pages)
    this.#countPages(base, target, pages)
  }

  /**
   * Gives a record the word that a CAS of more than 48 bits needs. Returns its address, or 0 when
   * neither its place nor an open segment has room for it.
   */
  widen(item: number, high: number, low: number): number {
    const words = this.#words[item >>> L.ARENA_SHIFT]!
    const at = wordAt(item)
    const shard = words[at + L.RECORD_HASH]! & this.#items.views.shardMask
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    const units = this.#items.unitsOf(item)
    const wider = recordUnits(words[at]!, words[at + L.RECORD_VALUE]! | L.BIT_WIDE_CAS)
    let place = item
    if (!this.#fits(base, item, wider)) {
      place = this.#appendAnywhere(base, wider)
      if (place === 0) return 0
      copyRecord(this.#items, item, place, units)
      this.#index.relink(item, place)
      this.#segments.noteExptime(place, this.#items.exptime(item))
      this.movedChain(base, item, place)
      this.#segments.kill(base, item, units)
      this.#segments.reap(base, item >>> L.SEGMENT_SHIFT)
    }
    this.#insertWideCas(place, high, low)
    return place
  }

  countOutOfMemory(shard: number, units: number): void {
    const sizeClass = sizeClassOf(units << L.UNIT_SHIFT)
    this.#add(shard, L.FIGURE_CLASSES + (sizeClass << L.CLASS_SHIFT) + L.CLASS_OUT_OF_MEMORY, 1)
  }

  /** The bytes behind the client flags make room for one word. */
  #insertWideCas(item: number, high: number, low: number): void {
    const words = this.#words[item >>> L.ARENA_SHIFT]!
    const at = wordAt(item)
    const head = words[at]!
    const value = words[at + L.RECORD_VALUE]!
    const wideAt = at + L.HEADER_WORDS + ((head >>> L.FLAGS_SHIFT) & 1)
    const bytes = this.#items.bytes[item >>> L.ARENA_SHIFT]!
    const end = this.#items.valueOffset(item) + inlineLength(head, value)
    bytes.copy(bytes, (wideAt + 1) << 2, wideAt << 2, end)
    words[wideAt] = high
    words[at] = head & ~(L.CAS_HIGH_NARROW_MAX << L.CAS_HIGH_SHIFT)
    words[at + L.RECORD_VALUE] = value | L.BIT_WIDE_CAS
    words[at + L.RECORD_CAS] = low
  }

  #appendAnywhere(base: number, units: number): number {
    if (units <= this.#tables[base + L.SHARD_ROOM]!) {
      return this.#segments.append(base, this.#policy.defaultLog, units)
    }
    for (let log = 0; log < L.LOG_COUNT; log++) {
      const address = this.#segments.appendIfRoom(base, log, units, 0)
      if (address !== 0) return address
    }
    return 0
  }

  #replaceOld(old: number, draft: ItemDraft, head: number, value: number, units: number): number {
    const items = this.#items
    const shard = draft.hash & items.views.shardMask
    const base = L.SHARDS_AT + shard * L.SHARD_WORDS
    const segment = old >>> L.SEGMENT_SHIFT
    const kind = this.#tables[L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)]!
    const oldLog = (kind & L.KIND_MASK) - L.KIND_LOG
    const frequency = Math.min(L.FREQUENCY_MAX, items.frequency(old) + 1)
    const log = this.#policy.logForRewrite(oldLog, draft.exptime)
    // The same size is the same class: overwriting mostly changes no figure.
    const bytes = items.itemBytesFor(draft.keyLength, draft.valueLength, draft.clientFlags)
    const counted = items.itemBytes(old) !== bytes
    if (counted) this.#countClass(shard, old, -1)
    this.#dropChain(base, old)
    let item = old
    if ((log === L.LOG_TEMP) === (oldLog === L.LOG_TEMP) && this.#fits(base, old, units)) {
      this.#fill(old, head | (frequency << L.FREQUENCY_SHIFT), value, draft)
    } else {
      item = this.#segments.append(base, log, units)
      // The new record is at the young end of its log: only s3-fifo counts the rewriting as a use.
      const kept = this.#policy.frequencyOfRewritten(frequency)
      this.#fill(item, head | (kept << L.FREQUENCY_SHIFT), value, draft)
      this.#index.relink(old, item)
      this.#segments.kill(base, old, items.unitsOf(old))
      this.#segments.reap(base, segment)
    }
    if (counted) this.#countClass(shard, item, 1)
    this.#linkChain(base, item)
    return item
  }

  /** Makes the record of `old` exactly `units` long where it is, if it can be. */
  #fits(base: number, old: number, units: number): boolean {
    const has = this.#items.unitsOf(old)
    if (has === units) return true
    if (has > units) {
      this.#segments.writeFiller((old + units) | 0, has - units)
      this.#segments.resizeLive(base, old, units - has)
      return true
    }
    const at = L.SEGMENTS_AT + ((old >>> L.SEGMENT_SHIFT) << L.SEGMENT_WORD_SHIFT)
    const behind = (old & L.SEGMENT_UNIT_MASK) + has
    if (behind >= this.#tables[at + L.SEGMENT_USED]!) return false
    // While the segment is being packed the filler behind may be where the next record goes.
    if (this.#tables[at + L.SEGMENT_PHASE] !== L.PHASE_NONE) return false
    const next = (old + has) | 0
    const filler = this.#words[next >>> L.ARENA_SHIFT]![wordAt(next)]!
    if ((filler & L.KEY_LENGTH_MASK) !== 0) return false
    const room = has + (filler >>> L.FILLER_SHIFT)
    if (room < units) return false
    if (room > units) this.#segments.writeFiller((old + units) | 0, room - units)
    this.#segments.resizeLive(base, old, units - has)
    return true
  }

  /** Writes header and key. RECORD_NEXT is left alone: it is the index's. */
  #fill(item: number, head: number, value: number, draft: ItemDraft): void {
    const words = this.#words[item >>> L.ARENA_SHIFT]!
    const at = wordAt(item)
    words[at] = head
    words[at + L.RECORD_HASH] = draft.hash
    words[at + L.RECORD_EXPTIME] = draft.exptime
    words[at + L.RECORD_ACCESS] = this.#items.views.now
    words[at + L.RECORD_VALUE] = value
    words[at + L.RECORD_CAS] = draft.casLow
    let next = at + L.HEADER_WORDS
    if ((head & L.BIT_HAS_FLAGS) !== 0) words[next++] = draft.clientFlags
    if ((value & L.BIT_WIDE_CAS) !== 0) words[next++] = draft.casHigh
    if ((head & L.BIT_LARGE) !== 0) words[next++] = draft.chain
    const target = this.#items.bytes[item >>> L.ARENA_SHIFT]!
    copyBytes(draft.key, draft.keyStart, target, next << 2, draft.keyLength)
    this.#segments.noteExptime(item, draft.exptime)
  }

  #linkChain(base: number, item: number): void {
    const chain = this.#items.chainOf(item)
    if (chain === 0) return
    const at = chainAt(chain)
    this.#tables[at + L.CHAIN_SHARD] = this.#tables[base + L.SHARD_NUMBER]!
    this.#tables[at + L.CHAIN_OWNER] = item
    this.#countPages(base, item, this.#tables[at + L.CHAIN_PAGES]!)
  }

  #dropChain(base: number, item: number): void {
    const chain = this.#items.chainOf(item)
    if (chain === 0) return
    this.#countPages(base, item, -this.#tables[chainAt(chain) + L.CHAIN_PAGES]!)
    this.#pages.dropChain(chain)
  }

  #countPages(base: number, item: number, pages: number): void {
    const segmentAt = L.SEGMENTS_AT + ((item >>> L.SEGMENT_SHIFT) << L.SEGMENT_WORD_SHIFT)
    const log = (this.#tables[segmentAt]! & L.KIND_MASK) - L.KIND_LOG
    const at = base + L.SHARD_LOGS + (log << L.LOG_SHIFT) + L.LOG_PAGES
    this.#tables[at] = this.#tables[at]! + pages
  }

  #countClass(shard: number, item: number, sign: number): void {
    const bytes = this.#items.itemBytes(item)
    const at = L.FIGURE_CLASSES + (sizeClassOf(bytes) << L.CLASS_SHIFT)
    this.#add(shard, at + L.CLASS_ITEMS, sign)
    this.#add(shard, at + L.CLASS_BYTES, sign * bytes)
  }

  #countDrop(shard: number, item: number, reason: number): void {
    const items = this.#items
    const at = L.FIGURE_CLASSES + (sizeClassOf(items.itemBytes(item)) << L.CLASS_SHIFT)
    if (reason === DROP_FLUSHED || reason === DROP_EXPIRED) {
      this.#add(shard, at + (this.sweeping ? L.CLASS_SWEPT : L.CLASS_RECLAIMED), 1)
    }
    if (reason === DROP_FLUSHED) {
      this.#add(shard, L.FIGURE_FLUSHED, 1)
      return
    }
    if (reason === DROP_EXPIRED) {
      this.#add(shard, L.FIGURE_EXPIRED, 1)
      if (!items.isFetched(item)) this.#add(shard, at + L.CLASS_EXPIRED_UNFETCHED, 1)
      return
    }
    assert(reason === DROP_EVICTED, 'a known reason to drop an item')
    if (this.onEvict !== null) this.onEvict(item)
    this.#add(shard, at + L.CLASS_EVICTED, 1)
    if (items.exptime(item) !== 0) this.#add(shard, at + L.CLASS_EVICTED_NONZERO, 1)
    if (!items.isFetched(item)) this.#add(shard, at + L.CLASS_EVICTED_UNFETCHED, 1)
    if (items.frequency(item) > 0) this.#add(shard, at + L.CLASS_EVICTED_ACTIVE, 1)
    const figure = shard * L.FIGURE_DOUBLES
    const access = items.lastAccess(item)
    this.#figures[figure + L.FIGURE_EVICTED_ACCESS] = access
    // Each thread looks at the clock for itself, so another may have been a tick ahead.
    const age = Math.max(0, items.views.now - access)
    this.#figures[figure + at + L.CLASS_EVICTED_TIME] = age
    this.#add(shard, L.FIGURE_EVICTED_AGES + evictedAgeBucket(age), 1)
    this.#add(shard, L.FIGURE_EVICTED_AGE_SUM, age)
  }

  #add(shard: number, figure: number, amount: number): void {
    const at = shard * L.FIGURE_DOUBLES + figure
    this.#figures[at] = this.#figures[at]! + amount
  }
}

/** Copies a whole record; source and target may overlap when the target is lower. */
export function copyRecord(items: Items, source: number, target: number, units: number): void {
  const from = (source & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT
  const at = (target & L.ARENA_UNIT_MASK) << L.UNIT_SHIFT
  const sourceBytes = items.bytes[source >>> L.ARENA_SHIFT]!
  sourceBytes.copy(items.bytes[target >>> L.ARENA_SHIFT]!, at, from, from + (units << L.UNIT_SHIFT))
}

function headOf(draft: ItemDraft): number {
  assert(draft.keyLength > 0 && draft.keyLength <= L.KEY_BYTES_MAX, 'a key has 1 to 250 bytes')
  assert((draft.chain !== 0) === draft.valueLength >= L.PAGE_BYTES, 'large values have a chain')
  const wide = draft.casHigh > L.CAS_HIGH_NARROW_MAX
  return (
    draft.keyLength |
    (wide ? 0 : draft.casHigh << L.CAS_HIGH_SHIFT) |
    (draft.stale ? L.BIT_STALE : 0) |
    (draft.won ? L.BIT_WON : 0) |
    (draft.binaryKey ? L.BIT_BINARY_KEY : 0) |
    (draft.clientFlags === 0 ? 0 : L.BIT_HAS_FLAGS) |
    (draft.chain === 0 ? 0 : L.BIT_LARGE)
  )
}

/** Bytes that lockForWrite must find for an item; a CAS of more than 48 bits is allowed for. */
export function recordBytesFor(keyLength: number, valueLength: number, flags: number): number {
  const inline = valueLength < L.PAGE_BYTES ? valueLength : valueLength & L.PAGE_BYTE_MASK
  const optional = 1 + (flags === 0 ? 0 : 1) + (valueLength < L.PAGE_BYTES ? 0 : 1)
  return L.HEADER_BYTES + optional * 4 + keyLength + inline
}
