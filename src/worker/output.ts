import { assert } from '../base/assert.ts'
import { COUNTER } from '../telemetry/counters.ts'

/** Size of an output buffer: what one turn of one connection may write before it is sent. */
export const OUTPUT_BYTES = 64 * 1024

/**
 * Bytes that output buffers may hold in one process, over all workers. They are only needed in
 * number when clients do not read; past the limit the connection that has been stuck longest is
 * closed.
 */
export const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

/**
 * How many times its limit what clients do not take may grow to until the loop has turned. Only then it
 * is known who does not read: a write over TLS is not reported as done before that.
 */
export const BURST_FACTOR = 2

/** Views of an output buffer's first n bytes are kept up to this n, so that a write makes no object. */
const VIEW_BYTES_MAX = 2048

/** Memory for replies, and the views of it that writes need. */
export class OutputBuffer {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  readonly #views: Buffer[] = []
  /** The last longer view: long replies are often of one length, mostly that of the whole buffer. */
  #longView: Buffer | null = null

  /** The first `length` bytes. */
  view(length: number): Buffer {
    if (length >= VIEW_BYTES_MAX) return this.#viewLong(length)
    const views = this.#views
    while (views.length <= length) views.push(this.bytes.subarray(0, views.length))
    return views[length]!
  }

  /** A buffer that nobody needs would only go when the collector next looks at all of the heap. */
  destroy(): void {
    if (this.bytes.buffer instanceof ArrayBuffer) this.bytes.buffer.transfer(0)
  }

  #viewLong(length: number): Buffer {
    const last = this.#longView
    if (last !== null && last.length === length) return last
    const view = this.bytes.subarray(0, length)
    this.#longView = view
    return view
  }
}

/** The output buffers of one worker: reused, made when needed, never more than a fixed number. */
export class OutputPool {
  readonly #free: OutputBuffer[] = []
  readonly #buffersMax: number
  readonly #counters: Float64Array
  #count = 0

  constructor(bytesMax: number, counters: Float64Array) {
    this.#buffersMax = Math.max(4, Math.floor(bytesMax / OUTPUT_BYTES))
    this.#counters = counters
  }

  /** True when the next take would go over the limit. */
  get exhausted(): boolean {
    return this.#free.length === 0 && this.#count >= this.#buffersMax
  }

  /** True when there are more than the limit, for this turn of the loop. */
  get overdrawn(): boolean {
    return this.#count > this.#buffersMax
  }

  /** True when there may not be more even for a turn of the loop. */
  get spent(): boolean {
    return this.#free.length === 0 && this.#count >= this.#buffersMax * BURST_FACTOR
  }

  /** When exhausted, Connections closes somebody for it as soon as the loop has turned. */
  take(): OutputBuffer {
    const reused = this.#free.pop()
    if (reused !== undefined) return reused
    this.#count++
    this.#report()
    return new OutputBuffer()
  }

  give(output: OutputBuffer): void {
    assert(this.#free.length < this.#count, 'more output buffers came back than were made')
    if (this.#free.length >= FREE_BUFFERS_MAX || this.#count > this.#buffersMax) {
      this.#count--
      this.#report()
      output.destroy()
      return
    }
    this.#free.push(output)
  }

  #report(): void {
    this.#counters[COUNTER.replyBuffers] = this.#count
    this.#counters[COUNTER.replyBufferBytes] = this.#count * OUTPUT_BYTES
  }
}

/** Free buffers kept for the next slow clients; more than that goes back to the heap. */
const FREE_BUFFERS_MAX = 16
