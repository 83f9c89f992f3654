import { readFileSync, writeFileSync } from 'node:fs'
import type { Recorded } from './recorder.ts'

/** A history as JSON: a seed does not bring the same timing again, so what went wrong is kept. */
export interface HistoryFile {
  readonly keys: readonly string[]
  readonly history: readonly Recorded[]
}

export function writeHistory(file: string, content: HistoryFile): void {
  writeFileSync(file, JSON.stringify(content, encode))
}

export function readHistory(file: string): HistoryFile {
  return JSON.parse(readFileSync(file, 'utf8'), decode) as HistoryFile
}

/** JSON has neither Infinity nor whole numbers of 64 bits. */
function encode(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  return value === Number.POSITIVE_INFINITY ? 'never' : value
}

function decode(name: string, value: unknown): unknown {
  if (name === 'returned' && value === 'never') return Number.POSITIVE_INFINITY
  const isWhole = name === 'delta' || (typeof value === 'string' && /^-?\d+n$/.test(value))
  return isWhole ? BigInt(String(value).slice(0, -1)) : value
}
