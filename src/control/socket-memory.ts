import { RUNTIME } from '../base/runtime.ts'
import type { Derived } from '../config/load.ts'
import { memoryBeside, readSocketBytes } from '../config/load.ts'
import type { Log } from '../telemetry/log.ts'

const MIB = 1024 * 1024

/** Of what the container grants beyond our own memory, sockets may have this share. */
const SHARE = 0.5
const BUDGET_BYTES_MIN = 8 * MIB

/** A warning a minute is enough. */
const QUIET_TICKS = 600

export interface SocketMemoryOptions {
  /** What the process itself may grow to. */
  readonly residentBytesMax: number
  readonly runtime: Int32Array
  readonly log: ReturnType<Log['part']>
}

/**
 * What clients leave unread lies in the kernel, up to megabytes for each, and in a container it counts
 * against the same limit as our own memory: enough of it, and the process is killed for the next page it
 * touches. So the kernel is asked how much it is, and when it is too much, workers close those of the
 * connections that do not read, the longest stuck first. Where nothing is limited, nothing is done.
 */
export class SocketMemory {
  readonly #options: SocketMemoryOptions
  readonly #budget: number
  #quietTicks = 0

  constructor(options: SocketMemoryOptions) {
    this.#options = options
    this.#budget = Math.max(BUDGET_BYTES_MIN, SHARE * memoryBeside(options.residentBytesMax))
  }

  static of({ residentBytesMax }: Derived, runtime: Int32Array, log: Log): SocketMemory {
    return new SocketMemory({ residentBytesMax, runtime, log: log.part('connections') })
  }

  /** Ten times a second. */
  tick(): void {
    if (this.#quietTicks > 0) this.#quietTicks--
    if (this.#budget === Number.POSITIVE_INFINITY) return
    const { runtime, log } = this.#options
    const bytes = readSocketBytes()
    const excess = bytes <= this.#budget ? 0 : Math.ceil(100 * (1 - this.#budget / bytes))
    runtime[RUNTIME.unreadPercentToClose] = excess
    if (excess === 0 || this.#quietTicks > 0) return
    this.#quietTicks = QUIET_TICKS
    log.warn(
      { socketBytes: bytes, budgetBytes: Math.floor(this.#budget) },
      'clients do not read: what the kernel keeps for them endangers the container; closing the longest stuck',
    )
  }
}
