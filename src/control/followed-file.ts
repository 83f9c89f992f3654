import { stat } from 'node:fs/promises'

/**
 * How often a followed file is looked at. It is looked at and not watched: what a Kubernetes volume
 * changes is a link two levels up, and some file systems announce nothing.
 */
const LOOK_MILLISECONDS = 1000

/**
 * Tells when a file was replaced or written, once it has stayed the same for a whole interval, so that
 * one that is still being written is not read.
 */
export class FollowedFile {
  readonly #path: string
  readonly #onChange: () => void
  #known: string
  #seen: string
  readonly #timer: NodeJS.Timeout
  #looking = false

  /** @param known what `stampOf` said before the file was read for the first time */
  constructor(path: string, known: string, onChange: () => void, milliseconds = LOOK_MILLISECONDS) {
    this.#path = path
    this.#known = known
    this.#seen = known
    this.#onChange = onChange
    this.#timer = setInterval(() => void this.#look(), milliseconds)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const stamp = await stampOf(this.#path)
    this.#looking = false
    const isStill = stamp === this.#seen
    this.#seen = stamp
    if (!isStill || stamp === this.#known) return
    this.#known = stamp
    this.#onChange()
  }
}

/** What changes when the file does; '' when it is not there. */
export async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
  } catch {
    return ''
  }
}
