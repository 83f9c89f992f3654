import * as L from './layout.ts'
import type { Views } from './memory.ts'

/** What replace() makes an item of. One instance per store, all fields set by the caller. */
export interface ItemDraft {
  hash: number
  key: Uint8Array
  keyStart: number
  keyLength: number
  /** uint32 */
  clientFlags: number
  exptime: number
  valueLength: number
  /** uint32 each */
  casHigh: number
  casLow: number
  binaryKey: boolean
  stale: boolean
  won: boolean
  /** 0, or ChainWriter.chain when valueLength >= PAGE_BYTES. */
  chain: number
}

export function createDraft(): ItemDraft {
  return {
    hash: 0,
    key: new Uint8Array(0),
    keyStart: 0,
    keyLength: 0,
    clientFlags: 0,
    exptime: 0,
    valueLength: 0,
    casHigh: 0,
    casLow: 0,
    binaryKey: false,
    stale: false,
    won: false,
    chain: 0,
  }
}

/** From this length on Buffer.copy beats a loop. */
const COPY_BYTES_MIN = 40

export function copyBytes(
  source: Uint8Array,
  from: number,
  target: Buffer,
  at: number,
  length: number,
): void {
  if (length >= COPY_BYTES_MIN) {
    ;(source as Buffer).copy(target, at, from, from + length)
    return
  }
  for (let index = 0; index < length; index++) target[at + index] = source[from + index]!
}

/** Words after the header: client flags, wide CAS, chain. */
export function optionalWords(head: number, value: number): number {
  return (
    ((head >>> L.FLAGS_SHIFT) & 1) +
    ((head >>> L.LARGE_SHIFT) & 1) +
    ((value >>> L.WIDE_CAS_SHIFT) & 1)
  )
}

/** Value bytes inside the record; those of a large item's whole pages are not. */
export function inlineLength(head: number, value: number): number {
  const length = value & L.VALUE_LENGTH_MASK
  return (head & L.BIT_LARGE) !== 0 ? length & L.PAGE_BYTE_MASK : length
}

/** Units of the record with these words. */
export function recordUnits(head: number, value: number): number {
  const bytes =
    L.HEADER_BYTES +
    optionalWords(head, value) * 4 +
    (head & L.KEY_LENGTH_MASK) +
    inlineLength(head, value)
  return (bytes + L.UNIT_BYTES - 1) >>> L.UNIT_SHIFT
}

/** The word index, inside its arena, of an address. */
export function wordAt(address: number): number {
  return (address & L.ARENA_UNIT_MASK) << 1
}

/**
 * The fields of an item. All methods need the shard's lock and an address that was got under it.
 * Store extends this class, and the other parts of the store use it through the same object.
 */
export class Items {
  readonly views: Views
  readonly words: Int32Array[]
  readonly bytes: Buffer[]

  constructor(views: Views) {
    this.views = views
    this.words = views.words
    this.bytes = views.bytes
  }

  /** Relative seconds; the owner of the thread sets it at each tick. */
  get now(): number {
    return this.views.now
  }

  set now(seconds: number) {
    this.views.now = seconds
  }

  arena(item: number): Int32Array {
    return this.words[item >>> L.ARENA_SHIFT]!
  }

  valueLength(item: number): number {
    return this.arena(item)[wordAt(item) + L.RECORD_VALUE]! & L.VALUE_LENGTH_MASK
  }

  keyLength(item: number): number {
    return this.arena(item)[wordAt(item)]! & L.KEY_LENGTH_MASK
  }

  clientFlags(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    if ((words[at]! & L.BIT_HAS_FLAGS) === 0) return 0
    return words[at + L.HEADER_WORDS]! >>> 0
  }

  exptime(item: number): number {
    return this.arena(item)[wordAt(item) + L.RECORD_EXPTIME]!
  }

  lastAccess(item: number): number {
    return this.arena(item)[wordAt(item) + L.RECORD_ACCESS]!
  }

  casHigh(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    const head = words[at]!
    if ((words[at + L.RECORD_VALUE]! & L.BIT_WIDE_CAS) === 0) return head >>> L.CAS_HIGH_SHIFT
    return words[at + L.HEADER_WORDS + ((head >>> L.FLAGS_SHIFT) & 1)]! >>> 0
  }

  casLow(item: number): number {
    return this.arena(item)[wordAt(item) + L.RECORD_CAS]! >>> 0
  }

  frequency(item: number): number {
    return (this.arena(item)[wordAt(item)]! >>> L.FREQUENCY_SHIFT) & L.FREQUENCY_MAX
  }

  isFetched(item: number): boolean {
    return (this.arena(item)[wordAt(item)]! & L.BIT_FETCHED) !== 0
  }

  isStale(item: number): boolean {
    return (this.arena(item)[wordAt(item)]! & L.BIT_STALE) !== 0
  }

  isWon(item: number): boolean {
    return (this.arena(item)[wordAt(item)]! & L.BIT_WON) !== 0
  }

  isBinaryKey(item: number): boolean {
    return (this.arena(item)[wordAt(item)]! & L.BIT_BINARY_KEY) !== 0
  }

  isLarge(item: number): boolean {
    return (this.arena(item)[wordAt(item)]! & L.BIT_LARGE) !== 0
  }

  hashOf(item: number): number {
    return this.arena(item)[wordAt(item) + L.RECORD_HASH]!
  }

  /** Chain of a large item, 0 of any other. */
  chainOf(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    const head = words[at]!
    if ((head & L.BIT_LARGE) === 0) return 0
    return words[at + L.HEADER_WORDS + optionalWords(head, words[at + L.RECORD_VALUE]!) - 1]!
  }

  unitsOf(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    return recordUnits(words[at]!, words[at + L.RECORD_VALUE]!)
  }

  /** Byte offset of the key inside the item's arena. */
  keyOffset(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    return (at + L.HEADER_WORDS + optionalWords(words[at]!, words[at + L.RECORD_VALUE]!)) << 2
  }

  /** Byte offset of the inline value inside the item's arena. */
  valueOffset(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    const head = words[at]!
    const optional = optionalWords(head, words[at + L.RECORD_VALUE]!)
    return ((at + L.HEADER_WORDS + optional) << 2) + (head & L.KEY_LENGTH_MASK)
  }

  /** A read: sets FETCHED, raises the frequency, lastAccess = now. */
  hit(item: number): void {
    this.#use(item, L.BIT_FETCHED)
  }

  /** A use that is not a read (incr, an add that finds the key): as hit, but FETCHED stays. */
  bump(item: number): void {
    this.#use(item, 0)
  }

  #use(item: number, fetchedBit: number): void {
    const words = this.arena(item)
    const at = wordAt(item)
    const head = words[at]!
    let changed = head | fetchedBit
    if ((head & L.FREQUENCY_MASK) !== L.FREQUENCY_MASK) changed += L.FREQUENCY_ONE
    // Most hits of a hot item change nothing: then the cache line stays shared between cores.
    if (changed !== head) words[at] = changed
    if (words[at + L.RECORD_ACCESS] !== this.views.now) {
      words[at + L.RECORD_ACCESS] = this.views.now
    }
  }

  setStale(item: number): void {
    const words = this.arena(item)
    const at = wordAt(item)
    words[at] = words[at]! | L.BIT_STALE
  }

  setWon(item: number): void {
    const words = this.arena(item)
    const at = wordAt(item)
    words[at] = words[at]! | L.BIT_WON
  }

  clearWon(item: number): void {
    const words = this.arena(item)
    const at = wordAt(item)
    words[at] = words[at]! & ~L.BIT_WON
  }

  copyKey(item: number, target: Buffer, at: number): void {
    const source = this.bytes[item >>> L.ARENA_SHIFT]!
    copyBytes(source, this.keyOffset(item), target, at, this.keyLength(item))
  }

  /** Value bytes [at, at+length) = source[from, ...). Small values, or a large one's inline part. */
  writeValue(item: number, at: number, source: Buffer, from: number, length: number): void {
    const target = this.bytes[item >>> L.ARENA_SHIFT]!
    copyBytes(source, from, target, this.valueOffset(item) + at, length)
  }

  /** memcached's formula: 48 + key + 1 + value + 2 (+8 with CAS) (+4 with client flags). */
  itemBytes(item: number): number {
    const words = this.arena(item)
    const at = wordAt(item)
    const head = words[at]!
    const length = words[at + L.RECORD_VALUE]! & L.VALUE_LENGTH_MASK
    return this.itemBytesFor(head & L.KEY_LENGTH_MASK, length, head & L.BIT_HAS_FLAGS)
  }

  /** The formula before there is an item. */
  itemBytesFor(keyLength: number, valueLength: number, clientFlags: number): number {
    const fixed = this.views.casEnabled ? 59 : 51
    return fixed + keyLength + valueLength + (clientFlags === 0 ? 0 : 4)
  }
}
