import { PERMISSION } from '../auth/permissions.ts'
import { LINE } from '../protocol/lines.ts'
import { META_FLAG, META_LETTER } from '../protocol/meta.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { countGetHit, countTouchHit, noteLookup, storeExptime } from './lookup.ts'
import {
  META_LINE_BYTES_MAX,
  WORD,
  writeEchoes,
  writeKey,
  writeOpaque,
  writeTtl,
  writeWord,
} from './meta-reply.ts'
import { fillDraft, setDraftCas } from './storing.ts'
import { produceValue } from './value-producer.ts'

/** mg. */
export function handleMetaGet(context: CommandContext): number {
  return answer(context, false)
}

/** @param flushed the reply buffer has been emptied for this command */
function answer(context: CommandContext, flushed: boolean): number {
  const { store, request, reply } = context
  const { keyHash, keyBuffer, keyStart, keyLength, metaFlags } = request
  reply.reserve(META_LINE_BYTES_MAX)
  const vivifies = (metaFlags & META_FLAG.vivify) !== 0
  const canCreate = vivifies && store.lockForWrite(keyHash, store.recordBytes(keyLength, 0, 0))
  if (!vivifies) store.lock(keyHash)
  let item = store.find(keyHash, keyBuffer, keyStart, keyLength)
  const isCreated = item === 0 && canCreate
  if (item === 0 && !isCreated) {
    noteLookup(context, 0)
    store.unlock(keyHash)
    return answerMiss(context)
  }
  const length = isCreated ? 0 : store.valueLength(item)
  const returnsValue = (metaFlags & META_FLAG.value) !== 0 && !hasSameCas(context, item)
  const bytes = returnsValue ? length + META_LINE_BYTES_MAX : 0
  const fits = reply.room >= bytes
  if (!fits && !flushed && bytes <= reply.capacity) {
    store.unlock(keyHash)
    reply.flush()
    return answer(context, true)
  }
  noteLookup(context, item)
  if (isCreated) item = create(context)
  writeHeader(context, returnsValue, length)
  writeFlags(context, item, isCreated)
  reply.lineEnd()
  if ((metaFlags & META_FLAG.noBump) === 0) store.hit(item)
  if ((metaFlags & META_FLAG.setTtl) !== 0) countTouchHit(context, item)
  else countGetHit(context, item)
  return finish(context, item, returnsValue, fits)
}

/** The value, and the lock goes back. */
function finish(
  context: CommandContext,
  item: number,
  returnsValue: boolean,
  fits: boolean,
): number {
  const { store, request, reply } = context
  if (!returnsValue) {
    store.unlock(request.keyHash)
    return OUTCOME.done
  }
  if (fits) {
    store.copyValue(item, reply.bytes, reply.position)
    reply.position += store.valueLength(item)
    reply.lineEnd()
    store.unlock(request.keyHash)
    return OUTCOME.done
  }
  produceValue(context, item)
  store.unlock(request.keyHash)
  request.resumeOffset = 0
  return OUTCOME.produce
}

function answerMiss(context: CommandContext): number {
  const { request, reply, counters } = context
  counters[COUNTER.getCommands]!++
  counters[COUNTER.getMisses]!++
  if ((request.metaFlags & META_FLAG.quiet) !== 0) return OUTCOME.done
  if ((request.metaFlags & (META_FLAG.key | META_FLAG.opaque)) === 0) {
    reply.line(LINE.metaMiss)
    return OUTCOME.done
  }
  writeWord(context, WORD.end)
  writeEchoes(context, (request.metaFlags & META_FLAG.base64) !== 0)
  reply.lineEnd()
  return OUTCOME.done
}

/** C: a client that has this version already wants no value. */
function hasSameCas(context: CommandContext, item: number): boolean {
  const { store, request } = context
  if ((request.metaFlags & META_FLAG.compareCas) === 0 || item === 0) return false
  return (
    (store.casLow(item) | 0) === request.casLow && (store.casHigh(item) | 0) === request.casHigh
  )
}

/** N on a miss: an empty item, for the client that asked first to fill. */
function create(context: CommandContext): number {
  const { store, request } = context
  fillDraft(context, 0)
  setDraftCas(context, true)
  store.draft.clientFlags = 0
  store.draft.valueLength = 0
  store.draft.exptime = storeExptime(context, request.vivifyExptime)
  return store.replace(0, store.draft)
}

function writeHeader(context: CommandContext, returnsValue: boolean, length: number): void {
  const { reply } = context
  if (!returnsValue) {
    writeWord(context, WORD.header)
    return
  }
  writeWord(context, WORD.value)
  reply.byte(32)
  reply.uint32(length)
}

/**
 * The flags in the order of the request; what T and R do is done at their place, so that a t before T
 * shows the old time. At the end Z X W: who is to make the value anew.
 */
function writeFlags(context: CommandContext, item: number, isCreated: boolean): void {
  const { store, request, reply } = context
  const wasWon = store.isWon(item)
  let wins = isCreated
  let hasTime = !isCreated
  for (let flag = request.firstFlag; flag < request.tokenCount; flag++) {
    const letter = request.buffer[request.tokenStarts[flag]!]!
    switch (letter) {
      case META_LETTER.setTtl:
        store.setExptime(item, storeExptime(context, request.exptime))
        hasTime = true
        break
      case META_LETTER.vivify:
        // Of N and T the later counts, and before either a new item has no time to show.
        if (isCreated) store.setExptime(item, storeExptime(context, request.vivifyExptime))
        hasTime = true
        break
      case META_LETTER.recache:
        wins ||= !wasWon && !isCreated && isNearEnd(context, item)
        break
      case META_LETTER.ttl:
        writeTtl(context, hasTime ? store.exptime(item) : 0)
        break
      case META_LETTER.opaque:
        writeOpaque(context, flag)
        break
      default:
        writeFlag(context, item, letter)
    }
  }
  if (wasWon) reply.flag(LETTER_ALREADY_WON)
  if (store.isStale(item)) {
    reply.flag(LETTER_STALE)
    wins ||= !wasWon && mayRenew(context)
  }
  if (!wins) return
  reply.flag(LETTER_WON)
  store.setWon(item)
}

/** Whoever takes the right to renew an item keeps it from all others, so he must be allowed to write. */
function mayRenew({ session }: CommandContext): boolean {
  return session.access === null || session.access.allows(PERMISSION.write)
}

const LETTER_WON = 87
const LETTER_STALE = 88
const LETTER_ALREADY_WON = 90

/** R: less time is left than the client would like. */
function isNearEnd(context: CommandContext, item: number): boolean {
  const exptime = context.store.exptime(item)
  return exptime !== 0 && exptime < storeExptime(context, context.request.recacheExptime)
}

/** A flag that shows something of the item as it was before this command. */
function writeFlag(context: CommandContext, item: number, letter: number): void {
  const { store, reply } = context
  switch (letter) {
    case META_LETTER.key:
      writeKey(context, store.isBinaryKey(item))
      return
    case META_LETTER.size:
      reply.flag(letter)
      reply.uint32(store.valueLength(item))
      return
    case META_LETTER.cas:
      reply.flag(letter)
      reply.uint64(store.casHigh(item) | 0, store.casLow(item))
      return
    case META_LETTER.clientFlags:
      reply.flag(letter)
      reply.uint32(store.clientFlags(item))
      return
    case META_LETTER.fetched:
      reply.flag(letter)
      reply.byte(store.isFetched(item) ? 49 : 48)
      return
    case META_LETTER.lastAccess:
      reply.flag(letter)
      reply.uint32(Math.max(0, store.now - store.lastAccess(item)))
  }
}
