import type { Random } from '../support/seed.ts'

/**
 * Byte streams for the coverage-guided fuzzer: a grammar of everything the protocol knows, its limits
 * and what other protocols say, and ways to change a stream that was worth keeping.
 */

const KEYS = ['a', 'a', 'a', 'b', 'b', 'c', 'd', 'sp:a', 'noreply', 'YQ==', 'Yg==', 'YWI', '====']
const STRANGE_KEYS = [
  'k'.repeat(250),
  'k'.repeat(251),
  'Q'.repeat(336),
  'a\tb',
  '\xff\x80\0',
  '\r',
  'a\ra',
  'HTTP/1.1',
  '\0',
]

/** Around every power of two at which a reader of numbers could go wrong, and what is no number. */
export const EDGES: readonly string[] = [
  ...[31, 32, 53, 63, 64].flatMap((power) =>
    [-1n, 0n, 1n].flatMap((step) => [
      `${2n ** BigInt(power) + step}`,
      `-${2n ** BigInt(power) + step}`,
    ]),
  ),
  ...['2147483645', '2147483646', '99999999999999999999', '00000000001', '000000000001', '-0', '-'],
  ...[
    '+1',
    '-1',
    '+',
    '0x10',
    '1e3',
    '1x',
    'x',
    '1.5',
    '\x0b5',
    '5\0',
    '5\t',
    '\t5',
    '',
    '255',
    '256',
  ],
  ...['2592000', '2592001', '1700000000', '100', '60', '007', '0000000000000000000001'],
]

const META_FLAGS = 'b c f h k l q s t u v x I P L'.split(' ')
const META_ARGUMENTS = 'C D E F J N R T'.split(' ')
const MODES = 'A E P R S I D + - i d a x'.split(' ')

const OTHERS: readonly string[] = [
  'version\r\n',
  'mn\r\n',
  'mn\r\n',
  'quit\r\n',
  'verbosity 1\r\n',
  'verbosity\r\n',
  'flush_all\r\n',
  'flush_all 0\r\n',
  'flush_all -1 noreply\r\n',
  'flush_all 10\r\n',
  'flush_all x\r\n',
  'stats\r\n',
  'stats settings\r\n',
  'stats items\r\n',
  'stats slabs\r\n',
  'stats sizes\r\n',
  'stats reset\r\n',
  'stats conns\r\n',
  'stats detail on\r\n',
  'stats detail off\r\n',
  'stats detail dump\r\n',
  'stats detail\r\n',
  'stats cachedump 1 0\r\n',
  'stats cachedump 1 2\r\n',
  'stats cachedump 1\r\n',
  'stats cachedump 99 0\r\n',
  'stats cachedump x x\r\n',
  'stats x\r\n',
  'watch\r\n',
  'watch fetchers mutations evictions connevents deletions\r\n',
  'watch rawcmds x\r\n',
  'shutdown\r\n',
  'shutdown graceful\r\n',
  'cache_memlimit 64\r\n',
  'cache_memlimit 64 noreply\r\n',
  'cache_memlimit 1\r\n',
  'cache_memlimit 2000000000\r\n',
  'cache_memlimit\r\n',
  'lru mode flat\r\n',
  'lru mode x\r\n',
  'lru tune 10 25 0.1 2.0\r\n',
  'lru tune 90 90 0.1 2.0\r\n',
  'lru tune 10 25 0 2.0\r\n',
  'lru tune a b c d\r\n',
  'lru temp_ttl 60\r\n',
  'lru temp_ttl -1\r\n',
  'lru temp_ttl x\r\n',
  'lru\r\n',
  'lru_crawler enable\r\n',
  'lru_crawler disable\r\n',
  'lru_crawler crawl all\r\n',
  'lru_crawler crawl 1,2,3\r\n',
  'lru_crawler crawl 0\r\n',
  'lru_crawler metadump all\r\n',
  'lru_crawler metadump 1 noreply\r\n',
  'lru_crawler mgdump hash\r\n',
  'lru_crawler mgdump x\r\n',
  'lru_crawler tocrawl 1\r\n',
  'lru_crawler tocrawl x\r\n',
  'lru_crawler sleep 100\r\n',
  'lru_crawler sleep 1000001\r\n',
  'lru_crawler sleep x\r\n',
  'lru_crawler x y\r\n',
  'lru_crawler\r\n',
  'slabs reassign 1 2\r\n',
  'slabs reassign 1 1\r\n',
  'slabs reassign -1 99\r\n',
  'slabs reassign x y\r\n',
  'slabs automove 1\r\n',
  'slabs automove 9\r\n',
  'slabs automove x\r\n',
  'slabs automove ratio 0.5\r\n',
  'slabs automove ratio x\r\n',
  'slabs automove freeratio 0.1\r\n',
  'slabs automove freeratio x\r\n',
  'slabs automove window 10\r\n',
  'slabs automove window 1\r\n',
  'slabs automove window x\r\n',
  'slabs\r\n',
  'debugtime 5\r\n',
  'debugtime p\r\n',
  'debugtime r\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /a HTTP/1.0\r\nContent-Length: 10\r\n\r\nset a 0 0 1\r\n1\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
  '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\x04\xd2\x2b\xcb',
  '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n',
  '\x80\x01\0\x01\x08\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0ab',
  '\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03',
  '\0\x01\0\0\0\x01\0\0get a\r\n',
  ' get a\r\n',
  '\n',
  '\r\n',
  'ab\n',
]

const JUNK = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  ' ',
  '  ',
  '\t',
  '\xff',
  '\x80',
  '\x16\x03\x01',
  '-',
  '+',
  '0',
]

export function randomKey(random: Random): string {
  return random.chance(0.06) ? random.pick(STRANGE_KEYS) : random.pick(KEYS)
}

function number(random: Random, usual: string): string {
  return random.chance(0.85) ? usual : random.pick(EDGES)
}

/** Lengths at which the server changes what it does with a value. */
const LENGTHS = [0, 1, 2, 2, 3, 5, 8, 10, 20, 20, 40, 100, 300]
const LARGE_LENGTHS = [1000, 2040, 2046, 2047, 2048, 4000, 8190, 8191, 8192, 8193, 9000, 16_300]
const HUGE_LENGTHS = [20_300, 20_400, 20_410, 20_420, 20_480, 20_500, 30_000]

function someValue(random: Random, bytesMax: number): string {
  if (random.chance(0.3)) return random.pick(EDGES)
  if (random.chance(0.2))
    return random.pick(['mn\r\n', '\r\nset a 0 0 1\r\n9\r\n', '\r\n', 'END\r\n'])
  let length = random.pick(LENGTHS)
  if (random.chance(0.08)) length = random.pick(LARGE_LENGTHS)
  if (random.chance(0.02)) length = random.pick(HUGE_LENGTHS)
  return random.pick(['x', 'z', '7']).repeat(Math.min(length, bytesMax))
}

/** The data block behind a line: mostly as long as was said. */
function block(random: Random, value: string): string {
  if (random.chance(0.9)) return `${value}\r\n`
  return random.pick([
    `${value}x\r\n`,
    value,
    `${value}\n`,
    `${value}\r`,
    `${value}\n\r`,
    `${value}xx`,
  ])
}

function lineEnd(random: Random): string {
  return random.chance(0.93) ? '\r\n' : random.pick(['\n', ' \r\n', '\r\r\n', '\r', '', '\0\r\n'])
}

function storage(random: Random, bytesMax: number): string {
  const word = random.pick(['set', 'set', 'set', 'add', 'replace', 'append', 'prepend', 'cas'])
  const value = someValue(random, bytesMax)
  const words = [word, randomKey(random), number(random, '0'), number(random, '0')]
  words.push(number(random, String(value.length)))
  if (word === 'cas') words.push(number(random, String(101 + random.below(3))))
  if (random.chance(0.2)) words.push('noreply')
  if (random.chance(0.03)) words.splice(random.below(words.length), 1)
  const line = words.join(random.chance(0.95) ? ' ' : '  ')
  return line + lineEnd(random) + block(random, value)
}

function meta(random: Random, bytesMax: number): string {
  const word = random.pick(['mg', 'mg', 'mg', 'ms', 'ms', 'md', 'ma', 'ma', 'me'])
  const words = [word, randomKey(random)]
  const value = someValue(random, bytesMax)
  if (word === 'ms') words.push(number(random, String(value.length)))
  while (random.chance(0.75)) words.push(metaFlag(random))
  return words.join(' ') + lineEnd(random) + (word === 'ms' ? block(random, value) : '')
}

function metaFlag(random: Random): string {
  if (random.chance(0.5)) return random.pick(META_FLAGS)
  if (random.chance(0.25)) return `M${random.chance(0.9) ? random.pick(MODES) : ''}`
  if (random.chance(0.1)) return `O${'o'.repeat(random.pick([0, 1, 30, 31, 32, 33]))}`
  if (random.chance(0.05)) return random.pick(['!', 'x'.repeat(300), 'Z', '0', '\xff', 'noreply'])
  if (random.chance(0.05)) {
    return `L00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0${random.below(3)}`
  }
  return random.pick(META_ARGUMENTS) + number(random, random.pick(['0', '1', '30', '101', '102']))
}

function keyed(random: Random): string {
  const word = random.pick(['get', 'gets', 'get', 'gat', 'gats', 'delete', 'incr', 'decr', 'touch'])
  const words = [word]
  if (word.startsWith('gat')) words.push(number(random, '100'))
  words.push(randomKey(random))
  if (/incr|decr|touch/.test(word)) words.push(number(random, random.pick(['1', '9', '100'])))
  else while (random.chance(0.4)) words.push(randomKey(random))
  if (word.startsWith('g') && random.chance(0.05)) {
    for (let left = random.between(30, 80); left > 0; left--) words.push(randomKey(random))
  }
  if (random.chance(0.15)) words.push('noreply')
  return words.join(random.chance(0.95) ? ' ' : '  ') + lineEnd(random)
}

export function randomCommand(random: Random, bytesMax: number): string {
  const kind = random.below(100)
  if (kind < 35) return storage(random, bytesMax)
  if (kind < 65) return meta(random, bytesMax)
  if (kind < 88) return keyed(random)
  return random.pick(OTHERS)
}

export function randomInput(random: Random, bytesMax: number): Buffer {
  let text = ''
  for (let left = random.between(1, 8); left > 0; left--) text += randomCommand(random, bytesMax)
  return Buffer.from(text, 'latin1').subarray(0, bytesMax)
}

/** One to four changes of a stream; `other` is another one to take pieces from. */
export function mutate(random: Random, input: Buffer, other: Buffer, bytesMax: number): Buffer {
  let text = input.toString('latin1')
  for (let left = random.between(1, 4); left > 0; left--) {
    text = mutateOnce(random, text, other, bytesMax)
  }
  return Buffer.from(text, 'latin1').subarray(0, bytesMax)
}

function mutateOnce(random: Random, text: string, other: Buffer, bytesMax: number): string {
  const at = random.below(text.length + 1)
  const to = Math.min(text.length, at + 1 + random.below(random.chance(0.7) ? 4 : 60))
  switch (random.below(10)) {
    case 0:
      return text.slice(0, at) + text.slice(to)
    case 1:
      return text.slice(0, at) + random.pick(JUNK) + text.slice(at)
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1)
    case 3:
      return text.slice(0, to) + text.slice(at, to) + text.slice(to)
    case 4:
      return text.slice(0, at) + randomCommand(random, bytesMax) + text.slice(at)
    case 5:
      return text + randomCommand(random, bytesMax)
    case 6:
      return changeNumber(random, text)
    case 7: {
      const from = random.below(other.length + 1)
      return text.slice(0, at) + other.toString('latin1', from, from + random.below(80))
    }
    case 8:
      return changeWord(random, text)
    default:
      return atLineStart(random, text, randomCommand(random, bytesMax))
  }
}

function changeNumber(random: Random, text: string): string {
  const found = [...text.matchAll(/\d+/g)]
  if (found.length === 0) return text
  const chosen = random.pick(found)
  const old = chosen[0]
  const near = String(Math.max(0, Number(old.slice(0, 9)) + random.between(-2, 2)))
  const put = random.chance(0.5) ? near : random.pick(EDGES)
  return text.slice(0, chosen.index) + put + text.slice(chosen.index + old.length)
}

function changeWord(random: Random, text: string): string {
  const found = [...text.matchAll(/[^ \r\n]+/g)].slice(0, 200)
  if (found.length === 0) return text
  const chosen = random.pick(found)
  const put = random.pick([randomKey(random), metaFlag(random), 'noreply', ''])
  return text.slice(0, chosen.index) + put + text.slice(chosen.index + chosen[0].length)
}

function atLineStart(random: Random, text: string, command: string): string {
  const found = [...text.matchAll(/\n/g)].slice(0, 200)
  if (found.length === 0) return command + text
  const at = random.pick(found).index + 1
  return text.slice(0, at) + command + text.slice(at)
}
