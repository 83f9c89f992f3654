/**
 * The W3C trace context (Trace Context Level 2, section 3.2): `00-<32 hex>-<16 hex>-<2 hex>`. A
 * client sends it in the L token of a meta command, which memcached passes over, so that one client
 * can talk to both.
 */
const VERSION_00_BYTES = 55
const DASH = 45

/** A traceparent that was read: ids as words of four bytes, the first byte lowest. */
export class Traceparent {
  readonly traceId = new Int32Array(4)
  readonly spanId = new Int32Array(2)
  flags = 0

  /** Bit 0 of the flags: whoever sent it keeps the trace. */
  get sampled(): boolean {
    return (this.flags & 1) !== 0
  }

  /**
   * A number from 0 up to 1 that is the same for every part of the trace. It is the one that
   * OpenTelemetry's JavaScript compares with a ratio, so that client and server keep the same traces.
   */
  get draw(): number {
    const words = this.traceId
    const mixed = words[0]! ^ words[1]! ^ words[2]! ^ words[3]!
    const bigEndian =
      (mixed << 24) | ((mixed & 0xff00) << 8) | ((mixed >>> 8) & 0xff00) | (mixed >>> 24)
    return (bigEndian >>> 0) / 2 ** 32
  }
}

/**
 * Reads buffer[from, to) into `target`; false when it is no traceparent, and then target means
 * nothing. Upper-case digits, the version ff and ids of zeros are refused, as the standard wants. A
 * later version may go on behind the flags.
 */
export function readTraceparent(
  buffer: Uint8Array,
  from: number,
  to: number,
  target: Traceparent,
): boolean {
  const length = to - from
  if (length < VERSION_00_BYTES) return false
  const version = hexByte(buffer, from)
  if (version < 0 || version === 255) return false
  if (length > VERSION_00_BYTES && (version === 0 || buffer[from + 55] !== DASH)) return false
  if (buffer[from + 2] !== DASH || buffer[from + 35] !== DASH || buffer[from + 52] !== DASH) {
    return false
  }
  const flags = hexByte(buffer, from + 53)
  if (flags < 0) return false
  target.flags = flags
  return (
    readId(buffer, from + 3, target.traceId) > 0 && readId(buffer, from + 36, target.spanId) > 0
  )
}

/** Fills the words from hex digits. 1 it is an id, 0 all zeros, -1 something else. */
function readId(buffer: Uint8Array, from: number, words: Int32Array): number {
  let any = 0
  for (let index = 0; index < words.length; index++) {
    let word = 0
    for (let byte = 0; byte < 4; byte++) {
      const value = hexByte(buffer, from + index * 8 + byte * 2)
      if (value < 0) return -1
      word |= value << (byte * 8)
    }
    words[index] = word
    any |= word
  }
  return any === 0 ? 0 : 1
}

/** Two lower-case digits as a number, or something negative. */
function hexByte(buffer: Uint8Array, at: number): number {
  return (hexDigit(buffer[at]!) << 4) | hexDigit(buffer[at + 1]!)
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  return byte >= 97 && byte <= 102 ? byte - 87 : -1
}
