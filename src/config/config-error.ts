import type { ExitReason } from '../base/fatal.ts'
import { oneLine } from '../base/fatal.ts'

/** Where a value came from; `name` is the path, the variable or the flag. */
export interface Source {
  readonly kind: 'default' | 'file' | 'environment' | 'flag'
  readonly name: string
}

export const DEFAULT_SOURCE: Source = { kind: 'default', name: '' }

const GIVEN_LENGTH_MAX = 80

/** The operator's mistake: one line that says what, where and what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly reason: ExitReason

  constructor(reason: ExitReason, message: string) {
    super(oneLine(message))
    this.reason = reason
  }

  static badValue(key: string, source: Source, given: unknown, allowed: string): ConfigError {
    return new ConfigError(
      reasonOf(source),
      `${key} (${printSource(source)}): ${printGiven(given)} is not allowed; allowed is ${allowed}`,
    )
  }
}

/** Whoever wrote the value is told by the exit status too. */
export function reasonOf(source: Source): ExitReason {
  return source.kind === 'flag' ? 'usage' : 'config'
}

export function printSource(source: Source): string {
  return source.name === '' ? source.kind : `${source.kind} ${source.name}`
}

function printGiven(given: unknown): string {
  const text =
    typeof given === 'string' ? JSON.stringify(given) : (JSON.stringify(given) ?? 'nothing')
  return text.length <= GIVEN_LENGTH_MAX ? text : `${text.slice(0, GIVEN_LENGTH_MAX)}…`
}

/** "; did you mean x?" for a slip of the finger, else ''. */
export function suggestion(word: string, known: Iterable<string>): string {
  let best = ''
  let bestDistance = Math.max(2, Math.floor(word.length / 4)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best === '' ? '' : `; did you mean ${best}?`
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1] ? 0 : 1
      current[column] = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + same,
      )
    }
    previous = current
  }
  return previous[right.length] ?? 0
}
