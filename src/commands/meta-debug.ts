import { LINE } from '../protocol/lines.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { findItem } from './lookup.ts'
import { META_LINE_BYTES_MAX } from './meta-reply.ts'

const HEAD = Buffer.from('ME ')
const EXPTIME = Buffer.from(' exp=')
const LAST_ACCESS = Buffer.from(' la=')
const CAS = Buffer.from(' cas=')
const FETCHED_YES = Buffer.from(' fetch=yes')
const FETCHED_NO = Buffer.from(' fetch=no')
const SIZE_CLASS = Buffer.from(' cls=')
const SIZE = Buffer.from(' size=')

/** me: what is known about an item, for people. Looking changes nothing. */
export function handleMetaDebug(context: CommandContext): number {
  const { store, request, reply, counters } = context
  const hash = request.keyHash
  reply.reserve(META_LINE_BYTES_MAX)
  store.lock(hash)
  const item = findItem(context)
  if (item !== 0) describe(context, item)
  store.unlock(hash)
  if (item === 0) reply.line(LINE.metaMiss)
  counters[COUNTER.metaCommands]!++
  return OUTCOME.done
}

function describe(context: CommandContext, item: number): void {
  const { store, request, reply } = context
  const { keyBuffer, keyStart, keyLength } = request
  const exptime = store.exptime(item)
  write(context, HEAD)
  if (store.isBinaryKey(item)) reply.base64(keyBuffer, keyStart, keyStart + keyLength)
  else reply.copy(keyBuffer, keyStart, keyStart + keyLength)
  write(context, EXPTIME)
  if (exptime === 0) reply.word(45, 49)
  else reply.uint32(Math.max(0, exptime - store.now))
  write(context, LAST_ACCESS)
  reply.uint32(Math.max(0, store.now - store.lastAccess(item)))
  write(context, CAS)
  reply.uint64(store.casHigh(item) | 0, store.casLow(item))
  write(context, store.isFetched(item) ? FETCHED_YES : FETCHED_NO)
  write(context, SIZE_CLASS)
  reply.uint32(store.sizeClass(item))
  write(context, SIZE)
  reply.uint32(store.itemBytes(item))
  reply.lineEnd()
}

function write(context: CommandContext, text: Buffer): void {
  context.reply.copy(text, 0, text.length)
}
