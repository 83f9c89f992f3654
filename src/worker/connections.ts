import type { Config } from '../base/config.ts'
import { RUNTIME } from '../base/runtime.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import type { Connection } from './connection.ts'
import { BURST_FACTOR } from './output.ts'

/** The gauges of states lie side by side. */
const STATES_AT = COUNTER.connectionsIdle
const STATES_END = COUNTER.connectionsWatching + 1

/** Longest time that a connection which is to be closed may take to read its last replies. */
const CLOSING_SECONDS_MAX = 10

/** Time that a client may take to notice the end, once the kernel has its last replies. */
const LINGER_SECONDS_MAX = 1

/**
 * A command that is not complete has one second more for each so many bytes that have come, so that
 * a large value on a slow line is not cut off, while a byte now and then does not count.
 */
const REQUEST_BYTES_PER_SECOND = 16 * 1024

/**
 * Connections of one process, over all workers, whose clients do not take their replies. Each keeps some
 * 10 KiB of ours beside an output buffer or pages of the store, and up to megabytes in the kernel.
 */
export const STUCK_CONNECTIONS_MAX = 256

/** Who has asked for something since has most likely taken what he was sent. */
const SILENT_SECONDS = 2

/** How long a connection may stay as it is, in seconds; 0 for ever. */
export interface ConnectionTimeouts {
  readonly idle: number
  /** In the middle of a command. */
  readonly request: number
  /** With replies that it does not take. */
  readonly write: number
}

export function timeoutsOf({ connections }: Config): ConnectionTimeouts {
  return {
    idle: Math.ceil(connections.idleTimeout / 1000),
    request: Math.ceil(connections.requestTimeout / 1000),
    write: Math.ceil(connections.writeTimeout / 1000),
  }
}

/**
 * The connections of one worker. The limit (-c) is for the whole server: the number of open ones is
 * a shared word that workers change atomically.
 */
export class Connections {
  readonly #all = new Map<number, Connection>()
  readonly #closing = new Map<Connection, number>()
  /** Those whose clients do not take their replies, the one that has been stuck longest first. */
  readonly #stuck = new Set<Connection>()
  readonly #stuckMax: number
  readonly #runtime: Int32Array
  readonly #counters: Float64Array
  readonly #stateCounts = new Float64Array(STATES_END - STATES_AT)
  /**
   * Seconds that this worker has been at work. A process that was stopped, or a clock that was set,
   * does not move it, so that no client is blamed for time in which nothing was read from it.
   */
  ticks = 0
  /** Called after each removal: a place may be free for someone who waits, or the drain may be over. */
  onRemoved: () => void = () => {}
  /** Whether there are more output buffers than there should be. */
  isOutputOverdrawn: () => boolean = () => false
  #relievesSoon = false

  /** @param stuckMax how many of them may be stuck at the same time */
  constructor(runtime: Int32Array, counters: Float64Array, stuckMax: number) {
    this.#stuckMax = stuckMax
    this.#runtime = runtime
    this.#counters = counters
  }

  get size(): number {
    return this.#all.size
  }

  /** Take a place under the limit; false when there is none. Each place taken is freed by remove. */
  claimPlace(): boolean {
    const open = Atomics.add(this.#runtime, RUNTIME.connectionsOpen, 1) + 1
    if (open <= this.#runtime[RUNTIME.connectionsMax]!) return true
    Atomics.sub(this.#runtime, RUNTIME.connectionsOpen, 1)
    return false
  }

  add(connection: Connection): void {
    this.#all.set(connection.number, connection)
    this.#counters[COUNTER.connectionsTotal]!++
    this.#counters[COUNTER.connections] = this.#all.size
  }

  remove(connection: Connection): void {
    this.#all.delete(connection.number)
    this.#closing.delete(connection)
    this.#stuck.delete(connection)
    this.#counters[COUNTER.connections] = this.#all.size
    Atomics.sub(this.#runtime, RUNTIME.connectionsOpen, 1)
    this.onRemoved()
  }

  get(number: number): Connection | undefined {
    return this.#all.get(number)
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values()
  }

  /** It is asked to end at its own pace, but not for ever. */
  finish(connection: Connection, reason: number, now: number): void {
    this.#closing.set(connection, now + CLOSING_SECONDS_MAX)
    connection.finishAndClose(reason)
  }

  /** It has got its last reply and is waited for, so that it may see that in peace. */
  linger(connection: Connection, now: number): void {
    const patience = connection.repliesPending ? CLOSING_SECONDS_MAX : LINGER_SECONDS_MAX
    this.#closing.set(connection, now + patience)
  }

  /** Once a second: who was silent too long, or slow, and who does not take its last replies. */
  tick(now: number, timeouts: ConnectionTimeouts): void {
    this.ticks++
    for (const [connection, deadline] of this.#closing) {
      if (now > deadline) connection.close()
    }
    const { idle, request, write } = timeouts
    if (idle === 0 && request === 0 && write === 0) return
    for (const connection of this.#all.values()) {
      if (request > 0 && this.#isLate(connection, request)) {
        connection.close(CLOSE_REASON.requestTimeout)
      } else if (write > 0 && this.#isDeaf(connection, write)) {
        connection.close(CLOSE_REASON.writeTimeout)
      } else if (idle > 0 && now - connection.lastActiveSeconds > idle && connection.mayIdleOut) {
        this.#counters[COUNTER.idleKicks]!++
        connection.close(CLOSE_REASON.idleTimeout)
      }
    }
  }

  #isLate(connection: Connection, seconds: number): boolean {
    const { requestBegunTick } = connection
    if (requestBegunTick < 0) return false
    const allowed = seconds + connection.requestBytes / REQUEST_BYTES_PER_SECOND
    return this.ticks - requestBegunTick > allowed
  }

  /** Watchers are not meant: what they leave unread is limited, and the rest is skipped. */
  #isDeaf(connection: Connection, seconds: number): boolean {
    if (connection.blockedTick < 0 || connection.isWatching) return false
    connection.noteProgress(this.ticks)
    return this.ticks - connection.blockedTick > seconds
  }

  /** Once a second: how many wait for what. */
  publishStates(): void {
    const counts = this.#stateCounts
    counts.fill(0)
    for (const connection of this.#all.values()) {
      counts[connection.stateCounter - STATES_AT] = counts[connection.stateCounter - STATES_AT]! + 1
    }
    // Others read them meanwhile: each number changes once, from what it was to what it is.
    this.#counters.set(counts, STATES_AT)
  }

  /**
   * Of the connections that keep input, the one that has been stuck longest: in the middle of a
   * command, or because it does not read. Of several from the same second, the one that keeps most.
   * Commands of honest clients are complete soon, so they are not among the oldest. Null when there is
   * nobody worse than the one that asks.
   */
  worstInput(asking: Connection, bytesWanted: number): Connection | null {
    let found: Connection | null = null
    let foundTick = asking.stuckTick
    let foundBytes = bytesWanted
    for (const connection of this.#all.values()) {
      const { stuckTick, stashBytes } = connection
      if (stashBytes === 0 || stuckTick < 0 || connection === asking) continue
      if (stuckTick > foundTick || (stuckTick === foundTick && stashBytes <= foundBytes)) continue
      found = connection
      foundTick = stuckTick
      foundBytes = stashBytes
    }
    return found
  }

  /**
   * Output of this one has got stuck. When too many are, the one that has been so for longest goes,
   * because what a client leaves with the kernel, and the pages of values it is sent, count as well.
   *
   * @param acting whose turn it is: not to be closed from its own handler
   */
  addStuck(connection: Connection, acting: Connection | null): void {
    this.#stuck.add(connection)
    if (this.#stuck.size <= this.#stuckMax) return
    this.relieveSoon()
    if (this.#stuck.size <= this.#stuckMax * BURST_FACTOR) return
    for (const longest of this.#stuck) {
      if (longest === connection || longest === acting) continue
      this.#closeForMemory(longest)
      return
    }
  }

  /** Over a limit: when the loop has turned, those go that are still stuck, as many as have to. */
  relieveSoon(): void {
    if (this.#relievesSoon) return
    this.#relievesSoon = true
    setImmediate(() => this.#relieve())
  }

  #relieve(): void {
    this.#relievesSoon = false
    for (const longest of this.#stuck) {
      const areMany = this.#stuck.size > this.#stuckMax
      if (!areMany && !this.isOutputOverdrawn()) return
      if (areMany || longest.buffersPending > 0) this.#closeForMemory(longest)
    }
  }

  #closeForMemory(connection: Connection): void {
    this.#counters[COUNTER.replyBufferRefused]!++
    connection.close(CLOSE_REASON.memory)
  }

  /**
   * The kernel keeps too much that clients do not take. Of those whose output is stuck a share goes, the
   * longest stuck first; so does a share of those that were sent much and have been silent since, for
   * the kernel takes megabytes before we notice anything.
   */
  closeUnread(percent: number, now: number): void {
    let left = Math.ceil((this.#stuck.size * percent) / 100)
    for (const longest of this.#stuck) {
      if (left-- <= 0) break
      longest.close(CLOSE_REASON.memory, true)
    }
    const silent: Connection[] = []
    for (const connection of this.#all.values()) {
      const { largeTick, lastActiveSeconds } = connection
      const quiet = now - lastActiveSeconds >= SILENT_SECONDS
      if (largeTick > 0 && quiet && !connection.isWatching) silent.push(connection)
    }
    // What was sent last is least likely to have been taken.
    silent.sort((left, right) => right.largeTick - left.largeTick)
    silent.length = Math.ceil((silent.length * percent) / 100)
    for (const connection of silent) connection.close(CLOSE_REASON.memory, true)
  }

  removeStuck(connection: Connection): void {
    this.#stuck.delete(connection)
  }

  /**
   * Of the connections that keep output buffers, the one whose output has been stuck longest goes. Others
   * may be stuck as well, with pages of the store, but closing them gives no buffer back.
   */
  closeLongestBlocked(asking: Connection, acting: Connection | null): void {
    for (const longest of this.#stuck) {
      if (longest === asking || longest === acting || longest.buffersPending === 0) continue
      this.#closeForMemory(longest)
      return
    }
  }
}
