import type { ClockStart } from './clock.ts'
import type { Config, TlsVerify } from './config.ts'

/**
 * Everything that the control thread and the workers say to each other. A worker never waits for an
 * answer: it goes on with its other connections. What is read often travels in shared memory
 * instead (runtime words, counters, heartbeats, event rings).
 */

/** What a worker is born with (workerData). */
export interface WorkerStart {
  readonly kind: 'memc-kv-worker'
  readonly index: number
  /** Workers in all. */
  readonly count: number
  readonly config: Config
  /** StoreMemory of store/store.ts. */
  readonly memory: unknown
  readonly runtime: Int32Array
  /** createCounters: the blocks of all workers, then the control thread's own. */
  readonly counters: SharedArrayBuffer
  /** One word per worker, which it raises at each tick. */
  readonly heartbeat: Int32Array
  /** createEventRings of telemetry/event-ring.ts. */
  readonly eventRings: SharedArrayBuffer
  readonly eventRingBytes: number
  /** Tables of telemetry/prefix-stats.ts. */
  readonly prefixTables: SharedArrayBuffer
  /** Sums that `stats` subtracts after `stats reset` (telemetry/stats-baseline.ts). */
  readonly statsBaseline: SharedArrayBuffer
  /** createLatency of telemetry/latency.ts. */
  readonly latency: SharedArrayBuffer
  /** createThreadFigures of telemetry/thread-figures.ts. */
  readonly threadFigures: SharedArrayBuffer
  /** createTraceRings of telemetry/trace-ring.ts. */
  readonly traceRings: SharedArrayBuffer
  /** Which commands become spans; null: none does. */
  readonly sampling: Sampling | null
  readonly clock: ClockStart
  readonly startedUnixMilliseconds: number
  /** Where the server listens. A worker binds all of it, but for a unix socket, which the first one has. */
  readonly listen: readonly ListenPlace[]
  /** How clients go from one worker to another; null: everybody keeps what he accepts. */
  readonly handover: HandoverStart | null
  /** Use the accepted handles directly (worker/raw-wire.ts); false: net.Socket. */
  readonly rawSockets: boolean
  /** Certificate and key, null without TLS. */
  readonly tls: TlsMaterial | null
  /** Who may log in (-Y) and then do everything; null: no such file. */
  readonly users: readonly User[] | null
  /** Who else may (auth.usersFile), and what; null: no such file. With neither, everybody may do everything. */
  readonly access: AccessTable | null
}

/** What worker/handover.ts needs to find and to trust the other workers. */
export interface HandoverStart {
  /** Of the abstract unix sockets, which have the worker's number behind it. */
  readonly name: string
  /** What whoever connects there must know. */
  readonly secret: Uint8Array
  /** For each worker, the clients that are on their way to it (atomic). */
  readonly coming: Int32Array
}

export type ListenPlace =
  | {
      readonly kind: 'tcp'
      readonly host: string
      readonly port: number
      /** Null: plain text. Else what is asked of clients. */
      readonly verify: TlsVerify | null
    }
  | { readonly kind: 'unix'; readonly path: string; readonly mask: number }

/**
 * What a worker makes its TLS contexts from. The control thread has read and checked it; a later one
 * counts for connections that begin from then on.
 */
export interface TlsMaterial {
  /** PEM: the server's certificate, then intermediate ones. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  /** PEM: who signs the certificates of clients; '' nobody. */
  readonly ca: string
  /** The same for all workers, so that a session is resumed wherever its client comes back. */
  readonly ticketKeys: Uint8Array
}

/**
 * How a worker decides about spans, before anything is built (OTEL_TRACES_SAMPLER). Each number is
 * a probability from 0 to 1.
 */
export interface Sampling {
  /** Of a command that came without a traceparent. */
  readonly root: number
  /** Of one whose parent is sampled, and of one whose parent is not. */
  readonly parentSampled: number
  readonly parentNotSampled: number
}

export interface User {
  readonly name: string
  readonly password: string
}

/** What workers know of the file of users (auth.usersFile): no password and no hash. */
export interface AccessTable {
  readonly users: readonly AccessEntry[]
  /** What a connection may do that has not logged in; null: nothing. */
  readonly anonymous: AccessEntry | null
}

export interface AccessEntry {
  /** '' for the one of connections that have not logged in. */
  readonly name: string
  /** Bits of PERMISSION (auth/permissions.ts). */
  readonly permissions: number
  /** Of the keys that the user may name; none: all keys. */
  readonly prefixes: readonly string[]
  /** `CN:name`, or a subject alternative name as Node prints it, of certificates that log in by themselves. */
  readonly certificates: readonly string[]
}

export interface LoginAnswer {
  readonly type: 'loginAnswer'
  readonly connectionNumber: number
  /** null: refused. */
  readonly user: string | null
  /** It is in the file of -Y, and may do everything. */
  readonly unlimited: boolean
}

/** Where a listener of a worker really listens (port 0 was replaced by the one the kernel chose). */
export interface BoundAddress {
  /** As `stats conns` shows it: tcp:0.0.0.0:6001, tcp6:[::]:6001, unix:/path. */
  readonly name: string
  readonly host: string
  readonly port: number
}

export type WorkerMessage =
  | {
      readonly type: 'listening'
      readonly addresses: readonly BoundAddress[]
      /** False when this Node has no raw handles and net.Socket is used. */
      readonly raw: boolean
      /** False when clients should go from worker to worker and cannot. */
      readonly handover: boolean
    }
  | {
      readonly type: 'failed'
      /** EADDRINUSE and the like. */
      readonly code: string
      readonly detail: string
      readonly address: string
    }
  /** A deferred command: answer with a `reply` (or `watching`) for the same connection. */
  | {
      readonly type: 'request'
      readonly connectionNumber: number
      readonly name: string
      readonly argument: string
    }
  /** A login that the worker cannot answer at once: answer with a `loginAnswer`. Never to be logged whole. */
  | {
      readonly type: 'login'
      readonly connectionNumber: number
      readonly address: string
      readonly name: Uint8Array
      readonly password: Uint8Array
      /** The file of -Y has this pair. */
      readonly accepted: boolean
    }
  /** For the log: somebody was let in by a worker alone. */
  | {
      readonly type: 'loggedIn'
      readonly address: string
      readonly user: string
      readonly by: 'password' | 'certificate'
    }
  /** For the log: a command was refused. At most so many a second; the counters have them all. */
  | {
      readonly type: 'denied'
      readonly address: string
      readonly user: string
      readonly command: string
      readonly reason: string
    }
  /** A watcher has taken all the text it was sent. */
  | { readonly type: 'eventsWritten'; readonly connectionNumber: number; readonly bytes: number }
  | { readonly type: 'watcherLeft'; readonly connectionNumber: number }
  /** For the log, a few in a second at most. */
  | {
      readonly type: 'handshakeFailed'
      readonly address: string
      readonly port: number
      readonly reason: string
    }
  /** The last connection of a draining worker is closed. */
  | { readonly type: 'drained' }
  | { readonly type: 'arenasAttached'; readonly id: number }
  | { readonly type: 'collected'; readonly id: number; readonly rows: readonly string[][] }

export type ControlMessage =
  /** The whole server has: all threads have loaded their code. */
  | { readonly type: 'started' }
  /** Stop listening; close the connections one by one over the window. */
  | { readonly type: 'drain'; readonly windowMilliseconds: number }
  /** Close everything now. */
  | { readonly type: 'stop' }
  | { readonly type: 'reply'; readonly connectionNumber: number; readonly text: string }
  /** The connection is a watcher now: send this, then events only. */
  | { readonly type: 'watching'; readonly connectionNumber: number; readonly text: string }
  | { readonly type: 'events'; readonly connectionNumber: number; readonly text: string }
  | { readonly type: 'users'; readonly users: readonly User[] }
  /** The file of users was read again: holds for connections that are there already. */
  | { readonly type: 'access'; readonly table: AccessTable }
  | LoginAnswer
  | { readonly type: 'tls'; readonly material: TlsMaterial }
  /** More memory (cache_memlimit): attach it and say so. */
  | { readonly type: 'arenas'; readonly id: number; readonly memory: unknown }
  /** The rows of `stats conns`. */
  | { readonly type: 'collect'; readonly id: number }
