import { KEY_BYTES_MAX } from '../protocol/limits.ts'
import { LINE } from '../protocol/lines.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { nextKey } from '../protocol/tokens.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { countGetHit, countTouchHit, countTouchMiss, noteLookup, storeExptime } from './lookup.ts'
import { produceValue } from './value-producer.ts'

/** `VALUE key flags length cas\r\n` at its longest, with the value's own \r\n. */
export const VALUE_LINE_BYTES_MAX = 6 + KEY_BYTES_MAX + 11 + 11 + 21 + 2 + 2

/** Keys of one command that are answered before other connections get their turn. */
export const KEYS_PER_TURN_MAX = 256

/** get and gets. */
export function handleGet(context: CommandContext): number {
  return answerKeys(context, false)
}

/** One VALUE block for each key that is found, in the order asked, then END. */
export function answerKeys(context: CommandContext, withTouch: boolean): number {
  const { request, reply } = context
  const start = reply.position
  const flushes = reply.flushes
  let left = KEYS_PER_TURN_MAX
  // A command that goes on after its last key has only END to say.
  let more = request.keyLength > 0
  let ahead = request.keyStart + request.keyLength
  while (more) {
    if (request.keyLength > KEY_BYTES_MAX) {
      // Like memcached, drop what this command has said so far, as far as it is still here.
      if (reply.flushes === flushes) reply.position = start
      reply.line(LINE.badFormat)
      return OUTCOME.done
    }
    if (answerKey(context, withTouch, false) === OUTCOME.produce) {
      request.resumeOffset = request.keyStart + request.keyLength
      return OUTCOME.produce
    }
    more = nextKey(request, request.keyStart + request.keyLength)
    left--
    if (more && request.keyStart >= ahead) ahead = lookAhead(context)
    if (more && (left === 0 || reply.blocked)) {
      request.resumeOffset = request.keyStart
      return OUTCOME.suspended
    }
  }
  reply.end()
  return OUTCOME.done
}

/** Has the items of the keys that follow brought into the cache together. */
function lookAhead(context: CommandContext): number {
  const { store, request, scout } = context
  const ahead = scout.lookAtKeys(request, request.keyStart)
  if (scout.count > 1) store.prefetch(scout.hashes, scout.count)
  return ahead
}

/** @param flushed the reply buffer has been emptied for this key */
function answerKey(context: CommandContext, withTouch: boolean, flushed: boolean): number {
  const { store, request, reply } = context
  const hash = request.keyHash
  // Room comes before the lock: making it may mean a write to the socket.
  reply.reserve(VALUE_LINE_BYTES_MAX)
  store.lock(hash)
  const item = store.find(hash, request.keyBuffer, request.keyStart, request.keyLength)
  if (item === 0) {
    noteLookup(context, 0)
    store.unlock(hash)
    countMiss(context, withTouch)
    return OUTCOME.done
  }
  const length = store.valueLength(item)
  const fits = reply.room >= length + VALUE_LINE_BYTES_MAX
  if (!fits && !flushed && length + VALUE_LINE_BYTES_MAX <= reply.capacity) {
    // It fits into an empty buffer. Look again after emptying it, since that is done unlocked.
    store.unlock(hash)
    reply.flush()
    return answerKey(context, withTouch, true)
  }
  noteLookup(context, item)
  countHit(context, item, withTouch)
  store.hit(item)
  if (withTouch) store.setExptime(item, storeExptime(context, request.exptime))
  const { keyBuffer, keyStart, keyLength } = request
  reply.valueHeader(keyBuffer, keyStart, keyLength, store.clientFlags(item), length)
  if (request.opcode === OPCODE.gets || request.opcode === OPCODE.gats) {
    reply.byte(32)
    reply.uint64(store.casHigh(item) | 0, store.casLow(item))
  }
  reply.lineEnd()
  if (fits) {
    store.copyValue(item, reply.bytes, reply.position)
    reply.position += length
    reply.lineEnd()
    store.unlock(hash)
    return OUTCOME.done
  }
  produceValue(context, item)
  store.unlock(hash)
  return OUTCOME.produce
}

function countHit(context: CommandContext, item: number, withTouch: boolean): void {
  if (withTouch) countTouchHit(context, item)
  else countGetHit(context, item)
  if (context.prefixStatsOn) recordPrefix(context, true)
}

function countMiss(context: CommandContext, withTouch: boolean): void {
  if (withTouch) {
    countTouchMiss(context)
  } else {
    context.counters[COUNTER.getCommands]!++
    context.counters[COUNTER.getMisses]!++
  }
  if (context.prefixStatsOn) recordPrefix(context, false)
}

function recordPrefix(context: CommandContext, hit: boolean): void {
  const { keyBuffer, keyStart, keyLength } = context.request
  context.prefixes.recordGet(keyBuffer, keyStart, keyLength, hit)
}
