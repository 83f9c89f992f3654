import { RUNTIME } from '../base/runtime.ts'
import { LINE } from '../protocol/lines.ts'
import { NOT_INT32, NOT_UINT32, tokenInt32, tokenText, tokenUint32 } from '../protocol/tokens.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'

/** The small commands that touch no item. */

const VERBOSITY_MAX = 2

export function handleVersion(context: CommandContext): number {
  context.reply.line(LINE.version)
  return OUTCOME.done
}

/** mn: its reply comes after those of all commands before it. */
export function handleNoop(context: CommandContext): number {
  context.reply.line(LINE.metaNoop)
  return OUTCOME.done
}

export function handleQuit(): number {
  return OUTCOME.close
}

export function handleVerbosity(context: CommandContext): number {
  const { request, reply, runtime } = context
  const level = tokenUint32(request, 1)
  if (level === NOT_UINT32) {
    if (!request.noreply) context.reply.line(LINE.badFormat)
    return OUTCOME.done
  }
  Atomics.store(runtime, RUNTIME.verbosity, Math.min(level, VERBOSITY_MAX))
  if (!request.noreply) reply.line(LINE.ok)
  return OUTCOME.done
}

/** debugtime: moves the clock, holds it (p) or lets it go (r). For tests, and only when allowed. */
export function handleDebugTime(context: CommandContext): number {
  const { request, reply, settings } = context
  const done = settings.debugEnabled && moveClock(context)
  if (request.noreply) return OUTCOME.done
  if (done) reply.line(LINE.ok)
  else context.reply.line(LINE.error)
  return OUTCOME.done
}

/** Other threads see it at their next tick; this one at once. False if there is nothing to do. */
function moveClock(context: CommandContext): boolean {
  const { store, request, runtime } = context
  const word = tokenText(request, 1)
  if (word === 'p') {
    Atomics.store(runtime, RUNTIME.clockHeldAtSeconds, store.now)
    Atomics.store(runtime, RUNTIME.clockHeld, 1)
    return true
  }
  if (word === 'r') {
    Atomics.store(runtime, RUNTIME.clockHeld, 0)
    return true
  }
  const seconds = tokenInt32(request, 1)
  if (seconds === NOT_INT32) return false
  Atomics.add(runtime, RUNTIME.clockOffsetSeconds, seconds)
  Atomics.add(runtime, RUNTIME.clockHeldAtSeconds, seconds)
  store.now += seconds
  return true
}
