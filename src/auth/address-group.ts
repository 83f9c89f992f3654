const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** Of an IPv6 address, what names a network: whoever has one address of it has 2^64. */
const GROUP_BITS = 64
/** What a site is given, and a customer of a provider at most: 65536 networks of the kind above. */
const NETWORK_BITS = 48
const BITS_EACH = 16
const GROUPS = 8

/** What one guesser can hardly have many of: an IPv4 address, or the /64 network of an IPv6 address. */
export function addressGroup(address: string): string {
  return prefixOf(address, GROUP_BITS)
}

/** All that one guesser may have: an IPv4 address, or the /48 network of an IPv6 address. */
export function networkOf(address: string): string {
  return prefixOf(address, NETWORK_BITS)
}

function prefixOf(address: string, bits: number): string {
  if (!address.includes(':')) return address
  const [text = ''] = address.split('%', 1)
  const mapped = MAPPED.exec(text)?.[1]
  if (mapped !== undefined) return mapped
  const [front = '', back] = text.split('::', 2)
  const head = groupsOf(front)
  const tail = back === undefined ? [] : groupsOf(back)
  const zeros = Array.from({ length: Math.max(0, GROUPS - head.length - tail.length) }, () => '0')
  const all = back === undefined ? head : [...head, ...zeros, ...tail]
  return `${all.slice(0, bits / BITS_EACH).join(':')}::/${bits}`
}

function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').map((group) => Number.parseInt(group, 16).toString(16))
}
