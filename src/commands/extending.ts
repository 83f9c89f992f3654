import { META_FLAG } from '../protocol/meta.ts'
import { OPCODE } from '../protocol/opcode.ts'
import type { Upload } from '../protocol/request.ts'
import type { ChainReader, ChainWriter } from '../store/store.ts'
import { PAGE_BYTES } from '../store/store.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { STORE_STATUS } from '../telemetry/events.ts'
import type { CommandContext } from './context.ts'
import { noteLookup } from './lookup.ts'
import {
  casMatches,
  countNoPages,
  countSet,
  fillDraft,
  forgetStored,
  ownWriter,
  refuseNoMemory,
  rememberStored,
  reportStore,
  setDraftCas,
} from './storing.ts'
import { giveReader, takeReader } from './value-producer.ts'

/**
 * append and prepend, also of ms. How much room the result needs is known only when the item has been
 * found, and room must be asked for before: so it is found, the lock is given back, room is made,
 * and the item is found again. Somebody may have changed it in between; then it starts over.
 */

/** Rounds before we give up: each lost one means that another client changed this very item. */
const ROUNDS_MAX = 100

/** Bytes joined in vain before we give up: a worker has others to serve, and must be seen to live. */
const JOINED_BYTES_MAX = 64 * 1024 * 1024

/** The item that is extended, as it was when its value was taken. */
interface OldValue {
  /** 0: there was none. */
  readonly item: number
  readonly length: number
  readonly chain: number
  /** What was asked for of the store, in bytes of a record. */
  readonly room: number
}

/** Not a STORE_STATUS, which begin at 0: another round is needed. */
const AGAIN = -1

/** Room asked for in the round at hand, and after a lost one in the next. */
let roomBytes = 0

/** Of large results, over all rounds. */
let joinedBytes = 0

/** A small old value, and where it is joined with what was sent. */
const joined = Buffer.allocUnsafeSlow(PAGE_BYTES)
const compared = Buffer.allocUnsafeSlow(PAGE_BYTES)

export function extendValue(context: CommandContext): number {
  forgetStored(context)
  roomBytes = 0
  joinedBytes = 0
  for (let round = 0; round < ROUNDS_MAX && joinedBytes <= JOINED_BYTES_MAX; round++) {
    const status = tryExtend(context)
    if (status !== AGAIN) return status
  }
  // The item stays as others made it; only this command is not done.
  context.counters[COUNTER.storeNoMemory]!++
  reportStore(context, STORE_STATUS.noMemory)
  return STORE_STATUS.noMemory
}

function tryExtend(context: CommandContext): number {
  const { store, request } = context
  const { keyHash } = request
  if (!store.lockForWrite(keyHash, roomBytes)) {
    store.unlock(keyHash)
    return refuseNoMemory(context)
  }
  const old = findQuietly(context)
  const status = decide(context, old)
  if (status !== STORE_STATUS.stored) {
    conclude(context, old, status)
    store.unlock(keyHash)
    return status
  }
  const total = (old === 0 ? 0 : store.valueLength(old)) + request.valueLength
  const needed = neededBytes(context, old, total)
  // Pages are not taken under the lock, so a large result gives it back on the way.
  if (total >= PAGE_BYTES) return extendLarge(context, old, total, needed)
  if (needed > roomBytes) {
    roomBytes = needed
    store.unlock(keyHash)
    return AGAIN
  }
  joinSmall(context, old, total)
  conclude(context, old, status)
  store.unlock(keyHash)
  return status
}

/** Look-ups are counted once for each command, not for each round. */
function findQuietly(context: CommandContext): number {
  const { keyHash, keyBuffer, keyStart, keyLength } = context.request
  return context.store.find(keyHash, keyBuffer, keyStart, keyLength)
}

function conclude(context: CommandContext, old: number, status: number): void {
  noteLookup(context, old)
  countSet(context)
  reportStore(context, status)
}

/** Whether the item may be extended. */
function decide(context: CommandContext, old: number): number {
  const { store, request, settings } = context
  if (old === 0) {
    const vivifies = (request.metaFlags & META_FLAG.vivify) !== 0
    return vivifies ? STORE_STATUS.stored : STORE_STATUS.notStored
  }
  const compares = (request.metaFlags & META_FLAG.compareCas) !== 0 && store.casEnabled
  const isZero = request.casHigh === 0 && request.casLow === 0
  if (compares && !isZero && !casMatches(context, old)) return STORE_STATUS.exists
  const total = store.valueLength(old) + request.valueLength
  const bytes = store.itemBytesFor(request.keyLength, total, store.clientFlags(old))
  return bytes > settings.itemBytesMax ? STORE_STATUS.notStored : STORE_STATUS.stored
}

function neededBytes(context: CommandContext, old: number, total: number): number {
  const { store, request } = context
  const clientFlags = old === 0 ? request.clientFlags : store.clientFlags(old)
  return store.recordBytes(request.keyLength, total, clientFlags)
}

/** Under lockForWrite, for a result below a page. */
function joinSmall(context: CommandContext, old: number, total: number): void {
  const { store, request } = context
  const { buffer, valueStart, valueLength } = request
  const isAppend = request.mode === OPCODE.append
  if (old !== 0) store.copyValue(old, joined, isAppend ? 0 : valueLength)
  buffer.copy(joined, isAppend ? total - valueLength : 0, valueStart, valueStart + valueLength)
  fillExtendedDraft(context, old, total)
  const item = store.replace(old, store.draft)
  store.writeValue(item, 0, joined, 0, total)
  rememberStored(store)
}

/** Time and client flags stay those of the item; what was sent is for a new one only. */
function fillExtendedDraft(context: CommandContext, old: number, total: number): void {
  const { store, request } = context
  if (old === 0) request.exptime = request.vivifyExptime
  fillDraft(context, 0)
  setDraftCas(context, false)
  store.draft.valueLength = total
  if (old === 0) return
  store.draft.clientFlags = store.clientFlags(old)
  store.draft.exptime = store.exptime(old)
}

/**
 * A result of a page or more. Takes over the lock: pins the old value or copies it out, gives the
 * lock back, fills new pages, and puts them in place if the item is still the same. What was
 * uploaded stays as it is for another round; whoever began the upload aborts it.
 */
function extendLarge(context: CommandContext, old: number, total: number, needed: number): number {
  const { store, request } = context
  const { keyHash, upload } = request
  const oldLength = total - request.valueLength
  joinedBytes += total
  const oldChain = old === 0 ? 0 : store.chainOf(old)
  const joining = ownWriter(store)
  const reader = takeReader(store)
  if (old !== 0) reader.open(store, old)
  store.unlock(keyHash)
  let status = STORE_STATUS.noMemory as number
  // With no old value the uploaded pages are the result already.
  const isUploaded = old === 0 && upload !== null
  if (isUploaded || fillPages(context, joining, reader, total)) {
    if (store.lockForWrite(keyHash, needed)) {
      const filled = isUploaded ? upload : joining
      const before: OldValue = { item: old, length: oldLength, chain: oldChain, room: needed }
      status = placePages(context, filled, before)
    }
    store.unlock(keyHash)
  } else {
    countNoPages(context)
  }
  joining.abort()
  reader.close()
  giveReader(store, reader)
  return status === STORE_STATUS.noMemory ? refuseNoMemory(context) : status
}

function fillPages(
  context: CommandContext,
  writer: ChainWriter,
  reader: ChainReader,
  total: number,
): boolean {
  const isPrepend = context.request.mode === OPCODE.prepend
  if (!writer.begin(total)) return false
  if (isPrepend && !writeSent(context, writer)) return false
  while (reader.remaining > 0) {
    // A small value comes in one piece, and `joined` still has it afterwards.
    const length = reader.read(joined, 0, PAGE_BYTES)
    if (!writer.write(joined, 0, length)) return false
  }
  return isPrepend || writeSent(context, writer)
}

/** What was sent, from the buffer or from the pages it was uploaded into. */
function writeSent(context: CommandContext, writer: ChainWriter): boolean {
  const { buffer, valueStart, valueLength, upload } = context.request
  if (upload !== null) return upload.writeTo(writer)
  return writer.write(buffer, valueStart, valueStart + valueLength)
}

/** Under lockForWrite. The item that was copied may have been changed or replaced meanwhile. */
function placePages(context: CommandContext, filled: Upload, old: OldValue): number {
  const { store } = context
  const found = findQuietly(context)
  const isSame = found === 0 ? old.item === 0 : old.item !== 0 && isUnchanged(context, found, old)
  if (!isSame) return AGAIN
  // The same bytes may have been stored anew, with another CAS value or other client flags.
  if (decide(context, found) !== STORE_STATUS.stored) return AGAIN
  if (neededBytes(context, found, filled.valueLength) > old.room) return AGAIN
  fillExtendedDraft(context, found, filled.valueLength)
  store.draft.chain = filled.chain
  filled.finish(store.replace(found, store.draft))
  rememberStored(store)
  conclude(context, found, STORE_STATUS.stored)
  return STORE_STATUS.stored
}

/** A pinned chain is not used again, so it tells large values apart; small ones are compared. */
function isUnchanged(context: CommandContext, found: number, old: OldValue): boolean {
  const { store } = context
  if (store.valueLength(found) !== old.length) return false
  if (old.chain !== 0) return store.chainOf(found) === old.chain
  store.copyValue(found, compared, 0)
  return joined.compare(compared, 0, old.length, 0, old.length) === 0
}
