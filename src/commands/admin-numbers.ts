/**
 * Numbers in administrative commands, read as memcached reads them: decimal digits, at most eleven
 * characters for 32 bits, a minus only where it makes sense. null: not such a number.
 */
const UINT32_MAX = 0xffffffff
const INT32_MAX = 0x7fffffff

export function readUint32(word: string | undefined): number | null {
  if (word === undefined || !/^\d{1,11}$/.test(word)) return null
  const value = Number(word)
  return value <= UINT32_MAX ? value : null
}

export function readInt32(word: string | undefined): number | null {
  if (word === undefined || !/^-?\d{1,11}$/.test(word)) return null
  const value = Number(word)
  return value <= INT32_MAX && value >= -INT32_MAX - 1 ? value : null
}

/** A decimal fraction, perhaps with an exponent. */
export function readDecimal(word: string | undefined): number | null {
  if (word === undefined || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return null
  const value = Number(word)
  return Number.isFinite(value) ? value : null
}
