import type { PlainHistogram } from './log-histogram.ts'

/** What one thread of the server saw since the last reset. Histograms are in nanoseconds. */
export interface ThreadReport {
  readonly name: string
  /** As /proc numbers it. */
  readonly thread: number
  readonly heapUsed: number
  readonly messages: number
  readonly loopDelay: PlainHistogram
  readonly busyLoopDelay: PlainHistogram
  readonly readTurn: PlainHistogram
  readonly busyReadTurn: PlainHistogram
  readonly hold: PlainHistogram
  readonly busyHold: PlainHistogram
  readonly wait: PlainHistogram
  readonly makeRoom: PlainHistogram
  readonly pauses: PlainHistogram
  /** Longest pause in milliseconds by V8's kind: 1 minor, 2 minor mark-sweep, 4 major, 8 incremental step, 16 weak callbacks. */
  readonly pausesByKind: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, number>>
}

export interface ProbeAnswer {
  readonly threads: readonly ThreadReport[]
}

/**
 * 'counts' counts collections, heap and messages, which costs commands nothing; 'loop' also looks
 * every millisecond how late the event loop is; 'stalls' times reads and locks besides, and that
 * makes garbage and costs some speed.
 */
export type ProbeWatch = 'counts' | 'loop' | 'stalls'

/** How a server is told about its probe. */
export interface ProbeEnvironment {
  PROBE_SOCKET?: string
  PROBE_WATCH?: ProbeWatch
}
