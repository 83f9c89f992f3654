import type { Random } from '../support/seed.ts'

/**
 * One random command. `cas` stands in the text where a unique learnt from the same server's earlier
 * reply goes, because the two servers count on their own.
 */
export interface Command {
  readonly text: string
  /** False when bytes may be left over, so that what follows could be read as data. */
  readonly complete: boolean
}

/** What of the protocol the peer understands. */
export interface Dialect {
  /** The flags and error texts of 1.6.45; without it only what 1.6.18 has in common with it. */
  readonly full: boolean
}

/** Where a learnt unique of this key goes. */
export function learntCas(key: string): string {
  return `<<cas:${key}>>`
}

export const LEARNT_CAS = /<<cas:(.*?)>>/g

/** A command that shows every item there may be, so that a difference in what is stored is seen soon. */
export function showAll(): string {
  return `gets ${KEYS.join(' ')}\r\n`
}

/** Commands that remove every item there may be. */
export function removeAll(): string {
  const encoded = ENCODED_KEYS.map((key) => `md ${toBase64(key)} b q\r\n`)
  return [...KEYS.map((key) => `delete ${key} noreply\r\n`), ...encoded].join('')
}

function toBase64(key: string): string {
  return Buffer.from(key, 'latin1').toString('base64')
}

const LONG_KEY = 'L'.repeat(250)
const KEYS = [
  'k0',
  'k1',
  'k2',
  'k3',
  'k4',
  'k5',
  'n0',
  'n1',
  'n2',
  'odd\t\xff%',
  'noreplY',
  LONG_KEY,
]
/** Used with `b` only: plain commands would make memcached forget how the key was sent. */
const ENCODED_KEYS = ['b0', 'b1\x01\xff', 'b2 \r\n']
const LENGTHS = [0, 1, 2, 3, 8, 20, 40, 100, 500, 2000, 7990, 8191, 8192, 8193, 20_000, 66_000]
const EDGE_LENGTHS = [1_048_000, 1_048_514, 1_048_515, 1_048_576]
const CLIENT_FLAGS = ['0', '0', '0', '1', '65535', '2147483648', '4294967295', '007', '+5']
/** Far enough away that no item expires while a run lasts, whichever digit a mutation drops. */
const TIMES = ['0', '0', '0', '20000', '99999', '2592000', '-99999', '2592001']
const NUMBERS = [
  '0',
  '1',
  '9',
  '10',
  '99',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551615',
]
/** How many of them are below 2^63. */
const SMALL_NUMBERS = 8
const BAD_NUMBERS = [
  'x',
  '-5',
  '+5',
  '1.5',
  '18446744073709551616',
  '0x10',
  '99999999999999999999999',
]

export function randomCommand(random: Random, dialect: Dialect): Command {
  const weight = random.below(100)
  if (weight < 22) return storage(random, dialect)
  if (weight < 36) return retrieval(random)
  if (weight < 46) return arithmetic(random, dialect)
  if (weight < 52) return touch(random, dialect)
  if (weight < 56) return deletion(random)
  if (weight < 94) return meta(random, dialect)
  return other(random, dialect)
}

function storage(random: Random, dialect: Dialect): Command {
  const name = random.pick(['set', 'set', 'add', 'replace', 'append', 'prepend', 'cas'])
  // Counters are not appended to: memcached pads them or not, see README.md.
  const key = name.endsWith('pend') ? random.pick(KEYS.slice(0, 6)) : random.pick(KEYS)
  const value = randomValue(random, key, dialect)
  const unique =
    name === 'cas' ? ` ${random.chance(0.6) ? learntCas(key) : pickNumber(random, dialect)}` : ''
  const quiet = random.chance(0.15) ? ' noreply' : ''
  const numbers = `${random.pick(CLIENT_FLAGS)} ${random.pick(TIMES)}`
  return line(`${name} ${key} ${numbers} ${value.length}${unique}${quiet}\r\n${value}`)
}

function retrieval(random: Random): Command {
  const name = random.pick(['get', 'gets', 'get', 'gets', 'gat', 'gats'])
  const count = random.chance(0.5) ? 1 : random.between(2, 30)
  const keys = Array.from({ length: count }, () => random.pick(KEYS)).join(' ')
  return line(name.startsWith('gat') ? `${name} ${random.pick(TIMES)} ${keys}` : `${name} ${keys}`)
}

function arithmetic(random: Random, dialect: Dialect): Command {
  const name = random.pick(['incr', 'decr'])
  const key = random.pick(['n0', 'n1', 'n2', 'k0'])
  const bad = dialect.full && random.chance(0.1)
  const delta = bad ? random.pick(BAD_NUMBERS) : pickNumber(random, dialect)
  return line(`${name} ${key} ${delta}${random.chance(0.1) ? ' noreply' : ''}`)
}

function touch(random: Random, dialect: Dialect): Command {
  const time = dialect.full && random.chance(0.15) ? random.pick(BAD_NUMBERS) : random.pick(TIMES)
  return line(`touch ${random.pick(KEYS)} ${time}${random.chance(0.1) ? ' noreply' : ''}`)
}

function deletion(random: Random): Command {
  const quiet = random.pick(['', '', ' noreply', ' 0', ' 0 noreply'])
  return line(`delete ${random.pick(KEYS)}${quiet}`)
}

function other(random: Random, dialect: Dialect): Command {
  // No working flush_all: memcached's may leave items of the last second behind.
  const common = ['mn', 'verbosity 0', 'foo', 'foo bar', 'version_']
  const full = [
    'foo noreply',
    'flush_all x',
    'get',
    'set',
    'set k0',
    'set k0 0 0',
    'cas k0 0 0',
    'set k0 0 0 x',
    'set k0 0 0 -1',
    'incr k0',
    'incr n0 noreply',
    'touch k0',
    'gat 0',
    'mg',
    'ms k0',
    'ma',
    'md',
    'me k0',
    'GET k0',
    ' get k0',
    'gett',
    'a',
    '',
    'lru_crawler',
    'slabs',
    'lru',
    'verbosity',
  ]
  return line(random.pick(dialect.full && random.chance(0.8) ? full : common))
}

function meta(random: Random, dialect: Dialect): Command {
  const name = random.pick(['mg', 'mg', 'ms', 'ms', 'md', 'ma', 'mn'])
  if (name === 'mn') return line('mn')
  const encoded = name !== 'ma' && random.chance(0.15)
  const plain = encoded
    ? random.pick(ENCODED_KEYS)
    : name === 'ma'
      ? random.pick(['n0', 'n1', 'n2', 'k0'])
      : random.pick(KEYS.slice(0, -1))
  const key = encoded ? toBase64(plain) : plain
  let flags = metaFlags(random, name, plain, dialect)
  // Only an item made by an ms that replaces it is known to memcached as one with an encoded key.
  if (encoded) flags = flags.filter((flag) => !/^(N|x|MA|MP)/.test(flag))
  if (encoded) flags.splice(random.below(flags.length + 1), 0, 'b')
  const tail = flags.map((flag) => ` ${flag}`).join('')
  if (name !== 'ms') return line(`${name} ${key}${tail}`)
  const value = / MA| MP/.test(tail) && isCounter(plain) ? '' : randomValue(random, plain, dialect)
  return line(`ms ${key} ${value.length}${tail}\r\n${value}`)
}

function metaFlags(random: Random, name: string, key: string, dialect: Dialect): string[] {
  const all = [...(META_FLAGS[name] ?? []), ...(dialect.full ? (FULL_FLAGS[name] ?? []) : [])]
  const pool = all.filter((letter) => !isAvoided(name, letter, key, dialect))
  const flags: string[] = []
  for (let left = random.below(6); left > 0 && pool.length > 0; left--) {
    const [letter] = pool.splice(random.below(pool.length), 1)
    if (letter !== undefined) flags.push(letter + metaArgument(random, name, letter, key, dialect))
  }
  if (dialect.full && random.chance(0.06)) {
    // After the last one, ms does not expect its data, which would then be read as commands.
    flags.push(random.pick(name === 'ms' ? STRANGE_FLAGS.slice(0, -1) : STRANGE_FLAGS))
  }
  return flags
}

/**
 * Whether memcached rewrites a counter or makes a new item of it hangs on what else is under way, and
 * a new item has forgotten that it was stale or won. 1.6.18 is not quiet when ma makes an item.
 */
function isAvoided(name: string, letter: string, key: string, dialect: Dialect): boolean {
  if (name === 'ma' && letter === 'q') return !dialect.full
  if (name === 'ma') return letter === 'N' && !isCounter(key)
  return isCounter(key) && 'INRx'.includes(letter)
}

function isCounter(key: string): boolean {
  return key.startsWith('n') && key !== 'noreplY'
}

/** Flags both dialects know, as text of letters; `T`, `N` and others get an argument. */
const META_FLAGS: Readonly<Record<string, string>> = {
  mg: 'vvvcfhkqstuONRT',
  ms: 'cCFIkOqTM',
  md: 'CIkOqT',
  ma: 'vctkOqCDJMN',
}
const FULL_FLAGS: Readonly<Record<string, string>> = {
  mg: 'CELP',
  ms: 'ENsLP',
  md: 'EFxLP',
  // No T and no E: when memcached has to make a new item of a counter, both are in the reply only.
  ma: 'LP',
}
const STRANGE_FLAGS = [
  'S10',
  'k k',
  'T',
  'Tx',
  'Nx',
  'Cx',
  'Fx',
  'Dx',
  'Jx',
  'Z',
  '0',
  'R',
  'Ex',
  '!',
]

function metaArgument(
  random: Random,
  name: string,
  letter: string,
  key: string,
  dialect: Dialect,
): string {
  switch (letter) {
    case 'T':
    case 'N':
      return random.pick(TIMES)
    case 'R':
      return random.pick(['0', '30', '50000', '2592001'])
    case 'C':
      return random.chance(0.6) ? learntCas(key) : random.pick(['0', '99999999999999'])
    case 'E':
      return String(5_000_000_000_000 + random.below(1000))
    case 'F':
      return random.pick(['0', '1', '4294967295'])
    case 'D':
    case 'J':
      return pickNumber(random, dialect)
    case 'M':
      return random.pick(name === 'ma' ? ['I', 'D', '+', '-'] : ['E', 'A', 'P', 'R', 'S'])
    case 'O':
      return 'o'.repeat(random.pick([0, 1, 8, 31]))
    case 'L':
    case 'P':
      return random.pick(['', 'x', 'path/to'])
    default:
      return ''
  }
}

/** 1.6.18 looks for a minus sign also behind a value of 2^63 or more, and may find one there. */
function pickNumber(random: Random, dialect: Dialect): string {
  const numbers = dialect.full ? NUMBERS : NUMBERS.slice(0, SMALL_NUMBERS)
  return random.chance(0.5) ? String(random.below(100)) : random.pick(numbers)
}

/** Numbers for counter keys, bytes of any kind for the others; never only white space. */
function randomValue(random: Random, key: string, dialect: Dialect): string {
  if (isCounter(key) && random.chance(0.8)) return pickNumber(random, dialect)
  if (random.chance(0.01)) return 'E'.repeat(random.pick(EDGE_LENGTHS))
  const length = random.pick(isCounter(key) ? LENGTHS.slice(1) : LENGTHS)
  if (length > 100 || random.chance(0.5)) return 'v'.repeat(length)
  const bytes = Array.from({ length }, () => String.fromCharCode(random.below(256)))
  if (bytes.length > 0) bytes[0] = 'b'
  return bytes.join('')
}

function line(text: string): Command {
  return { text: `${text}\r\n`, complete: true }
}
