import { LINE_BYTES_MAX } from '../protocol/limits.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import type { Connection } from './connection.ts'
import type { Corridor } from './corridor.ts'
import { HALT } from './halt.ts'
import { InputStash } from './input-stash.ts'
import type { Outlet } from './outlet.ts'
import type { WorkerParts } from './parts.ts'

/** As memcached says it; the connection is closed behind it. */
export const OUT_OF_MEMORY = 'SERVER_ERROR out of memory reading request\r\n'

/** A connection that waits for its turn and has more than this is not read from. */
const WAITING_BYTES_MAX = 64 * 1024

/** Lines longer than this are searched for their end before they are parsed again. */
const LONG_LINE_BYTES = 2048

/**
 * The receiving side of a connection. What comes in goes through the corridor; what that leaves, or
 * cannot take yet, lies in the stash until more comes or the connection goes on.
 */
export class Intake {
  readonly #parts: WorkerParts
  readonly #owner: Connection
  readonly #corridor: Corridor
  readonly #out: Outlet
  readonly #stash: InputStash
  /** When the command that the stash keeps the beginning of began, in ticks of Connections. */
  #begunTick = 0

  constructor(parts: WorkerParts, owner: Connection, corridor: Corridor, out: Outlet) {
    this.#parts = parts
    this.#owner = owner
    this.#corridor = corridor
    this.#out = out
    this.#stash = new InputStash(parts.stashPool)
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#stash.length
  }

  /** Memory that is kept for them. */
  get memoryBytes(): number {
    return this.#stash.buffer?.length ?? 0
  }

  /** Since which tick of Connections they have been the beginning of a command; -1: there are none. */
  get begunTick(): number {
    return this.#stash.length > 0 ? this.#begunTick : -1
  }

  /** @param stillRead somebody up the stack may read from it yet */
  release(stillRead = false): void {
    this.#stash.release(stillRead)
  }

  /** New bytes in a turn. */
  take(buffer: Buffer, start: number, end: number): void {
    if (this.#stash.length > 0) {
      this.#takeBehindStash(buffer, start, end)
      return
    }
    const at = this.#corridor.run(buffer, start, end)
    if (at < end) this.#keepNew(buffer, at, end)
  }

  /** The rest of a turn that began on the fast path, which came as far as `reached`. */
  takeOver(buffer: Buffer, reached: number, end: number): void {
    const at = this.#corridor.takeOver(buffer, reached, end)
    if (at < end) this.#keepNew(buffer, at, end)
  }

  /**
   * Bytes that come while the connection waits, which happens when it waits for its turn. A client
   * that sends faster than its turns come is not read from until its stash is empty. False when there
   * was no room, and the connection is to be closed.
   */
  takeForLater(buffer: Buffer, start: number, end: number): boolean {
    if (!this.#keep(buffer, start, end)) return false
    const isMuch = this.#stash.length > WAITING_BYTES_MAX || this.#parts.stashPool.crowded
    if (isMuch) this.#out.stopReading()
    return true
  }

  /** The connection waited for something else than its client, which is not to blame for the time. */
  restartTime(): void {
    this.#begunTick = this.#parts.connections.ticks
  }

  /** What waits, as far as it can be dealt with now. */
  goOn(): void {
    const { buffer, start, end } = this.#stash
    if (this.#corridor.halt !== HALT.none || buffer === null) return
    const at = this.#corridor.run(buffer, start, end)
    if (at > start) this.restartTime()
    // A connection that was closed on the way has given its stash back.
    if (this.#stash.buffer === buffer) this.#stash.consume(at)
  }

  /** New bytes behind an incomplete command: join them where that copies least. */
  #takeBehindStash(buffer: Buffer, start: number, end: number): void {
    const stash = this.#stash
    const kept = stash.length
    if (kept <= start) {
      const from = start - kept
      stash.buffer!.copy(buffer, from, stash.start, stash.end)
      stash.release()
      const at = this.#corridor.run(buffer, from, end)
      if (at === from) this.#keep(buffer, at, end)
      else if (at < end) this.#keepNew(buffer, at, end)
      return
    }
    if (!this.#keep(buffer, start, end)) return
    // A long line that still has no end is not looked at again from its beginning.
    const more = kept > LONG_LINE_BYTES && !this.#corridor.valueBegun
    if (more && kept + end - start < LINE_BYTES_MAX && !hasLineEnd(buffer, start, end)) return
    this.goOn()
  }

  /** The first bytes of another command. */
  #keepNew(buffer: Buffer, start: number, end: number): void {
    this.restartTime()
    this.#keep(buffer, start, end)
  }

  #keep(buffer: Buffer, start: number, end: number): boolean {
    if (this.#corridor.halt >= HALT.closing) return false
    while (!this.#stash.append(buffer, start, end)) {
      const { connections, reply } = this.#parts
      const worst = connections.worstInput(this.#owner, this.#stash.length + end - start)
      if (worst === null) return this.#giveUp()
      this.#out.flush()
      // Output memory may have run out as well, and this connection have been the one to go.
      if (this.#corridor.halt >= HALT.closing) return false
      worst.giveWay()
      if (this.#corridor.halt >= HALT.closing) return false
      this.#out.attach()
      reply.blocked = this.#out.isBlocked
    }
    return true
  }

  #giveUp(): false {
    this.#out.attach()
    this.#parts.reply.text(OUT_OF_MEMORY)
    this.#corridor.closeReason = CLOSE_REASON.memory
    this.#stash.release()
    this.#corridor.halt = HALT.closing
    return false
  }
}

function hasLineEnd(buffer: Buffer, start: number, end: number): boolean {
  const at = buffer.indexOf(10, start)
  return at >= 0 && at < end
}
