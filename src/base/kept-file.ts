import { closeSync, openSync, readSync } from 'node:fs'

/** More than the longest file of this kind has (memory.stat of a control group: 2 KiB). */
const TEXT_BYTES_MAX = 16 * 1024

/**
 * A file of /proc or /sys that is read again and again. To find and open it takes twice as long as to read
 * it, and the kernel writes its text anew for each reading from the beginning.
 */
export class KeptFile {
  readonly #descriptor: number
  readonly #buffer = Buffer.allocUnsafeSlow(TEXT_BYTES_MAX)

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Null when there is no such file, or it may not be read. */
  static open(path: string): KeptFile | null {
    try {
      return new KeptFile(openSync(path, 'r'))
    } catch {
      return null
    }
  }

  /** As it is now, up to 16 KiB; '' when that cannot be had any more. */
  text(): string {
    try {
      const length = readSync(this.#descriptor, this.#buffer, 0, TEXT_BYTES_MAX, 0)
      return this.#buffer.toString('latin1', 0, length)
    } catch {
      return ''
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
