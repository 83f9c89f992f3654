const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** Groups of an IPv6 address that name a network: whoever has one address of it has 2^64. */
const NETWORK_GROUPS = 4
const GROUPS = 8

/** What one guesser can hardly have many of: an IPv4 address, or the /64 network of an IPv6 address. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address
  const [text = ''] = address.split('%', 1)
  const mapped = MAPPED.exec(text)?.[1]
  if (mapped !== undefined) return mapped
  const [front = '', back] = text.split('::', 2)
  const head = groupsOf(front)
  const tail = back === undefined ? [] : groupsOf(back)
  const zeros = Array.from({ length: Math.max(0, GROUPS - head.length - tail.length) }, () => '0')
  const all = back === undefined ? head : [...head, ...zeros, ...tail]
  return `${all.slice(0, NETWORK_GROUPS).join(':')}::/64`
}

function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').map((group) => Number.parseInt(group, 16).toString(16))
}
