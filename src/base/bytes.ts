/**
 * Bytes and decimal digits, without strings. Everything here runs once or more per command, so
 * nothing allocates.
 */

/** Below this many bytes a loop beats the call into Buffer.copy (measured: about 40). */
const LOOP_BYTES_MAX = 40

const ZERO = 48

/** Copies source[from, to) to target at `at`. Returns the offset after the copy. */
export function copyBytes(
  source: Buffer,
  from: number,
  to: number,
  target: Buffer,
  at: number,
): number {
  const length = to - from
  if (length >= LOOP_BYTES_MAX) {
    source.copy(target, at, from, to)
  } else {
    for (let index = 0; index < length; index++) target[at + index] = source[from + index]!
  }
  return at + length
}

/** Writes 0 … 4294967295 in decimal. Returns the offset after the last digit. */
export function writeUint32(target: Buffer, at: number, value: number): number {
  if (value < 10) {
    target[at] = ZERO + value
    return at + 1
  }
  // Above the range of int32 the division below would be done on doubles: cut once instead.
  if (value > 0x7fffffff) {
    const high = Math.floor(value / 100000)
    return writePadded(target, writeUint32(target, at, high), value - high * 100000, 5)
  }
  const end = at + decimalLength(value)
  let rest = value | 0
  for (let offset = end - 1; offset >= at; offset--) {
    const quotient = (rest / 10) | 0
    target[offset] = ZERO + rest - quotient * 10
    rest = quotient
  }
  return end
}

/** Writes a value below 2^31 in exactly `width` digits, with zeros in front. */
export function writePadded(target: Buffer, at: number, value: number, width: number): number {
  let rest = value | 0
  for (let offset = at + width - 1; offset >= at; offset--) {
    const quotient = (rest / 10) | 0
    target[offset] = ZERO + rest - quotient * 10
    rest = quotient
  }
  return at + width
}

/** Number of decimal digits of 0 … 2147483647. */
export function decimalLength(value: number): number {
  if (value < 10000) {
    if (value < 100) return value < 10 ? 1 : 2
    return value < 1000 ? 3 : 4
  }
  if (value < 1000000) return value < 100000 ? 5 : 6
  if (value < 100000000) return value < 10000000 ? 7 : 8
  return value < 1000000000 ? 9 : 10
}
