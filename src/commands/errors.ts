import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'

/** Writes one of LINE that tells the client about its own mistake. */
export function answerMistake(context: CommandContext, line: number): void {
  context.counters[COUNTER.clientErrors]!++
  context.reply.line(line)
}
