import type { Format } from './formats.ts'

/** One leaf of the convict schema, with our own format beside convict's check. */
export interface Setting<T> {
  readonly doc: string
  readonly default: T
  readonly env: string
  readonly format: (value: unknown) => void
  readonly rule: Format<T>
}

export function setting<T>(rule: Format<T>, standard: T, env: string, doc: string): Setting<T> {
  const format = (value: unknown): void => {
    if (!rule.accepts(value)) throw new Error(`must be ${rule.allowed}`)
  }
  return { doc, default: standard, env, format, rule }
}
