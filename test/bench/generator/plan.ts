import type { RecordableHistogram } from 'node:perf_hooks'

/** How commands are written and replies are read. */
export type Dialect = 'classic' | 'meta' | 'redis'

/** What to send: a mix of commands over a range of keys. */
export interface LoadPlan {
  readonly dialect: Dialect
  /** Open connections, and how many of them are in use; the rest are idle. */
  readonly connections: number
  readonly connectionsActive: number
  /** Commands sent on one connection before their replies are awaited. */
  readonly pipeline: number
  readonly keys: number
  readonly keysPerGet: number
  /** Of gets + sets + increments commands, how many are which. */
  readonly gets: number
  readonly sets: number
  readonly increments: number
  readonly valueBytesMin: number
  readonly valueBytesMax: number
  /** Seconds to live, drawn evenly; 0 for ever. */
  readonly exptimeMin: number
  readonly exptimeMax: number
}

/** What one thread is asked to do. */
export type Order =
  | {
      readonly kind: 'open'
      readonly plan: LoadPlan
      readonly port: number
      /** This thread's number, of how many: it takes its share of connections and of keys to fill. */
      readonly thread: number
      readonly threads: number
      readonly seed: number
    }
  | { readonly kind: 'fill' }
  | { readonly kind: 'saturate'; readonly milliseconds: number }
  | { readonly kind: 'steady'; readonly milliseconds: number; readonly perSecond: number }
  | { readonly kind: 'close' }

export interface OrderMessage {
  readonly id: number
  readonly target: number
  readonly order: Order
}

/** What came back. All are sums, so that the threads' can be added. */
export interface Tally {
  replies: number
  /** Keys asked for by gets. */
  keysAsked: number
  hits: number
  stored: number
  /** Replies that were an error, and values that were not what was stored. */
  errors: number
  /** Requests that were due while their connection had no room for more. */
  overruns: number
  valuesChecked: number
  bytesReceived: number
}

export interface ThreadReport {
  readonly tally: Tally
  readonly seconds: number
  /** CPU of this thread, for both sides of a connection share the machine. */
  readonly cpuSeconds: number
  /** Nanoseconds from when a request was due until all of its reply was there; 'steady' only. */
  readonly latency: RecordableHistogram | null
  /** Of them the p99 of each window of time, in microseconds. */
  readonly windowP99s: readonly number[]
  /** Nanoseconds by which requests left later than they were due. */
  readonly lateness: RecordableHistogram | null
}

export interface ReportMessage {
  readonly id: number
  readonly failure: string
  readonly report: ThreadReport | null
}

export function emptyTally(): Tally {
  return {
    replies: 0,
    keysAsked: 0,
    hits: 0,
    stored: 0,
    errors: 0,
    overruns: 0,
    valuesChecked: 0,
    bytesReceived: 0,
  }
}
