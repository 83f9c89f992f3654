import { LINE } from '../protocol/lines.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { ADDED, added, addToItem, NUMBER_BYTES_MAX } from './adding.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'

/** incr and decr. */
export function handleArithmetic(context: CommandContext): number {
  const { store, request, counters } = context
  request.mode = request.opcode
  const hash = request.keyHash
  // The flags are not known yet; 1 stands for "has some".
  const hasRoom = store.lockForWrite(
    hash,
    store.recordBytes(request.keyLength, NUMBER_BYTES_MAX, 1),
  )
  const result = hasRoom ? addToItem(context) : ADDED.noMemory
  store.unlock(hash)
  if (result === ADDED.notFound) {
    const increments = request.opcode === OPCODE.increment
    counters[increments ? COUNTER.incrementMisses : COUNTER.decrementMisses]!++
  }
  if (!request.noreply) answer(context, result)
  return OUTCOME.done
}

function answer(context: CommandContext, result: number): void {
  const { reply } = context
  switch (result) {
    case ADDED.done:
      reply.reserve(NUMBER_BYTES_MAX + 2)
      reply.copy(added.bytes, 0, added.length)
      reply.lineEnd()
      return
    case ADDED.notFound:
      reply.line(LINE.notFound)
      return
    case ADDED.nonNumeric:
      context.reply.line(LINE.nonNumeric)
      return
    default:
      reply.line(LINE.noMemory)
  }
}
