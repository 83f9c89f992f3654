import { relativeExptime } from '../base/clock.ts'
import { WATCH } from '../base/runtime.ts'
import { MISS_ABSENT, MISS_EXPIRED } from '../store/store.ts'
import { CLASS_COUNTER, COUNTER, classCounterIndex } from '../telemetry/counters.ts'
import { EVENT_COMMAND, GET_STATUS } from '../telemetry/events.ts'
import type { CommandContext } from './context.ts'

/** What every command does around looking for its key. All of it under the shard's lock. */

/** The item of request's key, or 0. Counts and reports the look-up. */
export function findItem(context: CommandContext): number {
  const { store, request } = context
  const item = store.find(request.keyHash, request.keyBuffer, request.keyStart, request.keyLength)
  noteLookup(context, item)
  return item
}

/** For those who called store.find themselves: right after it, and once for each command. */
export function noteLookup(context: CommandContext, item: number): void {
  const { store, counters } = context
  if (item === 0 && store.missReason !== MISS_ABSENT) {
    const reason = store.missReason === MISS_EXPIRED ? COUNTER.getExpired : COUNTER.getFlushed
    counters[reason]!++
  }
  if ((context.watchMask & WATCH.fetchers) !== 0) reportLookup(context, item)
}

/**
 * An item that was asked for in order to change it (add, incr, decr) is worth keeping too, but has
 * not been fetched.
 */
export function bump(context: CommandContext, item: number): void {
  context.store.bump(item)
}

/** A client's time on the store's clock. */
export function storeExptime(context: CommandContext, exptime: number): number {
  return relativeExptime(exptime, context.store.now, context.settings.unixSecondsAtZero)
}

export function countClass(context: CommandContext, item: number, counter: number): void {
  context.counters[classCounterIndex(context.store.sizeClass(item), counter)]!++
}

/** A read that found its item. */
export function countGetHit(context: CommandContext, item: number): void {
  const { counters } = context
  counters[COUNTER.getCommands]!++
  counters[COUNTER.getHits]!++
  countClass(context, item, CLASS_COUNTER.getHits)
}

/** A touch, or a read with a new time, that found its item. */
export function countTouchHit(context: CommandContext, item: number): void {
  const { counters } = context
  counters[COUNTER.touchCommands]!++
  counters[COUNTER.touchHits]!++
  countClass(context, item, CLASS_COUNTER.touchHits)
}

export function countTouchMiss(context: CommandContext): void {
  const { counters } = context
  counters[COUNTER.touchCommands]!++
  counters[COUNTER.touchMisses]!++
}

export function countDeleteHit(context: CommandContext, item: number): void {
  context.counters[COUNTER.deleteHits]!++
  countClass(context, item, CLASS_COUNTER.deleteHits)
}

/** Tells watchers of an item that is about to be removed by a client. */
export function reportDeletion(context: CommandContext, item: number, isMeta: boolean): void {
  if ((context.watchMask & WATCH.deletions) === 0) return
  const { events, store } = context
  setEventKey(context)
  events.command = isMeta ? EVENT_COMMAND.metaDelete : EVENT_COMMAND.delete
  events.sizeClass = store.sizeClass(item)
  events.size = store.valueLength(item)
  events.emitDeleted()
}

export function setEventKey(context: CommandContext): void {
  const { events, request } = context
  events.buffer = request.keyBuffer
  events.keyStart = request.keyStart
  events.keyLength = request.keyLength
  events.connectionNumber = context.session.number
}

function reportLookup(context: CommandContext, item: number): void {
  const { events, store } = context
  setEventKey(context)
  events.sizeClass = item === 0 ? 0 : store.sizeClass(item)
  events.size = item === 0 ? 0 : store.valueLength(item)
  if (item !== 0) events.status = GET_STATUS.found
  else if (store.missReason === MISS_ABSENT) events.status = GET_STATUS.notFound
  else {
    events.status = store.missReason === MISS_EXPIRED ? GET_STATUS.expired : GET_STATUS.flushed
  }
  events.emitGet()
}
