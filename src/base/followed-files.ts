import type { BigIntStats } from 'node:fs'
import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/**
 * How often followed files are looked at. They are looked at and not watched: what a Kubernetes volume
 * changes is a link two levels up, and some file systems announce nothing.
 */
const LOOK_MILLISECONDS = 1000

/**
 * Tells when one of some files was replaced or written, once all have stayed the same for a whole
 * interval: one that is still being written is not read, and of a pair not one without the other.
 */
export class FollowedFiles {
  readonly #paths: readonly string[]
  readonly #onChange: () => void
  #known: string
  #seen: string
  readonly #timer: NodeJS.Timeout
  #looking = false

  /** @param known what `stampOf` or `stampNow` said before the files were read for the first time */
  constructor(
    paths: readonly string[],
    known: string,
    onChange: () => void,
    milliseconds = LOOK_MILLISECONDS,
  ) {
    this.#paths = paths
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
    const stamp = await stampOf(this.#paths)
    this.#looking = false
    const isStill = stamp === this.#seen
    this.#seen = stamp
    if (!isStill || stamp === this.#known) return
    this.#known = stamp
    this.#onChange()
  }
}

/** What changes when one of the files does. */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const marks = paths.map(async (path) => {
    try {
      return markOf(await stat(path, { bigint: true }))
    } catch {
      return ABSENT
    }
  })
  return (await Promise.all(marks)).join(' ')
}

/** The same, for those that read the files at once. */
export function stampNow(paths: readonly string[]): string {
  const marks = paths.map((path) => {
    try {
      return markOf(statSync(path, { bigint: true }))
    } catch {
      return ABSENT
    }
  })
  return marks.join(' ')
}

const ABSENT = 'absent'

function markOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
