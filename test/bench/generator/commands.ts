import type { Socket } from 'node:net'
import type { Dialect, LoadPlan } from './plan.ts'
import type { Values } from './values.ts'

/** Values up to this size are copied into the batch; larger ones are sent from where they are. */
const COPY_BYTES_MAX = 4096

/** Room that any one command without its value fits into: 50 keys and more of the longest kind. */
const COMMAND_BYTES_MAX = 4096

const ARENA_BYTES = 1 << 20

export const KEY_PREFIX = 'key-'

/** The words around what changes; `end` closes a command of many keys. */
interface Words {
  readonly get: Buffer
  readonly getEnd: Buffer
  readonly multiget: Buffer
  readonly set: Buffer
  readonly incr: Buffer
  readonly incrEnd: Buffer
}

const SPACE = 32
const DOLLAR = 36
const STAR = 42
const ZERO = 48
const CRLF = Buffer.from('\r\n')
const PREFIX = Buffer.from(KEY_PREFIX)
const NO_FLAGS = Buffer.from(' 0 ')
const META_TTL = Buffer.from(' T')
const REDIS_MGET = Buffer.from('\r\n$4\r\nMGET\r\n')
const REDIS_SET = Buffer.from('*3\r\n$3\r\nSET\r\n')
const REDIS_SETEX = Buffer.from('*4\r\n$5\r\nSETEX\r\n')
const COUNTER = Buffer.from('1000000000\r\n')
const COUNTER_BYTES = COUNTER.length - CRLF.length

const WORDS: Record<Dialect, Words> = {
  classic: words('get ', '\r\n', 'get', 'set ', 'incr ', ' 1\r\n'),
  // 'm' commands have no multiget: a batch of them is the same.
  meta: words('mg ', ' v\r\n', 'mg', 'ms ', 'ma ', ' v\r\n'),
  redis: words('*2\r\n$3\r\nGET\r\n', '', '', '', '*2\r\n$4\r\nINCR\r\n', ''),
}

/**
 * Writes commands as bytes into one long buffer and sends what was written with one write. A buffer that
 * is full is left to the sockets that may still read it, and another is taken.
 */
export class CommandWriter {
  readonly #plan: LoadPlan
  readonly #values: Values
  readonly #words: Words
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES)
  #start = 0
  #at = 0

  constructor(plan: LoadPlan, values: Values) {
    this.#plan = plan
    this.#values = values
    this.#words = WORDS[plan.dialect]
  }

  /** To be called before each command: it may send what is there to have room. */
  reserve(socket: Socket): void {
    if (this.#at + COMMAND_BYTES_MAX + COPY_BYTES_MAX <= ARENA_BYTES) return
    this.flush(socket)
    this.#arena = Buffer.allocUnsafeSlow(ARENA_BYTES)
    this.#start = 0
    this.#at = 0
  }

  flush(socket: Socket): void {
    if (this.#at === this.#start) return
    socket.write(this.#arena.subarray(this.#start, this.#at))
    this.#start = this.#at
  }

  get(key: number): void {
    this.#bytes(this.#words.get)
    this.#key(key)
    this.#bytes(this.#words.getEnd)
  }

  /** One command for `count` keys, which stand in `keys` from `start`. */
  multiget(keys: Int32Array, start: number, count: number): void {
    const redis = this.#plan.dialect === 'redis'
    if (redis) {
      this.#arena[this.#at++] = STAR
      this.#number(count + 1)
      this.#bytes(REDIS_MGET)
    } else this.#bytes(this.#words.multiget)
    for (let index = 0; index < count; index++) {
      if (!redis) this.#arena[this.#at++] = SPACE
      this.#key(keys[start + index]!)
    }
    if (!redis) this.#bytes(CRLF)
  }

  increment(key: number): void {
    this.#bytes(this.#words.incr)
    this.#key(key)
    this.#bytes(this.#words.incrEnd)
  }

  set(socket: Socket, key: number, length: number, exptime: number): void {
    this.#setHead(key, length, exptime)
    const { pattern } = this.#values
    const start = this.#values.start(key)
    if (length <= COPY_BYTES_MAX) {
      this.#at += pattern.copy(this.#arena, this.#at, start, start + length)
      this.#bytes(CRLF)
    } else {
      this.flush(socket)
      socket.write(pattern.subarray(start, start + length))
      this.#bytes(CRLF)
    }
  }

  /** A value that incr can count up. */
  setCounter(key: number): void {
    this.#setHead(key, COUNTER_BYTES, 0)
    this.#bytes(COUNTER)
  }

  #setHead(key: number, length: number, exptime: number): void {
    const { dialect } = this.#plan
    if (dialect === 'redis') {
      this.#redisSetHead(key, length, exptime)
      return
    }
    this.#bytes(this.#words.set)
    this.#key(key)
    if (dialect === 'classic') {
      this.#bytes(NO_FLAGS)
      this.#number(exptime)
    }
    this.#arena[this.#at++] = SPACE
    this.#number(length)
    if (dialect === 'meta' && exptime > 0) {
      this.#bytes(META_TTL)
      this.#number(exptime)
    }
    this.#bytes(CRLF)
  }

  #redisSetHead(key: number, length: number, exptime: number): void {
    this.#bytes(exptime > 0 ? REDIS_SETEX : REDIS_SET)
    this.#key(key)
    if (exptime > 0) this.#redisNumber(exptime)
    this.#arena[this.#at++] = DOLLAR
    this.#number(length)
    this.#bytes(CRLF)
  }

  #redisNumber(value: number): void {
    this.#arena[this.#at++] = DOLLAR
    this.#number(digitsOf(value))
    this.#bytes(CRLF)
    this.#number(value)
    this.#bytes(CRLF)
  }

  #key(key: number): void {
    if (this.#plan.dialect !== 'redis') {
      this.#bytes(PREFIX)
      this.#number(key)
      return
    }
    this.#arena[this.#at++] = DOLLAR
    this.#number(PREFIX.length + digitsOf(key))
    this.#bytes(CRLF)
    this.#bytes(PREFIX)
    this.#number(key)
    this.#bytes(CRLF)
  }

  #number(value: number): void {
    const arena = this.#arena
    const end = this.#at + digitsOf(value)
    let rest = value
    for (let at = end - 1; at >= this.#at; at--) {
      const tenth = Math.floor(rest / 10)
      arena[at] = ZERO + (rest - tenth * 10)
      rest = tenth
    }
    this.#at = end
  }

  /** A loop is quicker than a copy for so few bytes. */
  #bytes(bytes: Buffer): void {
    const arena = this.#arena
    let at = this.#at
    for (let index = 0; index < bytes.length; index++) arena[at++] = bytes[index]!
    this.#at = at
  }
}

function words(
  get: string,
  getEnd: string,
  multiget: string,
  set: string,
  incr: string,
  incrEnd: string,
): Words {
  return {
    get: Buffer.from(get),
    getEnd: Buffer.from(getEnd),
    multiget: Buffer.from(multiget),
    set: Buffer.from(set),
    incr: Buffer.from(incr),
    incrEnd: Buffer.from(incrEnd),
  }
}

function digitsOf(value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  return digits
}
