import { relativeExptime } from '../base/clock.ts'
import { RUNTIME } from '../base/runtime.ts'
import { LINE } from '../protocol/lines.ts'
import { NOT_INT32, tokenInt32 } from '../protocol/tokens.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'

/**
 * flush_all, now or later. A later one is a word that the control thread looks at once a second; a
 * new flush_all replaces it.
 */
export function handleFlushAll(context: CommandContext): number {
  const { request, reply, counters, settings } = context
  counters[COUNTER.flushCommands]!++
  if (!settings.flushEnabled) {
    if (!request.noreply) context.reply.line(LINE.flushNotAllowed)
    return OUTCOME.done
  }
  let delay = 0
  if (request.tokenCount !== (request.noreply ? 2 : 1)) {
    delay = tokenInt32(request, 1)
    if (delay === NOT_INT32) {
      if (!request.noreply) context.reply.line(LINE.badExptime)
      return OUTCOME.done
    }
  }
  flush(context, delay)
  if (!request.noreply) reply.line(LINE.ok)
  return OUTCOME.done
}

/** @param delay as sent: relative up to 30 days, else Unix time; nothing to wait for if not positive */
function flush(context: CommandContext, delay: number): void {
  const { store, runtime, settings } = context
  // It acts a second early: then everything stored up to that moment goes.
  const at =
    delay <= 0 ? store.now : relativeExptime(delay, store.now, settings.unixSecondsAtZero) - 1
  const isLater = at > store.now
  Atomics.store(runtime, RUNTIME.flushAtSeconds, isLater ? at : 0)
  // A moment before the start of the server was before everything we hold.
  if (!isLater && at > 0) store.flush()
}
