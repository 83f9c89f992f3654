import { LINE } from '../protocol/lines.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { REFUSAL } from '../protocol/request.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { STORE_STATUS } from '../telemetry/events.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { extendValue } from './extending.ts'
import {
  countNoPages,
  countSet,
  forgetStored,
  refuseNoMemory,
  removeStale,
  reportStore,
  storeValue,
} from './storing.ts'

/** set, add, replace and cas. */
export function handleSet(context: CommandContext): number {
  if (context.prefixStatsOn) recordPrefix(context)
  return answerStore(context, storeValue(context))
}

/** append and prepend. */
export function handleExtend(context: CommandContext): number {
  if (context.prefixStatsOn) recordPrefix(context)
  return answerStore(context, extendValue(context))
}

/**
 * What a storage command that the parser or the connection refuses does all the same. Leaves the
 * answer in request.errorLine and request.silent; the connection writes it, after the data block is
 * gone.
 */
export function refuse(context: CommandContext): void {
  const { request, counters } = context
  const isMeta = request.opcode === OPCODE.metaSet
  if (context.prefixStatsOn && !isMeta) recordPrefix(context)
  request.silent = !isMeta && request.noreply
  forgetStored(context)
  switch (request.refusal) {
    case REFUSAL.tooLarge:
      counters[COUNTER.storeTooLarge]!++
      request.errorLine = LINE.tooLarge
      reportStore(context, STORE_STATUS.tooLarge)
      removeStale(context)
      return
    case REFUSAL.noMemory:
      request.errorLine = LINE.noMemoryStoring
      countNoPages(context)
      refuseNoMemory(context)
      return
    default:
      request.errorLine = LINE.badDataChunk
      countSet(context)
  }
}

function answerStore(context: CommandContext, status: number): number {
  const { request, reply } = context
  if (request.noreply) return OUTCOME.done
  if (status === STORE_STATUS.stored) reply.stored()
  else reply.line(STORE_LINES[status]!)
  return OUTCOME.done
}

function recordPrefix(context: CommandContext): void {
  const { keyBuffer, keyStart, keyLength } = context.request
  context.prefixes.recordSet(keyBuffer, keyStart, keyLength)
}

/** By STORE_STATUS. */
const STORE_LINES: readonly number[] = [
  LINE.notStored,
  LINE.stored,
  LINE.exists,
  LINE.notFound,
  LINE.tooLarge,
  LINE.noMemoryStoring,
]
