import { write, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A reader that stalls, or a full disk, may leave this much behind; what is more is lost. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024

/** Handed to the kernel at once. */
const CHUNK_BYTES_MAX = 64 * 1024

/** A pipe that is full, or a disk, is tried again that often. */
const RETRY_MILLISECONDS = 25

/** The last lines may keep the process from ending for that long. */
const FLUSH_MILLISECONDS = 500
const FLUSH_RETRY_MILLISECONDS = 10

const STANDARD_OUTPUT = 1

export interface LogOutputOptions {
  /** Made instead of lines that were lost, when there is room again. */
  readonly describeLost: (lines: number) => string
  readonly descriptor?: number
}

/**
 * Where lines of the log go: a bounded queue in front of a file or pipe. Nobody waits for it, and
 * nothing that happens to the file ends the server: not a full disk, not a reader that stalls or has
 * gone. What cannot be written is kept up to a limit; behind it lines are lost, counted, and told of
 * by the first line that can be written again. The end of the process does not wait for it either,
 * beyond half a second: it may be that a worker hangs, and nobody is served until we are gone.
 *
 * A pipe must not block (see Log.create): a thread that is stuck in a write would be waited for at exit.
 */
export class LogOutput {
  readonly #descriptor: number
  readonly #describeLost: (lines: number) => string
  #lines: string[] = []
  /** Of the lines that wait, in UTF-16 units, which for what we log are bytes. */
  #waiting = 0
  /** What was handed to the kernel last, and is not all taken. */
  #chunk: Buffer | null = null
  #isWriting = false
  #retry: NodeJS.Timeout | undefined
  #lost = 0

  constructor(options: LogOutputOptions) {
    this.#descriptor = options.descriptor ?? STANDARD_OUTPUT
    this.#describeLost = options.describeLost
  }

  write(line: string): void {
    if (this.#waiting + line.length > BACKLOG_BYTES_MAX) {
      this.#lost++
      return
    }
    this.#lines.push(line)
    this.#waiting += line.length
    if (this.#retry === undefined) this.#writeMore()
  }

  /**
   * Until the kernel has what it was handed, or half a second: a write is another thread's, which on a busy
   * machine may come to it only after `flush` has written what was logged later.
   */
  async settled(): Promise<void> {
    const end = performance.now() + FLUSH_MILLISECONDS
    while (this.#isWriting && performance.now() < end) await sleep(FLUSH_RETRY_MILLISECONDS)
  }

  /** What waits is written when this returns, if it can be written at all. */
  flush(): void {
    clearTimeout(this.#retry)
    const end = performance.now() + FLUSH_MILLISECONDS
    if (this.#isWriting) this.#chunk = null
    for (;;) {
      this.#chunk ??= this.#takeChunk()
      if (this.#chunk === null) return
      try {
        this.#taken(writeSync(this.#descriptor, this.#chunk))
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN' || performance.now() > end) return
        Atomics.wait(NEVER_WOKEN, 0, 0, FLUSH_RETRY_MILLISECONDS)
      }
    }
  }

  #writeMore(): void {
    if (this.#isWriting) return
    this.#chunk ??= this.#takeChunk()
    if (this.#chunk === null) return
    this.#isWriting = true
    write(this.#descriptor, this.#chunk, (error, bytes) => {
      this.#isWriting = false
      if (error === null) this.#taken(bytes)
      else if (this.#failed(codeOf(error))) return
      this.#writeMore()
    })
  }

  /** Returns whether the same is tried again later. */
  #failed(code: string): boolean {
    if (code === 'EPIPE') {
      // Nobody will ever read it: there is nothing to keep it for.
      this.#lines = []
      this.#waiting = 0
      this.#chunk = null
      return false
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#writeMore()
    }, RETRY_MILLISECONDS)
    this.#retry.unref()
    return true
  }

  #taken(bytes: number): void {
    const chunk = this.#chunk
    if (chunk !== null) this.#chunk = bytes < chunk.length ? chunk.subarray(bytes) : null
  }

  #takeChunk(): Buffer | null {
    let count = 0
    let length = 0
    while (count < this.#lines.length && length < CHUNK_BYTES_MAX) {
      length += this.#lines[count++]?.length ?? 0
    }
    const lines = this.#lines.splice(0, count)
    this.#waiting -= length
    if (this.#lost > 0 && this.#lines.length === 0) {
      lines.push(this.#describeLost(this.#lost))
      this.#lost = 0
    }
    return lines.length === 0 ? null : Buffer.from(lines.join(''))
  }
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4))

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
