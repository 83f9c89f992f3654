import { LINE } from '../protocol/lines.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { answerKeys } from './get.ts'
import { countTouchHit, countTouchMiss, findItem, storeExptime } from './lookup.ts'

/** gat and gats: as get and gets, and each item found gets the new time. */
export function handleGetAndTouch(context: CommandContext): number {
  return answerKeys(context, true)
}

export function handleTouch(context: CommandContext): number {
  const { store, request, reply } = context
  const hash = request.keyHash
  store.lock(hash)
  const item = findItem(context)
  if (item === 0) {
    countTouchMiss(context)
  } else {
    countTouchHit(context, item)
    store.hit(item)
    store.setExptime(item, storeExptime(context, request.exptime))
  }
  store.unlock(hash)
  if (!request.noreply) reply.line(item === 0 ? LINE.notFound : LINE.touched)
  return OUTCOME.done
}
