// The global of this name is a getter: 0.6 % of the samples of requests on their own.
import { performance } from 'node:perf_hooks'
import { assert } from '../base/assert.ts'
import { RUNTIME } from '../base/runtime.ts'
import { OUTCOME } from '../commands/context.ts'
import { PARSE_READY } from '../protocol/request.ts'
import { callHandler } from './call.ts'
import type { Connection } from './connection.ts'
import type { Outlet } from './outlet.ts'
import type { WorkerParts } from './parts.ts'

/** Why commands are not gone on with. */
export const STOP = {
  /** They have come to their end, or the client does not take the replies, or the connection was closed. */
  none: 0,
  /** The turn is over: others have theirs. */
  turnOver: 1,
  /** The parser did not say ready: see Turn.status. */
  parser: 2,
  /** A handler is not simply done: see Turn.outcome. */
  handler: 3,
} as const

/**
 * How far a turn has got. A worker has one, since turns never nest: while a connection is in its plain state
 * nothing of the connection itself has to be looked at.
 */
export class Turn {
  /** Commands that may still be begun in it. */
  left = 0
  stop: number = STOP.none
  /** What the parser said: one of PARSE_*. */
  status: number = PARSE_READY
  /** What the handler said: one of OUTCOME. */
  outcome: number = OUTCOME.done
  /** Up to here (an offset into the buffer) one has looked ahead of the parser. */
  ahead = 0
}

/**
 * How many commands a turn that begins at `start` has, and from where on it looks ahead: not for the first
 * command, since mostly it is the only one.
 */
export function limitTurn(turn: Turn, start: number, commands: number): void {
  turn.left = commands
  turn.ahead = start + 1
}

/** From now on everything that is written, counted and noticed is this client's. */
export function beginTurn(parts: WorkerParts, client: Connection, sink: Outlet): void {
  assert(parts.acting === null, 'a turn begins when the one before is over')
  parts.acting = client
  const { context, runtime, observer, clock, reply } = parts
  const at = performance.now()
  if (at >= clock.nextSecondAt) clock.look(at)
  if (observer !== null) observer.begin(client, at)
  reply.errorLine = -1
  reply.sink = sink
  reply.blocked = false
  context.session = client
  context.watchMask = runtime[RUNTIME.watchMask]!
  context.prefixStatsOn = runtime[RUNTIME.prefixStats] === 1
}

/**
 * Runs the commands in buffer[start, end) of somebody who may do everything, as long as each is there as a
 * whole and is answered at once. Returns where it stopped; the turn says why.
 */
export function runCommands(
  parts: WorkerParts,
  buffer: Buffer,
  start: number,
  end: number,
): number {
  const { parser, request, reply, turn } = parts
  let at = start
  // It outlives a command that is refused, or else each of them would cost another look at all the rest.
  let { ahead } = turn
  turn.stop = STOP.none
  while (at < end && !reply.blocked) {
    if (turn.left <= 0) {
      turn.stop = STOP.turnOver
      return at
    }
    turn.left--
    if (at >= ahead) {
      ahead = lookAhead(parts, buffer, at, end)
      turn.ahead = ahead
    }
    const status = parser.parse(buffer, at, end)
    if (status !== PARSE_READY) {
      turn.stop = STOP.parser
      turn.status = status
      return at
    }
    const outcome = callHandler(parts)
    if (outcome !== OUTCOME.done) {
      turn.stop = STOP.handler
      turn.outcome = outcome
      return at
    }
    at = request.next
  }
  return at
}

/** Everything that was written has been sent, or waits. */
export function endTurn(parts: WorkerParts): void {
  const { observer } = parts
  if (observer !== null) observer.end()
  parts.acting = null
}

/** Has the items of the commands that follow brought into the cache together. Returns where it stopped. */
export function lookAhead(parts: WorkerParts, buffer: Buffer, at: number, end: number): number {
  const { store, context } = parts
  const { scout } = context
  const ahead = scout.lookAtCommands(buffer, at, end)
  if (scout.count > 1) store.prefetch(scout.hashes, scout.count)
  return ahead
}
