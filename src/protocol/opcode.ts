/** Every command's number. commands/table.ts is an array indexed by it. */
export const OPCODE = {
  none: 0,
  get: 1,
  gets: 2,
  gat: 3,
  gats: 4,
  set: 5,
  add: 6,
  replace: 7,
  append: 8,
  prepend: 9,
  cas: 10,
  delete: 11,
  increment: 12,
  decrement: 13,
  touch: 14,
  metaGet: 15,
  metaSet: 16,
  metaDelete: 17,
  metaArithmetic: 18,
  metaDebug: 19,
  metaNoop: 20,
  version: 21,
  verbosity: 22,
  quit: 23,
  flushAll: 24,
  stats: 25,
  watch: 26,
  shutdown: 27,
  cacheMemlimit: 28,
  lru: 29,
  lruCrawler: 30,
  slabs: 31,
  debugtime: 32,
  /** Not a word: what parseAuth returns for the `set` that carries the password. */
  auth: 33,
  refreshCerts: 34,
} as const

/** One more than the largest opcode. */
export const OPCODE_COUNT = 35

/** The word of each opcode as clients write it, for metrics, traces and the log. */
export const OPCODE_WORDS: readonly string[] = [
  'invalid',
  'get',
  'gets',
  'gat',
  'gats',
  'set',
  'add',
  'replace',
  'append',
  'prepend',
  'cas',
  'delete',
  'incr',
  'decr',
  'touch',
  'mg',
  'ms',
  'md',
  'ma',
  'me',
  'mn',
  'version',
  'verbosity',
  'quit',
  'flush_all',
  'stats',
  'watch',
  'shutdown',
  'cache_memlimit',
  'lru',
  'lru_crawler',
  'slabs',
  'debugtime',
  'auth',
  'refresh_certs',
]

interface Word {
  readonly bytes: Buffer
  readonly opcode: number
}

/** Commands that must start at the first byte of the line. */
const FIRST_WORDS = wordsByLength({
  get: OPCODE.get,
  gets: OPCODE.gets,
  gat: OPCODE.gat,
  gats: OPCODE.gats,
  set: OPCODE.set,
  add: OPCODE.add,
  replace: OPCODE.replace,
  append: OPCODE.append,
  prepend: OPCODE.prepend,
  cas: OPCODE.cas,
  delete: OPCODE.delete,
  incr: OPCODE.increment,
  decr: OPCODE.decrement,
  touch: OPCODE.touch,
  mg: OPCODE.metaGet,
  ms: OPCODE.metaSet,
  md: OPCODE.metaDelete,
  ma: OPCODE.metaArithmetic,
  me: OPCODE.metaDebug,
  mn: OPCODE.metaNoop,
  version: OPCODE.version,
  quit: OPCODE.quit,
  stats: OPCODE.stats,
  watch: OPCODE.watch,
})

/** Commands of memcached's second table: they heed noreply, and spaces may stand before them. */
const LATER_WORDS = wordsByLength({
  verbosity: OPCODE.verbosity,
  flush_all: OPCODE.flushAll,
  shutdown: OPCODE.shutdown,
  cache_memlimit: OPCODE.cacheMemlimit,
  lru: OPCODE.lru,
  lru_crawler: OPCODE.lruCrawler,
  slabs: OPCODE.slabs,
  debugtime: OPCODE.debugtime,
  refresh_certs: OPCODE.refreshCerts,
})

/** The opcode of buffer[start, end) among the ordinary commands, OPCODE.none if it is none. */
export function findCommand(buffer: Buffer, start: number, end: number): number {
  return findWord(FIRST_WORDS, buffer, start, end)
}

/** The same among the administrative commands. */
export function findLaterCommand(buffer: Buffer, start: number, end: number): number {
  return findWord(LATER_WORDS, buffer, start, end)
}

function findWord(words: readonly Word[][], buffer: Buffer, start: number, end: number): number {
  const length = end - start
  if (length >= words.length) return OPCODE.none
  const candidates = words[length]!
  for (let index = 0; index < candidates.length; index++) {
    const word = candidates[index]!
    if (startsWith(buffer, start, word.bytes)) return word.opcode
  }
  return OPCODE.none
}

function startsWith(buffer: Buffer, start: number, word: Buffer): boolean {
  for (let index = 0; index < word.length; index++) {
    if (buffer[start + index] !== word[index]) return false
  }
  return true
}

function wordsByLength(opcodes: Readonly<Record<string, number>>): Word[][] {
  const words: Word[][] = []
  for (const [word, opcode] of Object.entries(opcodes)) {
    while (words.length <= word.length) words.push([])
    words[word.length]!.push({ bytes: Buffer.from(word), opcode })
  }
  return words
}
