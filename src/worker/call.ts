import { OUTCOME } from '../commands/context.ts'
import { HANDLERS } from '../commands/table.ts'
import type { Observer } from './observer.ts'
import type { WorkerParts } from './parts.ts'

/** Calls the handler of the command that was parsed, under the eyes of the observer. Returns its OUTCOME. */
export function callHandler(parts: WorkerParts): number {
  const { request, observer } = parts
  const isSpan = observer?.samples === true && observer.picks(request)
  return isSpan ? callAsSpan(parts, observer) : callAgain(parts)
}

/** The same for a command that goes on where it stopped: its span, if it has one, is over. */
export function callAgain(parts: WorkerParts): number {
  const { request, context, observer, reply } = parts
  const { opcode } = request
  const outcome = HANDLERS[opcode]!(context)
  if (observer === null) return outcome
  if (outcome === OUTCOME.done || isOver(parts, outcome)) observer.command(opcode)
  if (reply.errorLine >= 0) {
    observer.error(opcode, reply.errorLine)
    reply.errorLine = -1
  }
  return outcome
}

/** The answer to a request that no handler gets to see. */
export function answerRefused(
  parts: WorkerParts,
  opcode: number,
  line: number,
  silent: boolean,
): void {
  const { reply, observer } = parts
  if (silent) reply.countError(line)
  else reply.line(line)
  observer?.error(opcode, line)
  reply.errorLine = -1
}

function callAsSpan(parts: WorkerParts, observer: Observer): number {
  const { request, context, reply } = parts
  const { opcode } = request
  observer.beginSpan(request)
  const outcome = HANDLERS[opcode]!(context)
  observer.endSpan(opcode, reply.errorLine)
  reply.errorLine = -1
  if (isOver(parts, outcome)) observer.command(opcode)
  return outcome
}

/** Not when the handler will be called again for the same command, which then is counted there. */
function isOver({ request }: WorkerParts, outcome: number): boolean {
  if (outcome === OUTCOME.suspended) return false
  return outcome !== OUTCOME.produce || request.resumeOffset === 0
}
