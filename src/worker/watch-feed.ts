import type { WorkerParts } from './parts.ts'

/** Events are copied into the reply buffer in pieces of this size. */
const SLICE_BYTES = 8192

/**
 * The text of events on its way to one watcher. The control thread is told how much the client has
 * taken, and sends no more than the watcher's buffer allows.
 */
export class WatchFeed {
  readonly #parts: WorkerParts
  readonly #connectionNumber: number
  #bytesUnderWay = 0

  constructor(parts: WorkerParts, connectionNumber: number) {
    this.#parts = parts
    this.#connectionNumber = connectionNumber
  }

  /** Write into the reply buffer, which the caller attached to the connection and will flush. */
  write(text: Buffer): void {
    const { reply } = this.#parts
    for (let at = 0; at < text.length; at += SLICE_BYTES) {
      const to = Math.min(text.length, at + SLICE_BYTES)
      reply.reserve(to - at)
      reply.copy(text, at, to)
    }
    this.#bytesUnderWay += text.length
  }

  /** The client has taken everything. */
  taken(): void {
    this.#parts.watchWritten(this.#connectionNumber, this.#bytesUnderWay)
    this.#bytesUnderWay = 0
  }

  end(): void {
    this.#parts.watcherLeft(this.#connectionNumber)
  }
}
