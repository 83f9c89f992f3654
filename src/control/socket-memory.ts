import { KeptFile } from '../base/kept-file.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { ReadText, Settings, SocketGauge } from '../config/load.ts'
import { findSocketGauge, memoryBeside, residentBytes } from '../config/load.ts'
import type { Log } from '../telemetry/log.ts'

const MIB = 1024 * 1024

/** Of what the container grants beyond our own memory, sockets may have this share. */
const SHARE = 0.5
const BUDGET_BYTES_MIN = 8 * MIB

/** A warning a minute is enough. */
const QUIET_TICKS = 600

/**
 * A container may be resized while we run, a process moved to another group, and cache_memlimit said: the
 * budget is computed every so often, and what tells of the sockets is looked for.
 */
const BUDGET_TICKS = 50

export interface SocketMemoryOptions {
  /** What the process itself may grow to. */
  readonly residentBytesMax: () => number
  readonly runtime: Int32Array
  readonly log: Pick<ReturnType<Log['part']>, 'warn'>
  /** Of /proc and /sys; a test has its own. */
  readonly read?: ReadText
  readonly keep?: (path: string) => Kept | null
}

type Kept = Pick<KeptFile, 'text' | 'close'>

/**
 * What clients leave unread lies in the kernel, up to megabytes for each, and in a container it counts
 * against the same limit as our own memory: enough of it, and the process is killed for the next page it
 * touches. So the kernel is asked how much it is, and when it is too much, workers close those of the
 * connections that do not read, the longest stuck first. Where nothing is limited, nothing is done.
 */
export class SocketMemory {
  readonly #options: SocketMemoryOptions
  #budget = Number.POSITIVE_INFINITY
  #gauge: SocketGauge | null = null
  /** The file of the gauge. */
  #kept: Kept | null = null
  #budgetTicks = 0
  #quietTicks = 0

  constructor(options: SocketMemoryOptions) {
    this.#options = options
  }

  /** @param memoryLimit the limit for items as it is now */
  static of(
    { derived }: Settings,
    memoryLimit: () => number,
    runtime: Int32Array,
    log: Log,
  ): SocketMemory {
    return new SocketMemory({
      residentBytesMax: () => residentBytes(memoryLimit(), derived.memoryUsers),
      runtime,
      log: log.part('connections'),
    })
  }

  /** Ten times a second. */
  tick(): void {
    if (this.#quietTicks > 0) this.#quietTicks--
    const { runtime, log } = this.#options
    if (this.#budgetTicks-- === 0) {
      this.#budgetTicks = BUDGET_TICKS - 1
      this.#computeBudget()
    }
    const bytes = this.#gauge?.bytesIn(this.#kept?.text() ?? '') ?? 0
    const excess = bytes <= this.#budget ? 0 : Math.ceil(100 * (1 - this.#budget / bytes))
    runtime[RUNTIME.unreadPercentToClose] = excess
    if (excess === 0 || this.#quietTicks > 0) return
    this.#quietTicks = QUIET_TICKS
    log.warn(
      { socketBytes: bytes, budgetBytes: Math.floor(this.#budget) },
      'clients do not read: what the kernel keeps for them endangers the container; closing the longest stuck',
    )
  }

  #computeBudget(): void {
    const { residentBytesMax, read, keep = KeptFile.open } = this.#options
    this.#budget = Math.max(BUDGET_BYTES_MIN, SHARE * memoryBeside(residentBytesMax(), read))
    const isLimited = this.#budget !== Number.POSITIVE_INFINITY
    const gauge = isLimited ? findSocketGauge(read) : null
    // A group that was taken away and made anew has the same path, but what is open is the old one's.
    const isGone = this.#kept?.text() === ''
    if (isGone || gauge?.path !== this.#gauge?.path) {
      this.#kept?.close()
      this.#kept = null
    }
    this.#gauge = gauge
    if (gauge !== null) this.#kept ??= keep(gauge.path)
  }
}
