import assert from 'node:assert/strict'

/**
 * Where commands begin and end in a stream, by the rules of the protocol alone: written without a look
 * at the parser's code, as slow and plain as may be, and used to judge it. A value belongs to its command whatever becomes
 * of it, so long as the line said a length; that is all there is to smuggling.
 */
export interface Frame {
  readonly from: number
  readonly to: number
  /** The first word; '' when the line begins with a space or has none. */
  readonly word: string
  readonly words: readonly string[]
  /** Also among the keys that `words` leaves out. */
  readonly hasLongKey: boolean
}

export interface Framing {
  readonly frames: readonly Frame[]
  /** The last frame closes the connection, or turns it into a watcher's. */
  readonly ends: boolean
  /** What has to be added so that the stream ends between two commands. */
  readonly completion: Buffer
}

const TLS_HANDSHAKE = 0x16
const WORDS_MAX = 23
const VALUE_LENGTH_MAX = 2147483645
const STORAGE: ReadonlySet<string> = new Set(['set', 'add', 'replace', 'append', 'prepend', 'cas'])
const KNOWN: ReadonlySet<string> = new Set(
  'get gets gat gats delete incr decr touch mg ms md ma me mn version stats set add replace append prepend cas'.split(
    ' ',
  ),
)
const KNOWN_LATER: ReadonlySet<string> = new Set(
  'verbosity flush_all shutdown cache_memlimit lru lru_crawler slabs debugtime'.split(' '),
)

export function frame(input: Buffer): Framing {
  const frames: Frame[] = []
  let at = 0
  while (at < input.length) {
    // Where no TLS is spoken, a line that begins like it ends the connection.
    if (input[at] === TLS_HANDSHAKE) {
      frames.push({ from: at, to: input.length, word: '', words: [], hasLongKey: false })
      return { frames, ends: true, completion: Buffer.alloc(0) }
    }
    const lineFeed = input.indexOf(10, at)
    if (lineFeed < 0) return { frames, ends: false, completion: restOfLine(input.subarray(at)) }
    const raw = input.toString('latin1', at, lineFeed)
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    const words = wordsOf(line)
    const word = line.startsWith(' ') || raw.length < 3 ? '' : (words[0] ?? '')
    const length = raw.length < 3 ? -1 : valueLength(word, words)
    const to = length < 0 ? lineFeed + 1 : lineFeed + 1 + length + 2
    const hasLongKey = /[^ ]{251}/.test(line)
    frames.push({ from: at, to: Math.min(to, input.length), word, words, hasLongKey })
    if (to > input.length) {
      return { frames, ends: false, completion: filler(to - input.length) }
    }
    at = to
    if (raw.length >= 3 && endsConnection(word, words)) {
      return { frames, ends: true, completion: Buffer.alloc(0) }
    }
  }
  return { frames, ends: false, completion: Buffer.alloc(0) }
}

/** The end of the line, and with it perhaps a value that it asks for. */
function restOfLine(begun: Buffer): Buffer {
  const end = Buffer.from('\r\n')
  const { completion } = frame(Buffer.concat([begun, end]))
  return completion === TOO_LONG ? TOO_LONG : Buffer.concat([end, completion])
}

function wordsOf(line: string): string[] {
  return line
    .split(' ')
    .filter((word) => word !== '')
    .slice(0, WORDS_MAX)
}

/** Bytes of the value that follows the line, -1 when none does. */
function valueLength(word: string, words: readonly string[]): number {
  if (STORAGE.has(word)) return words.length < 5 ? -1 : lengthIn(words[4]!)
  if (word !== 'ms' || words.length < 3) return -1
  const flagsBegin = words.slice(3).every((flag) => /^[0-9A-z]/.test(flag))
  return flagsBegin ? lengthIn(words[2]!) : -1
}

/** Up to eleven characters, a minus allowed (alone it is a zero). */
function lengthIn(word: string): number {
  if (!/^-?\d*$/.test(word) || word.length > 11) return -1
  const value = Number(word === '-' ? 0 : word)
  return value >= 0 && value <= VALUE_LENGTH_MAX ? value : -1
}

function endsConnection(word: string, words: readonly string[]): boolean {
  if (word === 'quit') return true
  if (KNOWN.has(word) || word === 'watch' || KNOWN_LATER.has(words[0] ?? '')) return false
  return words.length > 1 && words.at(-1)!.startsWith('HTTP/')
}

/** The rest of a value and its end; nobody sends two gigabytes only to see it thrown away. */
function filler(bytes: number): Buffer {
  if (bytes > FILLER_BYTES_MAX) return TOO_LONG
  const rest = Buffer.alloc(bytes, 'f')
  rest.write('\r\n', Math.max(0, bytes - 2))
  return rest
}

const FILLER_BYTES_MAX = 40_000
/** The completion of a stream that is better left alone. */
export const TOO_LONG = Buffer.alloc(0)

const LINE =
  /^(STORED|NOT_STORED|EXISTS|NOT_FOUND|DELETED|TOUCHED|OK|END|ERROR|RESET|VERSION \S+|MN|EN|HD|NS|EX|NF|ME|ME \S+|\d+ *|STAT|PREFIX|ITEM|CLIENT_ERROR|SERVER_ERROR:?|MEMLIMIT_\w+|BADCLASS|NOSPARE|SAME|EN)( |$)/

/**
 * That a reply is one that memcached's protocol allows for the command: so many values, lines that it
 * knows, and nothing after the last of them.
 */
export function checkReply({ word, words, hasLongKey }: Frame, reply: Buffer): void {
  if (reply.length === 0) return
  const isGet = /^gat?s?$|^gets?$/.test(word)
  let at = 0
  let units = 0
  while (at < reply.length) {
    const end = reply.indexOf('\r\n', at)
    assert.ok(end >= 0, 'a reply ends in a line end')
    const line = reply.toString('latin1', at, end)
    at = end + 2
    units++
    const value = /^(?:VALUE [^ ]{1,250} \d+ (\d+)(?: \d+)?|VA (\d+)(?: .*)?)$/s.exec(line)
    if (value !== null) {
      at += Number(value[1] ?? value[2]) + 2
      assert.ok(at <= reply.length, 'a value is whole')
      assert.equal(reply.toString('latin1', at - 2, at), '\r\n')
      if (isGet) continue
    } else if (isListing(word, words)) {
      continue
    } else {
      assert.match(line, LINE)
      if (isGet && line === 'END') assert.equal(at, reply.length, 'nothing after END')
    }
    // Of several keys one may be too long, when values of those before it are on their way.
    const mayFail = units === 1 || hasLongKey
    if (isGet) assert.ok(line === 'END' || mayFail, `an error after values: ${line}`)
    assert.equal(at, reply.length, `one reply for one command: ${line}`)
  }
  const isStorage = STORAGE.has(word) || word === 'ms'
  if (isStorage) assert.ok(units <= 1)
}

function isListing(word: string, words: readonly string[]): boolean {
  return word === 'stats' || words[0] === 'lru_crawler' || word === 'watch'
}
