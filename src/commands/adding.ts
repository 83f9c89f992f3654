import { readUint64, Uint64, writeUint64 } from '../base/uint64.ts'
import { META_FLAG } from '../protocol/meta.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { CLASS_COUNTER, COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { bump, countClass, findItem } from './lookup.ts'
import { fillDraft, setDraftCas } from './storing.ts'

/** Arithmetic on the text of a value, for incr, decr and ma. All of it under lockForWrite. */

export const ADDED = { done: 0, notFound: 1, nonNumeric: 2, exists: 3, noMemory: 4 } as const

/** Most digits of a result, and so the room to ask for. */
export const NUMBER_BYTES_MAX = 20

/** Longest text that is looked at: a number with white space around it, and below a page. */
const TEXT_BYTES_MAX = 8191

const SPACE = 32
const ZERO = 48

const number = new Uint64()
const text = Buffer.allocUnsafeSlow(TEXT_BYTES_MAX + 1)

/** The result: its digits in bytes[0, length), and where the item is now. */
export const added = { bytes: Buffer.alloc(NUMBER_BYTES_MAX), length: 0, item: 0 }

/** Adds or subtracts (request.mode) the request's delta. Returns one of ADDED. */
export function addToItem(context: CommandContext): number {
  const { store, request } = context
  const item = findItem(context)
  added.item = item
  added.length = 0
  if (item === 0) return ADDED.notFound
  const length = store.valueLength(item)
  // memcached looks at these two before it compares the CAS.
  if (length === 0 || isChunked(context, item, length)) return ADDED.nonNumeric
  if (comparesAndDiffers(context, item)) return ADDED.exists
  if (length > TEXT_BYTES_MAX) return ADDED.nonNumeric
  store.copyValue(item, text, 0)
  if (!readNumber(length)) return ADDED.nonNumeric
  if (request.mode === OPCODE.increment) number.add(request.deltaHigh, request.deltaLow)
  else number.subtract(request.deltaHigh, request.deltaLow)
  countHit(context, item)
  setResult(number.high, number.low)
  if (added.length <= length) return rewrite(context, item, length)
  return replaceByLonger(context, item)
}

/** Makes a new item with J's value, in the room that was asked for. */
export function createNumber(context: CommandContext, exptime: number): void {
  const { store, request } = context
  setResult(request.initialHigh, request.initialLow)
  request.clientFlags = 0
  fillDraft(context, 0)
  setDraftCas(context, true)
  store.draft.exptime = exptime
  store.draft.valueLength = added.length
  added.item = store.replace(0, store.draft)
  store.writeValue(added.item, 0, added.bytes, 0, added.length)
}

function setResult(high: number, low: number): void {
  added.length = writeUint64(added.bytes, 0, high, low)
}

/** ma with C. C0 compares nothing, as in memcached. */
function comparesAndDiffers(context: CommandContext, item: number): boolean {
  const { store, request } = context
  if (request.opcode !== OPCODE.metaArithmetic) return false
  if ((request.metaFlags & META_FLAG.compareCas) === 0) return false
  if (request.casHigh === 0 && request.casLow === 0) return false
  return (
    (store.casHigh(item) | 0) !== request.casHigh || (store.casLow(item) | 0) !== request.casLow
  )
}

/** The first comparison spares nearly all items the second. */
function isChunked({ store, settings }: CommandContext, item: number, length: number): boolean {
  return length > TEXT_BYTES_MAX && store.itemBytes(item) > settings.chunkBytesMax
}

/** The result fits: the length stays, and spaces fill what is left. */
function rewrite(context: CommandContext, item: number, length: number): number {
  const { store } = context
  setDraftCas(context, true)
  const moved = store.setCas(item, store.draft.casHigh, store.draft.casLow)
  if (moved === 0) return ADDED.noMemory
  text.fill(SPACE, added.length, length)
  added.bytes.copy(text, 0, 0, added.length)
  store.writeValue(moved, 0, text, 0, length)
  bump(context, moved)
  added.item = moved
  return ADDED.done
}

/** Flags and time stay; the room was asked for. */
function replaceByLonger(context: CommandContext, item: number): number {
  const { store } = context
  const { draft } = store
  fillDraft(context, 0)
  setDraftCas(context, true)
  draft.clientFlags = store.clientFlags(item)
  draft.exptime = store.exptime(item)
  draft.valueLength = added.length
  draft.binaryKey = store.isBinaryKey(item)
  draft.stale = store.isStale(item)
  draft.won = store.isWon(item)
  added.item = store.replace(item, draft)
  store.writeValue(added.item, 0, added.bytes, 0, added.length)
  return ADDED.done
}

function countHit(context: CommandContext, item: number): void {
  const increments = context.request.mode === OPCODE.increment
  context.counters[increments ? COUNTER.incrementHits : COUNTER.decrementHits]!++
  countClass(context, item, increments ? CLASS_COUNTER.incrementHits : CLASS_COUNTER.decrementHits)
}

/**
 * Reads text[0, length) into `number` as C's strtoull does and memcached checks it: white space
 * may come before and anything after white space, zeros in any number, a plus but no minus.
 */
function readNumber(length: number): boolean {
  let at = 0
  while (at < length && isWhiteSpace(text[at]!)) at++
  const negative = at < length && text[at] === 45
  if (negative || (at < length && text[at] === 43)) at++
  const first = at
  while (at < length && text[at] === ZERO) at++
  const significant = at
  while (at < length && text[at]! >= ZERO && text[at]! <= ZERO + 9) at++
  if (at === first) return false
  if (at < length && text[at] !== 0 && !isWhiteSpace(text[at]!)) return false
  number.set(0, 0)
  if (at === significant) return true
  return !negative && readUint64(text, significant, at, number)
}

function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13)
}
