/** Bytes as one readable line: CR and LF visible, everything unprintable in hexadecimal. */
export function escapeBytes(bytes: Buffer, lengthMax = 600): string {
  const shown = bytes.length > lengthMax ? bytes.subarray(0, lengthMax) : bytes
  const text = shown
    .toString('latin1')
    .replace(/\\/g, '\\\\')
    .replace(/\r/g, '\\r')
    .replace(/\n/g, '\\n')
    .replace(
      /[^\x20-\x7e]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
  return shown === bytes ? `"${text}"` : `"${text}"… (${bytes.length} bytes)`
}

/** Both sides of a difference, beginning a little before it so that long values stay readable. */
export function describeDifference(expected: Buffer, actual: Buffer): string {
  const at = firstDifference(expected, actual)
  const from = Math.max(0, at - 40)
  return [
    `first difference at byte ${at}${from > 0 ? ` (shown from byte ${from})` : ''}`,
    `expected: ${escapeBytes(expected.subarray(from))}`,
    `     got: ${escapeBytes(actual.subarray(from))}`,
  ].join('\n')
}

export function firstDifference(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length)
  for (let at = 0; at < length; at++) {
    if (left[at] !== right[at]) return at
  }
  return length
}
