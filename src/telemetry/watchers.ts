import { monotonicMilliseconds } from '../base/clock.ts'
import { RUNTIME } from '../base/runtime.ts'
import { COUNTER } from './counters.ts'
import type { EventReader } from './event-reader.ts'

/** As in memcached. */
export const WATCHERS_MAX = 20

/** How often the rings are emptied while somebody watches. */
export const WATCH_POLL_MILLISECONDS = 20

/** How long a worker may take from reading the clock to publishing an event, for the order. */
const SETTLE_MILLISECONDS = 1

/** How far the clocks of the threads may be apart. */
const SKEW_MILLISECONDS = 0.1

/** Room for a `skipped=N` line. */
const SKIPPED_BYTES_MAX = 32

/** Hands text to the worker that has the connection; it says later how much of it was written. */
export type SendToWatcher = (worker: number, connectionNumber: number, text: string) => void

export interface WatchersOptions {
  readonly reader: EventReader
  readonly runtime: Int32Array
  /** The control thread's own counter block. */
  readonly counters: Float64Array
  /** Bytes a watcher may leave unread (`watcher_logbuf_size`). */
  readonly bufferBytes: number
  readonly send: SendToWatcher
}

interface Watcher {
  readonly worker: number
  readonly connectionNumber: number
  readonly mask: number
  readonly sinceMilliseconds: number
  /** Bytes handed to the worker and not yet written to the socket. */
  bytesOutstanding: number
  /** Lines of this turn, sent in one message. */
  lines: string
  skipped: number
}

/**
 * Who watches what. Lives in the control thread, which calls:
 *
 *   add          when a worker asks with defer('watch', mask); answer OK or WATCHER_TOO_MANY
 *   remove       when the watcher's connection is closed
 *   acknowledge  when the worker has written text to the watcher's socket
 *   poll         every WATCH_POLL_MILLISECONDS while active
 *
 * A watcher that does not read costs at most bufferBytes: once that much is under way to it, lines
 * are counted instead of sent, and the next one that fits comes after a line `skipped=N`.
 */
export class Watchers {
  readonly #options: WatchersOptions
  readonly #watchers = new Map<number, Watcher>()

  constructor(options: WatchersOptions) {
    this.#options = options
  }

  get active(): boolean {
    return this.#watchers.size > 0
  }

  /** False when there are WATCHERS_MAX already. Events count from this moment on. */
  add(worker: number, connectionNumber: number, mask: number): boolean {
    if (this.#watchers.size >= WATCHERS_MAX) return false
    if (!this.active) this.#options.reader.discard()
    this.#watchers.set(connectionNumber, {
      worker,
      connectionNumber,
      mask,
      sinceMilliseconds: monotonicMilliseconds() - SKEW_MILLISECONDS,
      bytesOutstanding: 0,
      lines: '',
      skipped: 0,
    })
    this.#announce()
    return true
  }

  /** Also for connections that never watched. */
  remove(connectionNumber: number): void {
    if (this.#watchers.delete(connectionNumber)) this.#announce()
  }

  acknowledge(connectionNumber: number, bytes: number): void {
    const watcher = this.#watchers.get(connectionNumber)
    if (watcher !== undefined) watcher.bytesOutstanding -= bytes
  }

  poll(): void {
    const until = monotonicMilliseconds() - SETTLE_MILLISECONDS
    this.#options.reader.drain(until, (kind, time, line) => {
      for (const watcher of this.#watchers.values()) {
        if ((watcher.mask & kind) !== 0 && time >= watcher.sinceMilliseconds) {
          this.#give(watcher, line)
        }
      }
    })
    for (const watcher of this.#watchers.values()) this.#flush(watcher)
  }

  #give(watcher: Watcher, line: string): void {
    const underWay = watcher.bytesOutstanding + watcher.lines.length
    if (underWay + line.length + SKIPPED_BYTES_MAX > this.#options.bufferBytes) {
      watcher.skipped++
      this.#count(COUNTER.watchSkipped)
      return
    }
    if (watcher.skipped > 0) {
      watcher.lines += `skipped=${watcher.skipped}\n`
      watcher.skipped = 0
    }
    watcher.lines += line
    this.#count(COUNTER.watchSent)
  }

  #flush(watcher: Watcher): void {
    const { lines } = watcher
    if (lines === '') return
    watcher.lines = ''
    watcher.bytesOutstanding += lines.length
    this.#options.send(watcher.worker, watcher.connectionNumber, lines)
  }

  #count(counter: number): void {
    const { counters } = this.#options
    counters[counter] = (counters[counter] as number) + 1
  }

  /** Workers make only the events that somebody wants. */
  #announce(): void {
    let mask = 0
    for (const watcher of this.#watchers.values()) mask |= watcher.mask
    Atomics.store(this.#options.runtime, RUNTIME.watchMask, mask)
    this.#options.counters[COUNTER.watchers] = this.#watchers.size
  }
}
