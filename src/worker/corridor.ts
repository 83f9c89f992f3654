import type { Access } from '../auth/access.ts'
import { assert } from '../base/assert.ts'
import type { Session } from '../commands/context.ts'
import { OUTCOME } from '../commands/context.ts'
import { refuse } from '../commands/table.ts'
import { LINE } from '../protocol/lines.ts'
import { OPCODE } from '../protocol/opcode.ts'
import type { Request } from '../protocol/request.ts'
import { PARSE_CLOSE, PARSE_ERROR, PARSE_MORE, PARSE_READY, REFUSAL } from '../protocol/request.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import { answerRefused, callAgain, callHandler } from './call.ts'
import type { DataBlock } from './data-block.ts'
import { SwallowedBlock, UPLOAD_BYTES_MIN, UploadBlock } from './data-block.ts'
import type { Visitor } from './gatekeeper.ts'
import { HALT } from './halt.ts'
import type { WorkerParts } from './parts.ts'
import { limitTurn, lookAhead, runCommands, STOP } from './turn.ts'
import type { TurnTaker } from './turns.ts'

/** Calls of a producer in one turn, of at most 1 MiB each where the value leaves without a copy; then come the others. */
const PRODUCE_CALLS_PER_TURN = 1

/**
 * The same where each call fills a buffer of 64 KiB. A wire over TLS takes two in a turn of the loop; what
 * comes behind them counts as not taken by the client.
 */
const COPYING_CALLS_PER_TURN = 2

type Client = Session & TurnTaker & Visitor

/** How a TLS client's first bytes begin, and no command ever does. */
const TLS_HANDSHAKE = 0x16

/**
 * The way of a client's bytes through parser and handlers, and how far they got: the command that
 * stopped in the middle, the value that is still coming in, and why nothing is parsed now. It knows
 * neither the wire nor the stash; the connection gives it bytes and keeps what it leaves.
 */
export class Corridor {
  readonly #parts: WorkerParts
  readonly #session: Client
  halt: number = HALT.none
  /** The value that is coming in and not parsed as commands, if any. */
  block: DataBlock | null = null
  /** Of the command that is not complete, part of the value is here. */
  valueBegun = false
  /** It is to end: what has begun is finished, and nothing is begun behind it. */
  #isEnding = false
  /** While it ends: 1 when the bytes that wait are the beginning of a command, which still comes; else 0. */
  #lastCommands = 0
  closeReason: number = CLOSE_REASON.normal
  /** Opcode of the command to go on with (OUTCOME.suspended), -1 none. */
  #resumeOpcode = -1
  #resumeExptime = 0

  constructor(parts: WorkerParts, session: Client) {
    this.#parts = parts
    this.#session = session
  }

  /** Nothing has begun that is not finished. */
  get isIdle(): boolean {
    return this.halt === HALT.none && this.block === null
  }

  get isEnding(): boolean {
    return this.#isEnding
  }

  /** End between two commands. What was received of others behind the one that has begun is not looked at. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#lastCommands = this.isIdle ? 1 : 0
  }

  abandon(): void {
    this.halt = HALT.closed
    this.block?.abandon()
    this.block = null
    this.#session.producer?.abandon()
    this.#session.producer = null
  }

  /** Deal with buffer[start, end) as far as possible; returns where it stopped. */
  run(buffer: Buffer, start: number, end: number): number {
    const { turn, requestsPerTurn } = this.#parts
    limitTurn(turn, start, this.#isEnding ? this.#lastCommands : requestsPerTurn)
    const at = this.#advance(buffer, start, end)
    if (at > start) this.#lastCommands = 0
    return at
  }

  /** The same for the rest of a turn in which runCommands came as far as `reached`. */
  takeOver(buffer: Buffer, reached: number, end: number): number {
    const at = this.#follow(buffer, reached, end)
    return this.#needsBytes ? at : this.#advance(buffer, at, end)
  }

  #advance(buffer: Buffer, start: number, end: number): number {
    const { reply } = this.#parts
    let at = start
    while (at < end && this.halt === HALT.none) {
      if (reply.blocked) {
        this.halt = HALT.blocked
        return at
      }
      if (this.#resumeOpcode >= 0) {
        at = this.#resume(buffer, at, end)
        continue
      }
      if (this.block !== null) {
        at = this.#takeBlock(this.block, buffer, at, end)
        continue
      }
      const { access } = this.#session
      const reached =
        access === null
          ? runCommands(this.#parts, buffer, at, end)
          : this.#guardedCommand(access, buffer, at, end)
      at = this.#follow(buffer, reached, end)
      if (this.#needsBytes) return at
    }
    return at
  }

  /** What was run last ended before a command of which only the beginning is here. */
  get #needsBytes(): boolean {
    const { stop, status } = this.#parts.turn
    return stop === STOP.parser && status === PARSE_MORE && this.block === null
  }

  /** What comes behind commands that were run; why they stopped, the turn says. Returns where to go on. */
  #follow(buffer: Buffer, reached: number, end: number): number {
    const { turn } = this.#parts
    switch (turn.stop) {
      case STOP.none:
        return reached
      case STOP.turnOver:
        return this.#turnOver(reached, end)
      case STOP.handler:
        return this.#conclude(turn.outcome)
      default:
        assert(turn.stop === STOP.parser, 'commands stop for a known reason')
        if (buffer[reached] === TLS_HANDSHAKE) return this.#refuseHello(end)
        if (turn.status === PARSE_MORE) return this.#needMore(buffer, reached, end)
        return this.#refuse(turn.status, end)
    }
  }

  /** One command of somebody who may not do everything, or has to log in first: like runCommands. */
  #guardedCommand(access: Access, buffer: Buffer, at: number, end: number): number {
    const { parser, request, turn } = this.#parts
    turn.stop = turn.left-- > 0 ? STOP.none : STOP.turnOver
    if (turn.stop !== STOP.none) return at
    if (at >= turn.ahead) turn.ahead = lookAhead(this.#parts, buffer, at, end)
    const isLogin = access.readsLogin(buffer, at, end)
    const status = isLogin
      ? parser.parseAuth(buffer, at, end, access.needsLogin)
      : parser.parse(buffer, at, end)
    if (!isLogin && isUnderstood(status, request)) {
      const refused = access.refusal(request)
      if (refused !== 0) return this.#deny(status, refused)
    }
    turn.status = status
    turn.stop = status === PARSE_READY ? STOP.handler : STOP.parser
    if (status !== PARSE_READY) return at
    turn.outcome = callHandler(this.#parts)
    return at
  }

  /**
   * A command that was understood and is not allowed: as for any other mistake, the answer comes when its
   * data has been thrown away, and nothing of it is kept meanwhile. Returns where to go on.
   */
  #deny(status: number, refused: number): number {
    const { request, observer, gatekeeper } = this.#parts
    const { opcode } = request
    request.errorLine = LINE.permissionDenied
    // These have no noreply, and what the request says of it is another's.
    request.silent = (opcode < OPCODE.get || opcode > OPCODE.gats) && request.noreply
    gatekeeper?.deny(this.#session, opcode, refused)
    observer?.command(opcode)
    if (status === PARSE_MORE) {
      this.valueBegun = false
      this.block = new SwallowedBlock(this.#parts, request.valueLength + 2, request)
      return request.valueStart
    }
    if (status === PARSE_ERROR && request.swallow > 0) {
      this.block = new SwallowedBlock(this.#parts, request.swallow, request)
    } else {
      answerRefused(this.#parts, opcode, request.errorLine, request.silent)
    }
    return request.next
  }

  /** Go on with a command that stopped between two of its keys. */
  #resume(buffer: Buffer, start: number, end: number): number {
    const { parser } = this.#parts
    parser.resumeKeys(buffer, start, end, this.#resumeOpcode, this.#resumeExptime)
    this.#resumeOpcode = -1
    return this.#conclude(callAgain(this.#parts))
  }

  /** A handler that is not simply done. Returns where to go on. */
  #conclude(outcome: number): number {
    const { request, reply } = this.#parts
    const { next, resumeOffset, opcode, exptime } = request
    // Output memory ran out while the handler wrote, and this connection was the one to go.
    if (this.halt === HALT.closed) {
      this.#session.producer?.abandon()
      this.#session.producer = null
      return next
    }
    switch (outcome) {
      case OUTCOME.done:
        return next
      case OUTCOME.suspended:
        this.#resumeOpcode = opcode
        this.#resumeExptime = exptime
        if (reply.blocked) this.halt = HALT.blocked
        else this.#yield(resumeOffset)
        return resumeOffset
      case OUTCOME.produce:
        if (resumeOffset > 0) {
          this.#resumeOpcode = opcode
          this.#resumeExptime = exptime
        }
        this.pump()
        return resumeOffset > 0 ? resumeOffset : next
      case OUTCOME.deferred:
        this.halt = HALT.deferred
        return next
      default:
        assert(outcome === OUTCOME.close, 'a handler returns a known outcome')
        this.halt = HALT.closing
        return next
    }
  }

  /** The rest of the command has not arrived. A large value begins its upload; else keep the bytes. */
  #needMore(buffer: Buffer, at: number, end: number): number {
    const { request } = this.#parts
    this.valueBegun = request.missing > 0
    const small = request.missing === 0 || request.valueLength < UPLOAD_BYTES_MIN
    if (small || request.wholeValueNeeded) return at
    const line = buffer.subarray(request.lineStart, request.valueStart)
    this.block = new UploadBlock(this.#parts, line, request.valueLength)
    return Math.min(end, request.valueStart)
  }

  /** A client that begins TLS, where there is none, waits for an answer that no line of text can be. */
  #refuseHello(end: number): number {
    this.#parts.counters[COUNTER.tlsHellosRefused]!++
    this.closeReason = CLOSE_REASON.error
    this.halt = HALT.closing
    return end
  }

  /** A line that was refused: answer, close, or first throw its data away. */
  #refuse(status: number, end: number): number {
    const { request, context, observer } = this.#parts
    if (status === PARSE_CLOSE) {
      this.closeReason = CLOSE_REASON.error
      this.halt = HALT.closing
      return end
    }
    if (request.refusal !== REFUSAL.none) refuse(context)
    const { opcode, swallow, errorLine, silent } = request
    observer?.command(opcode)
    if (swallow > 0) this.block = new SwallowedBlock(this.#parts, swallow, request)
    else answerRefused(this.#parts, opcode, errorLine, silent)
    return request.next
  }

  #takeBlock(block: DataBlock, buffer: Buffer, at: number, end: number): number {
    const next = block.take(this.#parts, buffer, at, end)
    if (block.complete) this.block = null
    return next
  }

  /** Let the producer write until it is done, the client stops reading, or its turn is over. */
  pump(): void {
    const { reply } = this.#parts
    const session = this.#session
    let calls = reply.sendsDirect ? PRODUCE_CALLS_PER_TURN : COPYING_CALLS_PER_TURN
    while (session.producer !== null) {
      if (reply.blocked) {
        this.halt = HALT.blocked
        return
      }
      if (calls-- === 0) {
        this.#yield(0)
        return
      }
      if (!session.producer.produce(reply)) session.producer = null
    }
  }

  /**
   * The rest of the read has to be kept; when there is little room for that, the turn is longer. Behind the
   * last command nothing is done, and the client knows by the missing reply.
   */
  #turnOver(at: number, end: number): number {
    const { turn, stashPool } = this.#parts
    if (this.#isEnding) {
      this.halt = HALT.closing
      return end
    }
    if (!stashPool.crowded) return this.#yield(at)
    turn.left = 1
    return at
  }

  #yield(at: number): number {
    this.halt = HALT.yielded
    this.#parts.counters[COUNTER.connectionYields]!++
    this.#parts.turns.add(this.#session)
    return at
  }
}

/**
 * Whether it is known what the command asks for, so that it can be forbidden. A storage command that is
 * refused for another reason may have to remove the old item, which is a change like any other.
 */
function isUnderstood(status: number, request: Request): boolean {
  switch (status) {
    case PARSE_READY:
      return true
    case PARSE_MORE:
      return request.missing > 0
    case PARSE_ERROR:
      return request.refusal !== REFUSAL.none
    default:
      return false
  }
}
