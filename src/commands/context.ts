import type { Access } from '../auth/access.ts'
import type { ReplyWriter } from '../protocol/reply.ts'
import type { Request } from '../protocol/request.ts'
import type { Scout } from '../protocol/scout.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from '../telemetry/events.ts'
import type { PrefixStats } from '../telemetry/prefix-stats.ts'

/** What a handler tells the connection that called it. */
export const OUTCOME = {
  /** The whole reply is written. */
  done: 0,
  /**
   * A command with many keys stops in the middle, because the client does not read or because it
   * had its turn: request.resumeOffset is the key to go on with. The connection keeps the bytes
   * from there on and calls the same handler again later.
   */
  suspended: 1,
  /**
   * session.producer holds the rest of the reply. When it is finished the connection goes on at
   * request.resumeOffset as for `suspended`, or with the next command if that is 0.
   */
  produce: 2,
  /** Write what is pending, then close. */
  close: 3,
  /** The reply comes from another thread (session.defer was called); nothing is parsed until then. */
  deferred: 4,
} as const

/** A long reply made piece by piece, as fast as the client reads it. */
export interface Producer {
  /** Write some more into the reply (at most what reply.reserve grants). True while there is more. */
  produce(reply: ReplyWriter): boolean
  /** The client left early: give back what is held. */
  abandon(): void
}

/** What a command may ask of the connection it runs for. */
export interface Session {
  /** Unique over the server; `stats conns` and watch events call it cfd. */
  readonly number: number
  /** What it may do; null: everything. */
  readonly access: Access | null
  producer: Producer | null
  /** True when replies to earlier commands of this connection have not all been sent. */
  readonly repliesPending: boolean
  /** Ask the control thread; its answer is written as the reply. Return OUTCOME.deferred. */
  defer(name: string, argument: string): void
  /** Logged in by the file of -Y. */
  welcome(user: Uint8Array): void
  /** Ask the control thread about a login. Return OUTCOME.deferred. */
  deferLogin(name: Uint8Array, password: Uint8Array, accepted: boolean): void
}

/** Settings that commands look at; frozen at start, plain booleans and numbers. */
export interface CommandSettings {
  readonly casEnabled: boolean
  readonly evict: boolean
  readonly flushEnabled: boolean
  readonly dumpEnabled: boolean
  readonly watchEnabled: boolean
  readonly shutdownEnabled: boolean
  readonly debugEnabled: boolean
  readonly itemBytesMax: number
  /** Larger items are in chunks in memcached, which shows in the order of its errors. */
  readonly chunkBytesMax: number
  readonly unixSecondsAtZero: number
}

/** Everything a handler works with: one object per worker, its fields changed for each command. */
export interface CommandContext {
  readonly store: Store
  readonly request: Request
  readonly scout: Scout
  readonly reply: ReplyWriter
  /** This worker's counter block (telemetry/counters.ts). */
  readonly counters: Float64Array
  readonly settings: CommandSettings
  readonly runtime: Int32Array
  readonly events: EventLog
  readonly prefixes: PrefixStats
  session: Session
  /** Copy of the runtime's watch mask, refreshed at each turn: 0 = make no events. */
  watchMask: number
  /** Copy of the runtime's prefixStats word. */
  prefixStatsOn: boolean
}

export type Handler = (context: CommandContext) => number
