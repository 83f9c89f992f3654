import { writePadded, writeUint32 } from './bytes.ts'

/**
 * Unsigned 64-bit numbers (CAS values, counters) as two 32-bit halves, because a BigInt is an
 * allocation per operation. Halves are kept as int32, so that they stay small integers; a reader
 * that needs the unsigned value writes `>>> 0`.
 */
export class Uint64 {
  high = 0
  low = 0

  set(high: number, low: number): void {
    this.high = high | 0
    this.low = low | 0
  }

  /** Adds, wrapping at 2^64. */
  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0)
    this.low = sum | 0
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0
  }

  /** Subtracts, stopping at 0. */
  subtract(high: number, low: number): void {
    if (uint64Less(this.high, this.low, high, low)) {
      this.high = 0
      this.low = 0
      return
    }
    const borrow = this.low >>> 0 < low >>> 0 ? 1 : 0
    this.low = (this.low - low) | 0
    this.high = (this.high - high - borrow) | 0
  }
}

/** Digits a reader accepts, leading zeros included. */
const DIGITS_MAX = 22
/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15
const BILLION = 1000000000
const TWO_32 = 4294967296

/** Whether a < b. */
export function uint64Less(aHigh: number, aLow: number, bHigh: number, bLow: number): boolean {
  if (aHigh !== bHigh) return aHigh >>> 0 < bHigh >>> 0
  return aLow >>> 0 < bLow >>> 0
}

/**
 * Reads bytes[from, to) as a decimal number: only digits, 1 to 22 of them, at most 2^64-1.
 * False, with `target` unchanged, if it is not one.
 */
export function readUint64(bytes: Uint8Array, from: number, to: number, target: Uint64): boolean {
  const length = to - from
  if (length < 1 || length > DIGITS_MAX) return false
  const split = length > EXACT_DIGITS ? to - 9 : from
  const upper = readDigits(bytes, from, split)
  const lower = readDigits(bytes, split, to)
  if (upper < 0 || lower < 0) return false
  if (upper === 0) {
    target.set(Math.floor(lower / TWO_32), lower)
    return true
  }
  if (upper > 18446744073 || (upper === 18446744073 && lower > 709551615)) return false
  setProduct(upper, lower, target)
  return true
}

/** Writes the number in decimal. Returns the offset after the last digit. */
export function writeUint64(target: Buffer, at: number, high: number, low: number): number {
  const unsignedLow = low >>> 0
  if (high === 0) return writeUint32(target, at, unsignedLow)
  // Long division by 10^9 in steps whose remainders stay below 2^53.
  const unsignedHigh = high >>> 0
  const first = Math.floor(unsignedHigh / BILLION)
  let part = (unsignedHigh - first * BILLION) * 65536 + (unsignedLow >>> 16)
  const second = Math.floor(part / BILLION)
  part = (part - second * BILLION) * 65536 + (unsignedLow & 0xffff)
  const third = Math.floor(part / BILLION)
  const remainder = part - third * BILLION
  const quotient = first * TWO_32 + second * 65536 + third
  return writePadded(target, writeQuotient(target, at, quotient), remainder, 9)
}

/** A quotient by 10^9 is at most 18446744073: possibly over 32 bits. */
function writeQuotient(target: Buffer, at: number, quotient: number): number {
  if (quotient < TWO_32) return writeUint32(target, at, quotient)
  const upper = Math.floor(quotient / 100000)
  return writePadded(target, writeUint32(target, at, upper), quotient - upper * 100000, 5)
}

/** Up to 15 digits as a double; 0 for none, -1 if there is anything else. */
function readDigits(bytes: Uint8Array, from: number, to: number): number {
  let value = 0
  for (let offset = from; offset < to; offset++) {
    const digit = bytes[offset]! - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** upper × 10^9 + lower, both known to give less than 2^64. */
function setProduct(upper: number, lower: number, target: Uint64): void {
  const upperHigh = Math.floor(upper / TWO_32)
  const upperLow = upper - upperHigh * TWO_32
  const upperMiddle = Math.floor(upperLow / 65536)
  const bottom = (upperLow - upperMiddle * 65536) * BILLION + lower
  const middle = upperMiddle * BILLION
  const middleHigh = Math.floor(middle / 65536)
  const bottomHigh = Math.floor(bottom / TWO_32)
  const low = (middle - middleHigh * 65536) * 65536 + (bottom - bottomHigh * TWO_32)
  const carry = low >= TWO_32 ? 1 : 0
  target.set(upperHigh * BILLION + middleHigh + bottomHigh + carry, low)
}
