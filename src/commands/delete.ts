import { LINE } from '../protocol/lines.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { countDeleteHit, findItem, reportDeletion } from './lookup.ts'

export function handleDelete(context: CommandContext): number {
  const { store, request, reply } = context
  const hash = request.keyHash
  if (context.prefixStatsOn) {
    context.prefixes.recordDelete(request.keyBuffer, request.keyStart, request.keyLength)
  }
  store.lock(hash)
  const item = findItem(context)
  if (item === 0) {
    context.counters[COUNTER.deleteMisses]!++
  } else {
    countDeleteHit(context, item)
    reportDeletion(context, item, false)
    store.remove(item)
  }
  store.unlock(hash)
  if (!request.noreply) reply.line(item === 0 ? LINE.notFound : LINE.deleted)
  return OUTCOME.done
}
