/**
 * Base64 for meta keys (RFC 4648, the standard alphabet with padding). Like memcached's, the decoder
 * passes over bytes that are not in the alphabet and stops after the padding: keys that were stored
 * through it must be found again.
 */
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const PAD = 61
const NOT_IN_ALPHABET = 128
const VALUES = new Uint8Array(256).fill(NOT_IN_ALPHABET)
for (const [value, letter] of ALPHABET.entries()) VALUES[letter] = value
VALUES[PAD] = 0

/**
 * Decodes source[from, to) into target at 0, where there must be room for three quarters of it.
 * Returns the decoded length, 0 if the text is no base64.
 */
export function decodeBase64(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
): number {
  if (!hasWholeGroups(source, from, to)) return 0
  let length = 0
  let group = 0
  let count = 0
  let pads = 0
  for (let offset = from; offset < to; offset++) {
    const byte = source[offset]!
    const value = VALUES[byte]!
    if (value === NOT_IN_ALPHABET) continue
    if (byte === PAD) pads++
    group = (group << 6) | value
    count++
    if (count < 4) continue
    target[length] = group >>> 16
    target[length + 1] = group >>> 8
    target[length + 2] = group
    length += 3
    if (pads > 0) return pads <= 2 ? length - pads : 0
    group = 0
    count = 0
  }
  return length
}

/** Encodes source[from, to) into target at `at`. Returns the offset after the text. */
export function encodeBase64(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number {
  let position = at
  for (let offset = from; offset < to; offset += 3) {
    const left = to - offset
    const second = left > 1 ? source[offset + 1]! : 0
    const third = left > 2 ? source[offset + 2]! : 0
    const group = (source[offset]! << 16) | (second << 8) | third
    target[position] = ALPHABET[group >>> 18]!
    target[position + 1] = ALPHABET[(group >>> 12) & 63]!
    target[position + 2] = left > 1 ? ALPHABET[(group >>> 6) & 63]! : PAD
    target[position + 3] = left > 2 ? ALPHABET[group & 63]! : PAD
    position += 4
  }
  return position
}

/** The letters and pads come in groups of four, and there is at least one. */
function hasWholeGroups(source: Uint8Array, from: number, to: number): boolean {
  let count = 0
  for (let offset = from; offset < to; offset++) {
    if (VALUES[source[offset]!] !== NOT_IN_ALPHABET) count++
  }
  return count > 0 && (count & 3) === 0
}
