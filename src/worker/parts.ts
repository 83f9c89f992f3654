import type { Config } from '../base/config.ts'
import type { AdminCommandContext } from '../commands/admin-context.ts'
import type { CommandSettings } from '../commands/context.ts'
import type { Parser } from '../protocol/parser.ts'
import type { ReplyWriter } from '../protocol/reply.ts'
import type { Request } from '../protocol/request.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from '../telemetry/events.ts'
import type { TraceRecorder } from '../telemetry/trace-recorder.ts'
import type { Connection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { Gatekeeper, Visitor } from './gatekeeper.ts'
import type { StashPool } from './input-stash.ts'
import type { Observer } from './observer.ts'
import type { OutputBuffer, OutputPool } from './output.ts'
import type { Turn } from './turn.ts'
import type { TurnClock } from './turn-clock.ts'
import type { Turns } from './turns.ts'

/** What a client sent to log in. */
export interface LoginTry {
  readonly name: Uint8Array
  readonly password: Uint8Array
  /** The file of -Y has this pair. */
  readonly accepted: boolean
}

/** What the connections of one worker share. */
export interface WorkerParts {
  readonly config: Config
  readonly settings: CommandSettings
  /** null: everybody may do everything. */
  readonly gatekeeper: Gatekeeper | null
  readonly requestsPerTurn: number
  readonly clock: TurnClock
  readonly store: Store
  readonly counters: Float64Array
  readonly runtime: Int32Array
  readonly events: EventLog
  readonly parser: Parser
  readonly request: Request
  readonly reply: ReplyWriter
  readonly context: AdminCommandContext
  readonly recorder: TraceRecorder
  /** null when nobody wants to know how long commands take. */
  readonly observer: Observer | null
  readonly connections: Connections
  readonly turn: Turn
  readonly turns: Turns
  readonly stashPool: StashPool
  readonly outputPool: OutputPool
  /** Whose turn it is; null between two turns. They never nest, since turns share all their buffers. */
  acting: Connection | null
  /** Where the reply writer writes now. */
  output: OutputBuffer
  /** The present output buffer was kept by a slow client: take another. */
  replaceOutput(asking: Connection): void
  /** Ask the control thread on behalf of a connection. */
  postRequest(connectionNumber: number, name: string, argument: string): void
  /** Ask it whether this is a user, and when to say so. */
  postLogin(connection: Visitor & { readonly number: number }, login: LoginTry): void
  /** A watcher has taken all events it was sent. */
  watchWritten(connectionNumber: number, bytes: number): void
  watcherLeft(connectionNumber: number): void
}
