import { OUTCOME } from '../commands/context.ts'
import { HANDLERS } from '../commands/table.ts'
import type { Observer } from './observer.ts'
import type { WorkerParts } from './parts.ts'

/** Calls the handler of the command that was parsed, under the eyes of the observer. Returns its OUTCOME. */
export function callHandler(parts: WorkerParts): number {
  const { request, context, observer } = parts
  const { opcode } = request
  if (observer === null) return HANDLERS[opcode]!(context)
  if (observer.samples && observer.picks(request)) return callAsSpan(parts, observer)
  const outcome = HANDLERS[opcode]!(context)
  if (outcome !== OUTCOME.suspended) observer.command(opcode)
  return outcome
}

/** The same for a command that goes on where it stopped: its span, if it has one, is over. */
export function callAgain(parts: WorkerParts): number {
  const { request, context, observer } = parts
  const { opcode } = request
  const outcome = HANDLERS[opcode]!(context)
  if (observer !== null && outcome !== OUTCOME.suspended) observer.command(opcode)
  return outcome
}

function callAsSpan(parts: WorkerParts, observer: Observer): number {
  const { request, reply } = parts
  observer.beginSpan()
  const outcome = callAgain(parts)
  observer.endSpan(request, reply.errorLine)
  reply.errorLine = -1
  return outcome
}
