import { RUNTIME } from '../base/runtime.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import type { Connection } from './connection.ts'

/** The gauges of states lie side by side. */
const STATES_AT = COUNTER.connectionsIdle
const STATES_END = COUNTER.connectionsWatching + 1

/** Longest time that a connection which is to be closed may take to read its last replies. */
const CLOSING_SECONDS_MAX = 10

/**
 * The connections of one worker. The limit (-c) is for the whole server: the number of open ones is
 * a shared word that workers change atomically.
 */
export class Connections {
  readonly #all = new Map<number, Connection>()
  readonly #closing = new Map<Connection, number>()
  readonly #runtime: Int32Array
  readonly #counters: Float64Array
  readonly #stateCounts = new Float64Array(STATES_END - STATES_AT)
  /** Called after each removal: a place may be free for someone who waits, or the drain may be over. */
  onRemoved: () => void = () => {}

  constructor(runtime: Int32Array, counters: Float64Array) {
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

  /** Once a second: who was silent too long, and who does not take its last replies. */
  tick(now: number, idleSeconds: number): void {
    for (const [connection, deadline] of this.#closing) {
      if (now > deadline) connection.close()
    }
    if (idleSeconds === 0) return
    for (const connection of this.#all.values()) {
      if (now - connection.lastActiveSeconds <= idleSeconds || !connection.mayIdleOut) continue
      this.#counters[COUNTER.idleKicks]!++
      connection.close(CLOSE_REASON.idleTimeout)
    }
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
   * Of the connections that keep output buffers, the one whose output has been stuck longest. Others
   * may be stuck as well, with pages of the store, but closing them gives no buffer back.
   */
  longestBlocked(): Connection | null {
    let found: Connection | null = null
    for (const connection of this.#all.values()) {
      if (connection.blockedSince === 0 || connection.buffersPending === 0) continue
      if (found === null || connection.blockedSince < found.blockedSince) found = connection
    }
    return found
  }
}
