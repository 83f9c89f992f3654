import type { Access } from '../auth/access.ts'
import { PERMISSION } from '../auth/permissions.ts'
import { assert } from '../base/assert.ts'
import type { LoginAnswer } from '../base/messages.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { Producer, Session } from '../commands/context.ts'
import { LINE, LINE_BYTES } from '../protocol/lines.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import { EVENT_NEW, emitConnectionEvent } from './connection-events.ts'
import type { ConnectionState } from './connection-state.ts'
import { stateCounterOf, stateNameOf } from './connection-state.ts'
import { Corridor } from './corridor.ts'
import type { Gatekeeper, Visitor } from './gatekeeper.ts'
import { HALT } from './halt.ts'
import { Intake, OUT_OF_MEMORY } from './intake.ts'
import { Outlet } from './outlet.ts'
import type { WorkerParts } from './parts.ts'
import { TextProducer } from './text-producer.ts'
import { beginTurn } from './turn.ts'
import type { TurnTaker } from './turns.ts'
import { WatchFeed } from './watch-feed.ts'
import type { PeerAddress, PeerCertificate, Wire, WireOwner } from './wire.ts'

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
export class Connection implements WireOwner, Session, TurnTaker, Visitor {
  readonly number: number
  readonly listenerName: string
  access: Access | null = null
  user = ''
  unlimited = false
  producer: Producer | null = null

  readonly #parts: WorkerParts
  readonly #intake: Intake
  readonly #out: Outlet
  readonly #corridor: Corridor
  #activeSeconds: number
  #ended = false
  /** Ended on our side; the client has not noticed yet. */
  #lingers = false
  /** What a watcher is sent; null for everybody else. */
  #feed: WatchFeed | null = null

  constructor(parts: WorkerParts, listenerName: string, makeWire: (owner: WireOwner) => Wire) {
    this.#parts = parts
    this.number = Atomics.add(parts.runtime, RUNTIME.connectionNumberLast, 1) + 1
    this.listenerName = listenerName
    this.#activeSeconds = parts.store.now
    this.#corridor = new Corridor(parts, this)
    this.#out = new Outlet(parts, this, makeWire(this))
    this.#intake = new Intake(parts, this, this.#corridor, this.#out)
    parts.gatekeeper?.enter(this)
    parts.connections.add(this)
    emitConnectionEvent(parts, this, EVENT_NEW)
    this.#chooseWay()
  }

  /** When its last turn was. */
  get lastActiveSeconds(): number {
    return Math.max(this.#activeSeconds, this.#out.fastPathSeconds)
  }

  get repliesPending(): boolean {
    return this.#parts.reply.position > 0 || this.#out.isBlocked
  }

  /** Nothing received that waits to be done, nothing to be sent. */
  get isIdle(): boolean {
    return this.#corridor.isIdle && this.#intake.length === 0
  }

  /** The idle timeout is not for watchers, nor for the middle of a value. */
  get mayIdleOut(): boolean {
    return this.isIdle && !this.peer.local
  }

  /** Since which tick of Connections output has been stuck; -1 when it is not. */
  get blockedTick(): number {
    return this.#out.blockedSince === 0 ? -1 : this.#out.blockedTick
  }

  noteProgress(tick: number): void {
    this.#out.noteProgress(tick)
  }

  get isWatching(): boolean {
    return this.#corridor.halt === HALT.watching
  }

  /** Since which tick of Connections it has been in the middle of a command; -1 when it is not. */
  get requestBegunTick(): number {
    const { halt, block } = this.#corridor
    if (halt !== HALT.none) return -1
    if (block !== null) return block.begunTick
    return this.#intake.begunTick
  }

  /** What has come of that command. */
  get requestBytes(): number {
    return this.#corridor.block?.received ?? this.#intake.length
  }

  /** Since which tick it has not got on through its own fault, -1: it waits for us, or for nothing. */
  get stuckTick(): number {
    const { blockedTick } = this
    return blockedTick >= 0 ? blockedTick : this.requestBegunTick
  }

  /** Memory that it keeps for what came in. */
  get stashBytes(): number {
    return this.#intake.memoryBytes
  }

  /** The last tick in which it was sent much; 0 never. */
  get largeTick(): number {
    return this.#out.largeTick
  }

  /** Output buffers that it keeps from the others. */
  get buffersPending(): number {
    return this.#out.buffersPending
  }

  get peerCertificate(): PeerCertificate | null {
    return this.#out.peerCertificate
  }

  get peer(): PeerAddress {
    return this.#out.peer
  }

  /** The word `stats conns` uses. */
  get stateName(): string {
    return stateNameOf(this.#state)
  }

  /** The gauge of COUNTER that it belongs to, for metrics. */
  get stateCounter(): number {
    return stateCounterOf(this.#state)
  }

  get #state(): ConnectionState {
    return { corridor: this.#corridor, producer: this.producer, bytesWaiting: this.#intake.length }
  }

  // ---------------------------------------------------------------- what the wire says

  onRead(buffer: Buffer, start: number, end: number): void {
    const parts = this.#parts
    parts.counters[COUNTER.bytesRead]! += end - start
    if (this.#corridor.halt !== HALT.none) {
      if (this.#corridor.halt < HALT.watching) this.#takeForLater(buffer, start, end)
      return
    }
    this.#begin()
    this.#intake.take(buffer, start, end)
    this.#finish()
  }

  onEnd(): void {
    this.#ended = true
    if (this.#lingers) this.close()
    else if (this.#corridor.halt === HALT.none || this.#corridor.halt === HALT.watching)
      this.#closeWhenWritten()
  }

  onWritten(): void {
    this.#out.unblock()
    if (this.#corridor.halt === HALT.closing && !this.#lingers) this.close()
    else if (this.#corridor.halt === HALT.watching) this.#feed?.taken()
    else if (this.#corridor.halt === HALT.blocked) this.#goOn()
  }

  onBlocked(): void {
    this.#out.markBlocked()
  }

  onBroken(): void {
    if (this.#corridor.halt !== HALT.closing) this.#corridor.closeReason = CLOSE_REASON.normal
    this.close()
  }

  // ---------------------------------------------------------------- what the worker says

  /** Its turn comes again after a yield. */
  takeTurn(): void {
    if (this.#corridor.halt === HALT.yielded) this.#goOn()
  }

  /** The control thread's answer to a deferred command. */
  answer(text: Buffer): void {
    if (this.#corridor.halt !== HALT.deferred) return
    this.producer = new TextProducer(text)
    this.#goOn()
  }

  /** The control thread's answer to a login. */
  concludeLogin({ user, unlimited }: LoginAnswer): void {
    if (this.#corridor.halt !== HALT.deferred) return
    const { gatekeeper, counters, reply } = this.#parts
    let admitted = user !== null && unlimited
    if (admitted) gatekeeper?.admitUnlimited(this, user ?? '')
    else if (user !== null) admitted = gatekeeper?.admit(this, user) === true
    if (!admitted) {
      counters[COUNTER.authErrors]!++
      reply.countError(LINE.authFailure)
    }
    this.answer(LINE_BYTES[admitted ? LINE.stored : LINE.authFailure]!)
  }

  /** The users were read again. */
  reviewAccess(gatekeeper: Gatekeeper): void {
    const hasLost = gatekeeper.review(this)
    this.#chooseWay()
    const { halt, block } = this.#corridor
    const mayWatch = this.access === null || this.access.allows(PERMISSION.watch)
    // Before a login no value is understood: what comes of one that has begun would be taken for lines.
    const isCut = hasLost && (this.#intake.length > 0 || block !== null)
    if (isCut || (halt === HALT.watching && !mayWatch)) this.close(CLOSE_REASON.error)
  }

  /** The control thread agreed to a `watch`: from now on only events are sent. */
  startWatching(text: Buffer): void {
    const feed = new WatchFeed(this.#parts, this.number)
    if (this.#corridor.halt !== HALT.deferred) {
      // It ended while the control thread was thinking.
      feed.end()
      return
    }
    this.#feed = feed
    this.#intake.release()
    this.#corridor.halt = HALT.watching
    this.#out.startReading()
    this.sendEvents(text)
  }

  sendEvents(text: Buffer): void {
    if (this.#corridor.halt !== HALT.watching) return
    this.#out.attach()
    this.#feed?.write(text)
    this.#out.flush()
    if (!this.#out.isBlocked) this.#feed?.taken()
  }

  /** Close between two commands: at once, or when the one that has begun is answered. */
  finishAndClose(reason: number): void {
    this.#corridor.closeReason = reason
    this.#corridor.end()
    if (this.isIdle || this.#corridor.halt === HALT.watching) this.#closeWhenWritten()
  }

  /** Close now. */
  close(reason = this.#corridor.closeReason, abort = false): void {
    if (this.#corridor.halt === HALT.closed) return
    const parts = this.#parts
    this.#corridor.closeReason = reason
    parts.counters[COUNTER.connectionsClosed + reason]!++
    emitConnectionEvent(parts, this, this.#corridor.closeReason)
    this.#feed?.end()
    this.#feed = null
    // A handler in its middle still reads from the stash, and is the last: `blocked` stops runCommands.
    this.#intake.release(parts.context.session === this)
    if (parts.acting === this) parts.reply.blocked = true
    this.#corridor.abandon()
    this.#out.close(abort)
    parts.connections.remove(this)
  }

  // ---------------------------------------------------------------- what a command asks

  defer(name: string, argument: string): void {
    this.#parts.postRequest(this.number, name, argument)
  }

  welcome(user: Uint8Array): void {
    const name = Buffer.from(user).toString('latin1')
    this.#parts.gatekeeper?.admitUnlimited(this, name)
    this.#parts.gatekeeper?.announce(this, 'password')
  }

  deferLogin(name: Uint8Array, password: Uint8Array, accepted: boolean): void {
    this.#parts.postLogin(this, { name, password, accepted })
  }

  // ---------------------------------------------------------------- turns

  /** A turn that began on the fast path and cannot end there; commands were run as far as `reached`. */
  takeOver(buffer: Buffer, reached: number, end: number): void {
    this.#activeSeconds = this.#parts.store.now
    this.#intake.takeOver(buffer, reached, end)
    this.#finish()
  }

  #begin(): void {
    beginTurn(this.#parts, this, this.#out)
    this.#activeSeconds = this.#parts.store.now
  }

  #takeForLater(buffer: Buffer, start: number, end: number): void {
    assert(this.#parts.acting === null, 'it is nobody’s turn while something is read')
    this.#parts.acting = this
    if (this.#intake.takeForLater(buffer, start, end)) this.#parts.acting = null
    else this.#finish()
  }

  /** The end of a turn: send what was written, and see what the connection waits for now. */
  #finish(): void {
    this.#out.flush()
    this.#parts.observer?.end()
    this.#settle()
    this.#chooseWay()
    this.#parts.acting = null
  }

  /** Whether its next reads may go by the fast path: after each turn, and after what changes it between. */
  #chooseWay(): void {
    if (this.isIdle && this.access === null) this.#out.enterFastPath()
    else this.#out.leaveFastPath()
  }

  #settle(): void {
    const corridor = this.#corridor
    if (corridor.halt === HALT.none && this.#parts.reply.blocked) corridor.halt = HALT.blocked
    if (corridor.halt === HALT.closing) {
      if (corridor.isEnding || !this.#out.isBlocked) this.#closeWhenWritten()
    } else if (corridor.halt === HALT.none) {
      if (this.#ended || (corridor.isEnding && this.isIdle)) this.#closeWhenWritten()
      else this.#out.startReading()
    } else if (corridor.halt !== HALT.yielded && corridor.halt !== HALT.closed) {
      this.#out.stopReading()
    }
  }

  /**
   * Go on with what was left: the producer first, then the stash. A turn or an answer may come while
   * output is stuck, and each would keep one more buffer for a client that does not read.
   */
  #goOn(): void {
    if (this.#out.isBlocked) {
      this.#corridor.halt = HALT.blocked
      this.#out.stopReading()
      return
    }
    this.#corridor.halt = HALT.none
    this.#intake.restartTime()
    this.#corridor.block?.restartTime(this.#parts.connections.ticks)
    this.#begin()
    this.#corridor.pump()
    this.#intake.goOn()
    this.#finish()
  }

  /** Others need the memory that its unfinished input takes. Between two turns of this connection. */
  giveWay(): void {
    if (this.#corridor.halt === HALT.none) {
      this.#out.attach()
      this.#parts.reply.text(OUT_OF_MEMORY)
      this.#out.flush()
    }
    this.close(CLOSE_REASON.memory)
  }

  #closeWhenWritten(): void {
    this.#corridor.halt = HALT.closing
    this.#chooseWay()
    if (this.#corridor.isEnding && !this.#ended) {
      this.#linger()
      return
    }
    this.#out.stopReading()
    if (!this.#out.isBlocked) this.close()
  }

  /**
   * The end of a connection whose client does not expect it and may be sending just now. A socket
   * that is closed with bytes unread is reset, and the reset destroys replies that are still on their
   * way. So we say only that no more will come, and throw away what the client sends until it has seen
   * that and ends too, or Connections loses patience. What got no reply was not done.
   */
  #linger(): void {
    if (this.#lingers) return
    this.#lingers = true
    this.#intake.release()
    this.#parts.connections.linger(this, this.#parts.store.now)
    this.#out.end()
  }
}
