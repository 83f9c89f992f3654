import { WATCH } from '../base/runtime.ts'
import { uint64Less } from '../base/uint64.ts'
import { META_FLAG } from '../protocol/meta.ts'
import { OPCODE } from '../protocol/opcode.ts'
import type { Upload } from '../protocol/request.ts'
import type { ChainWriter, Store } from '../store/store.ts'
import { PAGE_BYTES } from '../store/store.ts'
import { CLASS_COUNTER, COUNTER, classCounterIndex } from '../telemetry/counters.ts'
import { EVENT_COMMAND, STORE_STATUS } from '../telemetry/events.ts'
import type { CommandContext } from './context.ts'
import { bump, countClass, findItem, setEventKey, storeExptime } from './lookup.ts'

/**
 * Storing a value, for the classic commands and for ms. The request says how (request.mode) and,
 * for ms, with which flags; classic commands have no metaFlags. The result is a STORE_STATUS, and
 * what a reply may want to know besides is in `stored`.
 */

/** The item as it was stored last, or, with CAS 0, as it would have been. Time on the store's clock. */
export const stored = { casHigh: 0, casLow: 0, valueLength: 0, clientFlags: 0, exptime: 0 }

/** set, add, replace and cas. */
export function storeValue(context: CommandContext): number {
  const { store, request } = context
  const hash = request.keyHash
  const upload = uploadFor(context)
  if (upload === null && request.valueLength >= PAGE_BYTES) {
    countNoPages(context)
    return refuseNoMemory(context)
  }
  if (!lockForWrite(context)) {
    store.unlock(hash)
    upload?.abort()
    return refuseNoMemory(context)
  }
  countSet(context)
  const old = findItem(context)
  const status = decide(context, old)
  if (status === STORE_STATUS.stored) {
    fillDraft(context, old)
    setDraftCas(context, false)
    writeItem(context, old, upload)
  } else {
    forgetStored(context)
  }
  reportStore(context, status)
  store.unlock(hash)
  // Nothing to give back if an item owns the pages now.
  upload?.abort()
  return status
}

function lockForWrite(context: CommandContext): boolean {
  const { store, request } = context
  const { keyHash, keyLength, valueLength, clientFlags } = request
  return store.lockForWrite(keyHash, store.recordBytes(keyLength, valueLength, clientFlags))
}

/** Counts an accepted storage command, by the class its item would have. */
export function countSet(context: CommandContext): void {
  const { store, request, counters } = context
  counters[COUNTER.setCommands]!++
  const { keyLength, valueLength, clientFlags } = request
  const sizeClass = store.sizeClassFor(store.itemBytesFor(keyLength, valueLength, clientFlags))
  counters[classCounterIndex(sizeClass, CLASS_COUNTER.setCommands)]!++
}

/** The draft for the request's key, time and flags, neither stale nor won. setDraftCas comes next. */
export function fillDraft(context: CommandContext, old: number): void {
  const { store, request } = context
  const { draft } = store
  draft.hash = request.keyHash
  draft.key = request.keyBuffer
  draft.keyStart = request.keyStart
  draft.keyLength = request.keyLength
  draft.clientFlags = request.clientFlags >>> 0
  draft.exptime = storeExptime(context, request.exptime)
  draft.valueLength = request.valueLength
  draft.binaryKey = (request.metaFlags & META_FLAG.base64) !== 0
  draft.stale = false
  draft.won = false
  draft.chain = 0
  if (old !== 0 && isOlderButAllowed(context, old)) {
    // The client knew an older version: its value counts, but as one that wants to be made anew.
    draft.exptime = store.exptime(old)
    draft.stale = true
    draft.won = store.isWon(old)
  }
}

/**
 * A CAS for the draft: a new one, or the one that E gives.
 *
 * @param zeroCounts whether E0 sets the CAS to 0 (md, ma, mg) or is as if not given (ms)
 */
export function setDraftCas(context: CommandContext, zeroCounts: boolean): void {
  const { store, request } = context
  const { draft } = store
  const isGiven = (request.metaFlags & META_FLAG.newCas) !== 0 && store.casEnabled
  if (isGiven && (zeroCounts || request.newCasHigh !== 0 || request.newCasLow !== 0)) {
    draft.casHigh = request.newCasHigh >>> 0
    draft.casLow = request.newCasLow >>> 0
    return
  }
  store.nextCas()
  draft.casHigh = store.casNextHigh
  draft.casLow = store.casNextLow
}

/** Makes the item of the draft, with the request's value. Under lockForWrite. */
function writeItem(context: CommandContext, old: number, upload: Upload | null): void {
  const { store, request } = context
  const { draft } = store
  if (upload !== null) draft.chain = upload.chain
  const item = store.replace(old, draft)
  if (upload !== null) upload.finish(item)
  else store.writeValue(item, 0, request.buffer, request.valueStart, request.valueLength)
  rememberStored(store)
}

/** `stored` from the draft. */
export function rememberStored(store: Store): void {
  const { draft } = store
  stored.casHigh = draft.casHigh | 0
  stored.casLow = draft.casLow | 0
  stored.valueLength = draft.valueLength
  stored.clientFlags = draft.clientFlags | 0
  stored.exptime = draft.exptime
}

/** `stored` from the request, for what was not stored. */
export function forgetStored(context: CommandContext): void {
  const { request } = context
  stored.casHigh = 0
  stored.casLow = 0
  stored.valueLength = request.valueLength
  stored.clientFlags = request.clientFlags
  stored.exptime = storeExptime(context, request.exptime)
}

/** Whether the mode allows to store over what is there (old = 0: nothing). Counts for cas. */
function decide(context: CommandContext, old: number): number {
  const { request, counters } = context
  switch (request.mode) {
    case OPCODE.add:
      if (old === 0) return STORE_STATUS.stored
      bump(context, old)
      return STORE_STATUS.notStored
    case OPCODE.replace:
      return old === 0 ? STORE_STATUS.notStored : STORE_STATUS.stored
    case OPCODE.cas:
      if (old === 0) {
        counters[COUNTER.casMisses]!++
        return STORE_STATUS.notFound
      }
      if (casMatches(context, old) || isOlderButAllowed(context, old)) {
        counters[COUNTER.casHits]!++
        countClass(context, old, CLASS_COUNTER.casHits)
        return STORE_STATUS.stored
      }
      counters[COUNTER.casBadValue]!++
      countClass(context, old, CLASS_COUNTER.casBadValue)
      return STORE_STATUS.exists
    default:
      return STORE_STATUS.stored
  }
}

/** Whether the item's CAS is the one given; 0 is never, as in memcached. */
export function casMatches(context: CommandContext, item: number): boolean {
  const { store, request } = context
  if (request.casHigh === 0 && request.casLow === 0) return false
  return (
    (store.casLow(item) | 0) === request.casLow && (store.casHigh(item) | 0) === request.casHigh
  )
}

/** ms with I: a CAS lower than the item's will do. */
function isOlderButAllowed(context: CommandContext, item: number): boolean {
  const { store, request } = context
  const isAllowed = (request.metaFlags & META_FLAG.invalidate) !== 0 && request.mode === OPCODE.cas
  if (!isAllowed || (request.casHigh === 0 && request.casLow === 0) || !store.casEnabled)
    return false
  return uint64Less(
    request.casHigh,
    request.casLow,
    store.casHigh(item) | 0,
    store.casLow(item) | 0,
  )
}

/**
 * The pages of a large value: those the connection has filled, or, if the whole value came in one
 * read, pages filled now. Null for a small value, and when there is no memory.
 */
function uploadFor(context: CommandContext): Upload | null {
  const { store, request } = context
  const length = request.valueLength
  if (request.upload !== null || length < PAGE_BYTES) return request.upload
  const writer = ownWriter(store)
  if (!writer.begin(length)) return null
  const { valueStart } = request
  return writer.write(request.buffer, valueStart, valueStart + length) ? writer : null
}

/** The writer for values that are in a buffer as a whole; one per thread, as only one is in work. */
export function ownWriter(store: Store): ChainWriter {
  if (writer === null || writerStore !== store) {
    writer = store.createWriter()
    writerStore = store
  }
  return writer
}

let writer: ChainWriter | null = null
let writerStore: Store | null = null

/** The value is large, and it is its pages that there was no memory for. */
export function countNoPages({ store, request }: CommandContext): void {
  const { keyHash, keyLength, valueLength, clientFlags } = request
  store.countOutOfMemory(keyHash, store.itemBytesFor(keyLength, valueLength, clientFlags))
}

/** No room (-M): for set, and for ms in every mode, the old value must not survive as if it were new. */
export function refuseNoMemory(context: CommandContext): number {
  context.counters[COUNTER.storeNoMemory]!++
  reportStore(context, STORE_STATUS.noMemory)
  removeStale(context)
  return STORE_STATUS.noMemory
}

/** Removes the item that a refused set, or ms, would have replaced. */
export function removeStale(context: CommandContext): void {
  const { store, request } = context
  if (request.opcode !== OPCODE.set && request.opcode !== OPCODE.metaSet) return
  const hash = request.keyHash
  store.lock(hash)
  const item = findItem(context)
  if (item !== 0) store.remove(item)
  store.unlock(hash)
}

/** Tells watchers how a storage command ended. */
export function reportStore(context: CommandContext, status: number): void {
  if ((context.watchMask & WATCH.mutations) === 0) return
  const { events, store, request } = context
  const isRefused = status === STORE_STATUS.tooLarge || status === STORE_STATUS.noMemory
  const bytes = store.itemBytesFor(request.keyLength, stored.valueLength, stored.clientFlags)
  setEventKey(context)
  events.status = status
  events.command = EVENT_COMMANDS[request.mode]!
  events.exptime = isRefused ? 0 : stored.exptime
  events.sizeClass = isRefused ? 0 : store.sizeClassFor(bytes)
  events.size = isRefused ? 0 : stored.valueLength
  events.emitStore()
}

/** By opcode. */
const EVENT_COMMANDS: readonly number[] = eventCommands()

function eventCommands(): number[] {
  const commands: number[] = []
  commands[OPCODE.set] = EVENT_COMMAND.set
  commands[OPCODE.add] = EVENT_COMMAND.add
  commands[OPCODE.replace] = EVENT_COMMAND.replace
  commands[OPCODE.append] = EVENT_COMMAND.append
  commands[OPCODE.prepend] = EVENT_COMMAND.prepend
  commands[OPCODE.cas] = EVENT_COMMAND.cas
  return Array.from(commands, (command) => command ?? EVENT_COMMAND.set)
}
