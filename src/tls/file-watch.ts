import { stat } from 'node:fs/promises'

/**
 * How often the files are looked at. By name and not by inotify: a secret in Kubernetes is replaced
 * by a symbolic link two folders away, and volumes of other machines tell nobody of changes.
 */
export const WATCH_MILLISECONDS = 2000

/**
 * Tells when one of some files has become another. Only when two looks have found the same: whoever
 * replaces certificate and key by two copies should be done with both.
 */
export class FileWatch {
  readonly #paths: readonly string[]
  readonly #onChange: () => void
  /** What was told last. */
  #known = ''
  #seen = ''
  #timer: NodeJS.Timeout | undefined

  constructor(paths: readonly string[], onChange: () => void) {
    this.#paths = paths.filter((path) => path !== '')
    this.#onChange = onChange
  }

  async start(): Promise<void> {
    this.#known = await this.#look()
    this.#seen = this.#known
    this.#timer = setInterval(() => void this.#tick(), WATCH_MILLISECONDS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #tick(): Promise<void> {
    const seen = await this.#look()
    const isStable = seen === this.#seen
    this.#seen = seen
    if (!isStable || seen === this.#known) return
    this.#known = seen
    this.#onChange()
  }

  async #look(): Promise<string> {
    const marks = await Promise.all(this.#paths.map(markOf))
    return marks.join(' ')
  }
}

async function markOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path)
    return [dev, ino, size, mtimeMs, ctimeMs].join(':')
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  }
}
