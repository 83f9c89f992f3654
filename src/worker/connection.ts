import { assert } from '../base/assert.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { Producer, Session } from '../commands/context.ts'
import { OUTCOME } from '../commands/context.ts'
import { HANDLERS, refuse } from '../commands/table.ts'
import { LINE_BYTES_MAX } from '../protocol/limits.ts'
import { LINE_IS_CLIENT_ERROR } from '../protocol/lines.ts'
import { PARSE_CLOSE, PARSE_MORE, PARSE_READY, REFUSAL } from '../protocol/request.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import { EVENT_NEW, emitConnectionEvent } from './connection-events.ts'
import type { DataBlock } from './data-block.ts'
import { SwallowedBlock, UPLOAD_BYTES_MIN, UploadBlock } from './data-block.ts'
import { HALT } from './halt.ts'
import { InputStash } from './input-stash.ts'
import { Outlet } from './outlet.ts'
import type { WorkerParts } from './parts.ts'
import { TextProducer } from './text-producer.ts'
import { WatchFeed } from './watch-feed.ts'
import type { PeerAddress, Wire, WireOwner } from './wire.ts'

/** A connection that waits for its turn and has more than this is not read from. */
const WAITING_BYTES_MAX = 64 * 1024

/** Calls of a producer in one turn: with 64 KiB each that is 1 MiB for one client, then the others. */
const PRODUCE_CALLS_PER_TURN = 16

/**
 * One client. Bytes come in by onRead, are parsed in place and executed, and the replies of a turn
 * leave in one write.
 *
 *            ┌──────────── drained, turn comes, answer comes ────────────┐
 *   read ─► run: parse ─► handler ─► reply buffer ─► flush ─► [blocked · yielded · deferred]
 *            │ incomplete: rest into the stash               [closing] ─► closed
 *
 * Bytes that cannot be dealt with now lie in the stash, and reading stops, so that a client which
 * sends but does not read costs no more than the stash.
 */
export class Connection implements WireOwner, Session {
  readonly number: number
  readonly listenerName: string
  authenticated: boolean
  producer: Producer | null = null
  lastActiveSeconds: number

  readonly #parts: WorkerParts
  readonly #stash: InputStash
  readonly #out: Outlet
  /** The value that is coming in and not parsed as commands, if any. */
  #block: DataBlock | null = null
  #halt: number = HALT.none
  #ended = false
  /** Opcode of the command to go on with (OUTCOME.suspended), -1 none. */
  #resumeOpcode = -1
  #resumeExptime = 0
  /** Of the command in the stash, part of the value is here. */
  #valueBegun = false
  #closeReason: number = CLOSE_REASON.normal
  /** Set when the server drains. */
  #closeWhenIdle = false
  /** What a watcher is sent; null for everybody else. */
  #feed: WatchFeed | null = null

  constructor(parts: WorkerParts, listenerName: string, makeWire: (owner: WireOwner) => Wire) {
    this.#parts = parts
    this.number = Atomics.add(parts.runtime, RUNTIME.connectionNumberLast, 1) + 1
    this.listenerName = listenerName
    this.authenticated = !parts.authRequired
    this.lastActiveSeconds = parts.store.now
    this.#stash = new InputStash(parts.stashPool)
    this.#out = new Outlet(parts, makeWire(this))
    parts.connections.add(this)
    emitConnectionEvent(parts, this, EVENT_NEW)
  }

  get repliesPending(): boolean {
    return this.#parts.reply.position > 0 || this.#out.isBlocked
  }

  /** Nothing received that waits to be done, nothing to be sent. */
  get isIdle(): boolean {
    return this.#halt === HALT.none && this.#block === null && this.#stash.length === 0
  }

  /** The idle timeout is not for watchers, nor for the middle of a value. */
  get mayIdleOut(): boolean {
    return this.isIdle && !this.peer.local
  }

  /** Since when output has been stuck, 0 when it is not: who is dropped when memory for it runs out. */
  get blockedSince(): number {
    return this.#out.blockedSince
  }

  get peer(): PeerAddress {
    return this.#out.peer
  }

  /** The word `stats conns` uses. */
  get stateName(): string {
    if (this.#halt === HALT.watching) return 'conn_watch'
    if (this.#halt === HALT.deferred) return 'conn_parse_cmd'
    if (this.#halt === HALT.blocked || this.producer !== null) return 'conn_mwrite'
    if (this.#halt === HALT.closing) return 'conn_closing'
    if (this.#block !== null) return this.#block.stateName
    if (this.#stash.length === 0) return 'conn_read'
    return this.#valueBegun ? 'conn_nread' : 'conn_waiting'
  }

  // ---------------------------------------------------------------- what the wire says

  onRead(buffer: Buffer, start: number, end: number): void {
    const parts = this.#parts
    parts.counters[COUNTER.bytesRead]! += end - start
    if (this.#halt !== HALT.none) {
      if (this.#halt < HALT.watching) this.#keepForLater(buffer, start, end)
      return
    }
    this.lastActiveSeconds = parts.store.now
    this.#begin()
    if (this.#stash.length === 0) {
      const at = this.#run(buffer, start, end)
      if (at < end) this.#keep(buffer, at, end)
    } else {
      this.#readBehindStash(buffer, start, end)
    }
    this.#finish()
  }

  onEnd(): void {
    this.#ended = true
    if (this.#halt === HALT.none || this.#halt === HALT.watching) this.#closeWhenWritten()
  }

  onWritten(): void {
    this.#out.blockedSince = 0
    if (this.#halt === HALT.closing) this.close()
    else if (this.#halt === HALT.watching) this.#feed?.taken()
    else if (this.#halt === HALT.blocked) this.#goOn()
  }

  onBroken(): void {
    if (this.#halt !== HALT.closing) this.#closeReason = CLOSE_REASON.normal
    this.close()
  }

  // ---------------------------------------------------------------- what the worker says

  /** Its turn comes again after a yield. */
  takeTurn(): void {
    if (this.#halt === HALT.yielded) this.#goOn()
  }

  /** The control thread's answer to a deferred command. */
  answer(text: Buffer): void {
    if (this.#halt !== HALT.deferred) return
    this.producer = new TextProducer(text)
    this.#goOn()
  }

  /** The control thread agreed to a `watch`: from now on only events are sent. */
  startWatching(text: Buffer): void {
    const feed = new WatchFeed(this.#parts, this.number)
    if (this.#halt !== HALT.deferred) {
      // It ended while the control thread was thinking.
      feed.end()
      return
    }
    this.#feed = feed
    this.#stash.release()
    this.#halt = HALT.watching
    this.#out.startReading()
    this.sendEvents(text)
  }

  sendEvents(text: Buffer): void {
    if (this.#halt !== HALT.watching) return
    this.#out.attach()
    this.#feed?.write(text)
    this.#out.flush()
    if (!this.#out.isBlocked) this.#feed?.taken()
  }

  /** Close between two commands: at once, or when the one that has begun is answered. */
  finishAndClose(reason: number): void {
    this.#closeReason = reason
    this.#closeWhenIdle = true
    if (this.isIdle || this.#halt === HALT.watching) this.#closeWhenWritten()
  }

  /** Close now. */
  close(reason = this.#closeReason): void {
    if (this.#halt === HALT.closed) return
    const parts = this.#parts
    this.#closeReason = reason
    emitConnectionEvent(parts, this, this.#closeReason)
    this.#feed?.end()
    this.#feed = null
    this.#halt = HALT.closed
    this.#stash.release()
    this.#block?.abandon()
    this.#block = null
    this.producer?.abandon()
    this.producer = null
    this.#out.close()
    parts.connections.remove(this)
  }

  // ---------------------------------------------------------------- what a command asks

  defer(name: string, argument: string): void {
    this.#parts.postRequest(this.number, name, argument)
  }

  // ---------------------------------------------------------------- the corridor

  /** Deal with buffer[start, end) as far as possible; returns where it stopped. */
  #run(buffer: Buffer, start: number, end: number): number {
    const { reply, requestsPerTurn } = this.#parts
    let at = start
    let left = requestsPerTurn
    while (at < end && this.#halt === HALT.none) {
      if (reply.blocked) {
        this.#halt = HALT.blocked
        return at
      }
      if (this.#resumeOpcode >= 0) {
        at = this.#resume(buffer, at, end)
        continue
      }
      if (this.#block !== null) {
        at = this.#takeBlock(this.#block, buffer, at, end)
        continue
      }
      if (left-- === 0) return this.#yield(at)
      const next = this.#command(buffer, at, end)
      if (next === at) return at
      at = next
    }
    return at
  }

  /** One command. Returns where the next one begins, or `at` when this one is not complete. */
  #command(buffer: Buffer, at: number, end: number): number {
    const { parser, request, context } = this.#parts
    const status = this.authenticated
      ? parser.parse(buffer, at, end)
      : parser.parseAuth(buffer, at, end)
    if (status === PARSE_READY) {
      const outcome = HANDLERS[request.opcode]!(context)
      return outcome === OUTCOME.done ? request.next : this.#conclude(outcome)
    }
    return status === PARSE_MORE ? this.#needMore(buffer, at, end) : this.#refuse(status, end)
  }

  /** Go on with a command that stopped between two of its keys. */
  #resume(buffer: Buffer, start: number, end: number): number {
    const { parser, request, context } = this.#parts
    parser.resumeKeys(buffer, start, end, this.#resumeOpcode, this.#resumeExptime)
    this.#resumeOpcode = -1
    return this.#conclude(HANDLERS[request.opcode]!(context))
  }

  /** A handler that is not simply done. Returns where to go on. */
  #conclude(outcome: number): number {
    const { request, reply } = this.#parts
    const { next, resumeOffset, opcode, exptime } = request
    switch (outcome) {
      case OUTCOME.done:
        return next
      case OUTCOME.suspended:
        this.#resumeOpcode = opcode
        this.#resumeExptime = exptime
        if (reply.blocked) this.#halt = HALT.blocked
        else this.#yield(resumeOffset)
        return resumeOffset
      case OUTCOME.produce:
        if (resumeOffset > 0) {
          this.#resumeOpcode = opcode
          this.#resumeExptime = exptime
        }
        this.#pump()
        return resumeOffset > 0 ? resumeOffset : next
      case OUTCOME.deferred:
        this.#halt = HALT.deferred
        return next
      default:
        assert(outcome === OUTCOME.close, 'a handler returns a known outcome')
        this.#halt = HALT.closing
        return next
    }
  }

  /** The rest of the command has not arrived. A large value begins its upload; else keep the bytes. */
  #needMore(buffer: Buffer, at: number, end: number): number {
    const { request } = this.#parts
    this.#valueBegun = request.missing > 0
    const small = request.missing === 0 || request.valueLength < UPLOAD_BYTES_MIN
    if (small || request.wholeValueNeeded) return at
    const line = buffer.subarray(request.lineStart, request.valueStart)
    this.#block = new UploadBlock(this.#parts, line, request.valueLength)
    return Math.min(end, request.valueStart)
  }

  /** A line that was refused: answer, close, or first throw its data away. */
  #refuse(status: number, end: number): number {
    const { request, reply, context, counters } = this.#parts
    if (status === PARSE_CLOSE) {
      this.#closeReason = CLOSE_REASON.error
      this.#halt = HALT.closing
      return end
    }
    if (request.refusal !== REFUSAL.none) refuse(context)
    const { swallow, errorLine, silent } = request
    if (LINE_IS_CLIENT_ERROR[errorLine]) counters[COUNTER.clientErrors]!++
    if (swallow > 0) this.#block = new SwallowedBlock(swallow, errorLine, silent)
    else if (!silent) reply.line(errorLine)
    return request.next
  }

  #takeBlock(block: DataBlock, buffer: Buffer, at: number, end: number): number {
    const next = block.take(this.#parts, buffer, at, end)
    if (block.complete) this.#block = null
    return next
  }

  /** Let the producer write until it is done, the client stops reading, or its turn is over. */
  #pump(): void {
    const { reply } = this.#parts
    let calls = PRODUCE_CALLS_PER_TURN
    while (this.producer !== null) {
      if (reply.blocked) {
        this.#halt = HALT.blocked
        return
      }
      if (calls-- === 0) {
        this.#yield(0)
        return
      }
      if (!this.producer.produce(reply)) this.producer = null
    }
  }

  // ---------------------------------------------------------------- turns

  #begin(): void {
    const { context, runtime } = this.#parts
    this.#out.attach()
    context.session = this
    context.watchMask = runtime[RUNTIME.watchMask]!
    context.prefixStatsOn = runtime[RUNTIME.prefixStats] === 1
  }

  /** The end of a turn: send what was written, and see what the connection waits for now. */
  #finish(): void {
    this.#out.flush()
    if (this.#halt === HALT.closed) return
    if (this.#halt === HALT.closing) {
      if (!this.#out.isBlocked) this.close()
      return
    }
    if (this.#halt === HALT.none && this.#parts.reply.blocked) this.#halt = HALT.blocked
    if (this.#halt === HALT.none && (this.#ended || (this.#closeWhenIdle && this.isIdle))) {
      this.#closeWhenWritten()
    } else if (this.#halt === HALT.none) this.#out.startReading()
    else if (this.#halt !== HALT.yielded) this.#out.stopReading()
  }

  /** Go on with what was left: the producer first, then the stash. */
  #goOn(): void {
    this.#halt = HALT.none
    this.lastActiveSeconds = this.#parts.store.now
    this.#begin()
    this.#pump()
    this.#runStash()
    this.#finish()
  }

  #yield(at: number): number {
    this.#halt = HALT.yielded
    this.#parts.counters[COUNTER.connectionYields]!++
    this.#parts.turns.add(this)
    return at
  }

  /** New bytes behind an incomplete command: join them where that copies least. */
  #readBehindStash(buffer: Buffer, start: number, end: number): void {
    const stash = this.#stash
    const kept = stash.length
    if (kept <= start) {
      const from = start - kept
      stash.buffer!.copy(buffer, from, stash.start, stash.end)
      stash.release()
      const at = this.#run(buffer, from, end)
      if (at < end) this.#keep(buffer, at, end)
      return
    }
    if (!this.#keep(buffer, start, end)) return
    // A long line that still has no end is not looked at again from its beginning.
    const more = kept > LONG_LINE_BYTES && !this.#valueBegun
    if (more && kept + end - start < LINE_BYTES_MAX && !hasLineEnd(buffer, start, end)) return
    this.#runStash()
  }

  #runStash(): void {
    const { buffer, start, end } = this.#stash
    if (this.#halt !== HALT.none || buffer === null) return
    const at = this.#run(buffer, start, end)
    // A connection that was closed on the way has given its stash back.
    if (this.#stash.buffer === buffer) this.#stash.consume(at)
  }

  /**
   * Bytes that come while the connection waits, which happens when it waits for its turn. A client
   * that sends faster than its turns come is not read from until its stash is empty.
   */
  #keepForLater(buffer: Buffer, start: number, end: number): void {
    if (!this.#keep(buffer, start, end)) this.#finish()
    else if (this.#stash.length > WAITING_BYTES_MAX) this.#out.stopReading()
  }

  #keep(buffer: Buffer, start: number, end: number): boolean {
    if (this.#halt >= HALT.closing) return false
    if (this.#stash.append(buffer, start, end)) return true
    const { reply } = this.#parts
    this.#out.attach()
    reply.text(OUT_OF_MEMORY)
    this.#closeReason = CLOSE_REASON.error
    this.#stash.release()
    this.#halt = HALT.closing
    return false
  }

  #closeWhenWritten(): void {
    this.#halt = HALT.closing
    this.#out.stopReading()
    if (!this.#out.isBlocked) this.close()
  }
}

/** As memcached says it; the connection is closed behind it. */
const OUT_OF_MEMORY = 'SERVER_ERROR out of memory reading request\r\n'

/** Lines longer than this are searched for their end before they are parsed again. */
const LONG_LINE_BYTES = 2048

function hasLineEnd(buffer: Buffer, start: number, end: number): boolean {
  const at = buffer.indexOf(10, start)
  return at >= 0 && at < end
}
