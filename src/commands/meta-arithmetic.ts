import { LINE } from '../protocol/lines.ts'
import { META_FLAG, META_LETTER } from '../protocol/meta.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { RECORD_BYTES_MAX } from '../store/store.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { ADDED, added, addToItem, createNumber, NUMBER_BYTES_MAX } from './adding.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { storeExptime } from './lookup.ts'
import {
  META_LINE_BYTES_MAX,
  WORD,
  writeEchoes,
  writeKey,
  writeOpaque,
  writeTtl,
  writeWord,
} from './meta-reply.ts'

/** ma: incr and decr with flags. */
export function handleMetaArithmetic(context: CommandContext): number {
  const { store, request, reply } = context
  const { keyHash, keyLength, metaFlags } = request
  reply.reserve(META_LINE_BYTES_MAX + NUMBER_BYTES_MAX + 2)
  const givesCas = (metaFlags & META_FLAG.newCas) !== 0
  const bytes = givesCas ? RECORD_BYTES_MAX : store.recordBytes(keyLength, NUMBER_BYTES_MAX, 1)
  const hasRoom = store.lockForWrite(keyHash, bytes)
  let result: number = ADDED.noMemory
  if (hasRoom) result = addToItem(context)
  const isMiss = result === ADDED.notFound
  if (isMiss) result = miss(context)
  // The reply shows the item, so it is written under the lock; room is there.
  if (result === ADDED.done) answerDone(context, isMiss)
  store.unlock(keyHash)
  if (result !== ADDED.done) answerOther(context, result)
  return OUTCOME.done
}

/** N: the number begins at J, and no delta is applied. */
function miss(context: CommandContext): number {
  const { request, counters } = context
  if ((request.metaFlags & META_FLAG.vivify) !== 0) {
    createNumber(context, storeExptime(context, request.vivifyExptime))
    return ADDED.done
  }
  const increments = request.mode === OPCODE.increment
  counters[increments ? COUNTER.incrementMisses : COUNTER.decrementMisses]!++
  return ADDED.notFound
}

function answerDone(context: CommandContext, isCreated: boolean): void {
  const { request, reply } = context
  const { metaFlags } = request
  const start = reply.position
  const returnsValue = (metaFlags & META_FLAG.value) !== 0
  if (returnsValue) {
    writeWord(context, WORD.value)
    reply.byte(32)
    reply.uint32(added.length)
  } else {
    writeWord(context, WORD.header)
  }
  writeFlags(context, isCreated)
  reply.lineEnd()
  if (returnsValue) {
    reply.copy(added.bytes, 0, added.length)
    reply.lineEnd()
  }
  // T has been done on the way, so a quiet reply is written as well, and taken back.
  if ((metaFlags & META_FLAG.quiet) !== 0) reply.position = start
}

/**
 * In the order of the request: a t before T shows the old time, of N and T the later counts, and
 * before either a new item has no time to show.
 */
function writeFlags(context: CommandContext, isCreated: boolean): void {
  const { store, request, reply } = context
  const { item } = added
  let hasTime = !isCreated
  for (let flag = request.firstFlag; flag < request.tokenCount; flag++) {
    const letter = request.buffer[request.tokenStarts[flag]!]!
    switch (letter) {
      case META_LETTER.cas:
        reply.flag(letter)
        reply.uint64(store.casHigh(item) | 0, store.casLow(item))
        break
      case META_LETTER.ttl:
        writeTtl(context, hasTime ? store.exptime(item) : 0)
        break
      case META_LETTER.setTtl:
        store.setExptime(item, storeExptime(context, request.exptime))
        hasTime = true
        break
      case META_LETTER.vivify:
        if (isCreated) store.setExptime(item, storeExptime(context, request.vivifyExptime))
        hasTime = true
        break
      case META_LETTER.opaque:
        writeOpaque(context, flag)
        break
      case META_LETTER.key:
        writeKey(context, (request.metaFlags & META_FLAG.base64) !== 0)
        break
    }
  }
}

function answerOther(context: CommandContext, result: number): void {
  const { request, reply } = context
  switch (result) {
    case ADDED.nonNumeric:
      context.reply.line(LINE.nonNumeric)
      return
    case ADDED.noMemory:
      reply.line(LINE.noMemory)
      return
    default:
      writeWord(context, result === ADDED.exists ? WORD.exists : WORD.notFound)
      writeEchoes(context, (request.metaFlags & META_FLAG.base64) !== 0)
      reply.lineEnd()
  }
}
