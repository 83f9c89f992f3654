/**
 * Percent coding (RFC 3986) as memcached uses it to show keys on one line: letters, digits and
 * `-._~` stay, every other byte becomes % and two capital hexadecimal digits. At most three times
 * as long as the key.
 */
export function percentEncode(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let offset = start; offset < end; offset++) text += ENCODED[bytes[offset] as number]
  return text
}

const ENCODED = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[A-Za-z0-9\-._~]/.test(character)) return character
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})
