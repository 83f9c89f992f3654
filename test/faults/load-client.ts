import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { pieceAt } from '../fuzz/server-values.ts'
import type { Address } from '../support/client.ts'
import { pause } from '../support/deadline.ts'
import { Random } from '../support/seed.ts'
import type { Oracle } from './oracle.ts'

interface Key {
  readonly base: string
  name: string
  renames: number
  /** Last version given out, and the oldest that may still be seen. */
  version: number
  floor: number
  /** Set on this connection, or acknowledged before it, and not deleted since. */
  isHeld: boolean
  heldSince: number
  /** Of the last set that was acknowledged. */
  storedVersion: number
  storedAt: number
  ttlSeconds: number
}

interface Request {
  readonly kind: 'set' | 'get' | 'delete'
  readonly key: Key
  readonly name: string
  readonly sentAt: number
  readonly version: number
  readonly floor: number
  /** Get: the item has to be there. */
  readonly isHeld: boolean
  readonly heldSince: number
  readonly ttlSeconds: number
}

export interface LoadOptions {
  readonly keys: number
  /** Requests on their way at once. */
  readonly depth: number
  readonly valueBytesMax: number
  /** Some items live for a second or two only. */
  readonly expires?: boolean
  /** Between a reply and the next request. */
  readonly thinkMilliseconds?: number
}

const TTL_SECONDS = [1, 2]
const RETRY_MILLISECONDS = 5
/** How long somebody may be without a server before that is a failure of its own. */
const RECONNECT_MILLISECONDS = 20_000

/** A client that sets, reads and deletes its own keys, judges each reply, and comes back when cut off. */
export class LoadClient {
  readonly #oracle: Oracle
  readonly #address: () => Address
  readonly #options: LoadOptions
  readonly #random: Random
  readonly #keys: Key[]
  #inFlight: Request[] = []
  #received: Buffer[] = []
  #receivedBytes = 0
  #bytesNeeded = 1
  #socket: Socket | null = null
  #life = 0
  #stopping = false

  constructor(
    oracle: Oracle,
    address: () => Address,
    name: string,
    seed: number,
    options: LoadOptions,
  ) {
    this.#oracle = oracle
    this.#address = address
    this.#options = options
    this.#random = new Random(seed)
    this.#life = oracle.life
    this.#keys = Array.from({ length: options.keys }, (_, index) => newKey(`${name}-${index}`))
  }

  /** Until `stop`, on one connection after the other. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      const socket = await this.#connect()
      if (socket === null) return
      await this.#talk(socket)
      if (!this.#stopping) this.#afterEnd()
    }
  }

  /** No more requests; those that are on their way are still answered. */
  stop(): void {
    this.#stopping = true
    if (this.#inFlight.length === 0) this.#socket?.destroy()
  }

  /** Resets the connection wherever it is. */
  reset(): void {
    this.#socket?.resetAndDestroy()
  }

  async #connect(): Promise<Socket | null> {
    const end = performance.now() + RECONNECT_MILLISECONDS
    while (!this.#stopping) {
      const socket = await tryConnect(this.#address())
      if (socket !== null) return socket
      if (performance.now() > end) {
        this.#oracle.blame('no server to connect to')
        return null
      }
      await pause(RETRY_MILLISECONDS)
    }
    return null
  }

  #talk(socket: Socket): Promise<void> {
    this.#socket = socket
    this.#received = []
    this.#receivedBytes = 0
    this.#bytesNeeded = 1
    if (this.#life !== this.#oracle.life) this.#forgetAll()
    return new Promise((resolve) => {
      let isOrderly = false
      socket.setNoDelay(true)
      socket.on('data', (chunk: Buffer) => this.#onData(chunk))
      socket.on('end', () => {
        isOrderly = true
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        const { tally } = this.#oracle
        if (!this.#stopping && isOrderly) tally.ends++
        else if (!this.#stopping && socket.bytesRead === 0) tally.refused++
        else if (!this.#stopping) tally.resets++
        if (this.#receivedBytes > 0) tally.torn++
        resolve()
      })
      this.#sendMore()
    })
  }

  /**
   * What got no reply may have been done or not, and if we went away ourselves it may be done yet, after
   * what we say on the next connection: such keys are not used again.
   */
  #afterEnd(): void {
    this.#oracle.tally.unanswered += this.#inFlight.length
    for (const { key, kind } of this.#inFlight) {
      if (kind === 'get') continue
      // Not by its version: of two deletes in a row the second would have the name of the first.
      key.name = `${key.base}.${++key.renames}`
      key.floor = key.version + 1
      key.isHeld = false
    }
    this.#inFlight = []
  }

  #forgetAll(): void {
    this.#life = this.#oracle.life
    for (const key of this.#keys) {
      key.floor = key.version + 1
      key.isHeld = false
    }
  }

  #sendMore(): void {
    if (this.#stopping) {
      if (this.#inFlight.length === 0) this.#socket?.destroy()
      return
    }
    const bytes: Buffer[] = []
    while (this.#inFlight.length < this.#options.depth) this.#make(bytes)
    if (bytes.length > 0) this.#socket?.write(Buffer.concat(bytes))
  }

  #sendLater(milliseconds: number): void {
    const socket = this.#socket
    setTimeout(() => {
      // Meanwhile it may have been cut off and come back.
      if (this.#socket === socket && socket?.closed === false) this.#sendMore()
    }, milliseconds)
  }

  #make(bytes: Buffer[]): void {
    const random = this.#random
    const key = random.pick(this.#keys)
    const roll = random.below(10)
    const kind = roll < 4 ? 'set' : roll < 9 ? 'get' : 'delete'
    const sentAt = performance.now()
    const { floor, isHeld, heldSince } = key
    if (kind === 'get') {
      const { version, ttlSeconds } = key
      bytes.push(Buffer.from(`get ${key.name}\r\n`))
      this.#inFlight.push({
        kind,
        key,
        name: key.name,
        sentAt,
        version,
        floor,
        isHeld,
        heldSince,
        ttlSeconds,
      })
      return
    }
    key.isHeld = kind === 'set'
    key.heldSince = sentAt
    if (kind === 'delete') {
      key.floor = key.version + 1
      bytes.push(Buffer.from(`delete ${key.name}\r\n`))
      this.#inFlight.push({
        name: key.name,
        kind,
        key,
        sentAt,
        version: key.version,
        floor,
        isHeld,
        heldSince,
        ttlSeconds: 0,
      })
      return
    }
    const version = ++key.version
    key.floor = version
    const ttlSeconds =
      this.#options.expires === true && random.chance(0.3) ? random.pick(TTL_SECONDS) : 0
    key.ttlSeconds = ttlSeconds
    const value = makeValue(random, key.name, version, this.#options.valueBytesMax)
    bytes.push(Buffer.from(`set ${key.name} 0 ${ttlSeconds} ${value.length}\r\n`), value, CRLF)
    this.#inFlight.push({
      kind,
      key,
      name: key.name,
      sentAt,
      version,
      floor,
      isHeld,
      heldSince,
      ttlSeconds,
    })
  }

  #onData(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    if (this.#receivedBytes < this.#bytesNeeded) return
    let bytes = Buffer.concat(this.#received, this.#receivedBytes)
    for (;;) {
      this.#bytesNeeded = 1
      const request = this.#inFlight[0]
      const length = bytes.length === 0 ? 0 : this.#take(request, bytes)
      if (length === 0) break
      this.#inFlight.shift()
      bytes = bytes.subarray(length)
    }
    this.#received = [bytes]
    this.#receivedBytes = bytes.length
    const { thinkMilliseconds = 0 } = this.#options
    if (thinkMilliseconds === 0) this.#sendMore()
    else if (this.#inFlight.length === 0) this.#sendLater(thinkMilliseconds)
  }

  /** Length of the first reply, judged; 0 when it is not complete. */
  #take(request: Request | undefined, bytes: Buffer): number {
    const lineEnd = bytes.indexOf('\r\n')
    if (lineEnd < 0) return 0
    const line = bytes.toString('latin1', 0, lineEnd)
    const oracle = this.#oracle
    const at = performance.now()
    if (request === undefined) {
      oracle.blame(`a reply to nothing: ${line}`)
      return bytes.length
    }
    if (request.kind === 'get' && line.startsWith('VALUE ')) {
      const [, name = '', , length] = line.split(' ')
      const begin = lineEnd + 2
      const end = begin + Number(length)
      const all = end + '\r\nEND\r\n'.length
      this.#bytesNeeded = all
      if (bytes.length < all) return 0
      oracle.reply(at)
      if (bytes.toString('latin1', end, all) !== '\r\nEND\r\n') oracle.blame(`no END of ${name}`)
      this.#judgeValue(request, name, bytes.subarray(begin, end))
      return all
    }
    oracle.reply(at)
    this.#judgeLine(request, line, at)
    return lineEnd + 2
  }

  #judgeLine(request: Request, line: string, at: number): void {
    const { kind, key, version, ttlSeconds } = request
    const oracle = this.#oracle
    const { tally } = oracle
    if (kind === 'set' && line === 'STORED') {
      key.storedVersion = version
      key.storedAt = at
      return
    }
    if (kind === 'delete' && (line === 'DELETED' || line === 'NOT_FOUND')) return
    if (kind !== 'get' || line !== 'END') {
      oracle.blame(`${kind} ${key.name} was answered ${line.slice(0, 80)}`)
      return
    }
    tally.misses++
    const mayBeOver = ttlSeconds > 0 && at > request.heldSince + (ttlSeconds - 1) * 1000
    const mayBeFlushed = oracle.isFlushing || oracle.flushDoneAt >= request.heldSince
    if (request.isHeld && !mayBeOver && !mayBeFlushed) tally.missing++
  }

  #judgeValue(request: Request, name: string, data: Buffer): void {
    const { key, version, floor, sentAt, ttlSeconds } = request
    const oracle = this.#oracle
    oracle.tally.hits++
    const head = data.indexOf('|')
    const [owner, text, length, word] = data.toString('latin1', 0, head).split(' ')
    const found = Number(text)
    if (name !== key.name || owner !== key.name) {
      oracle.blame(`asked ${key.name}, got ${name} with the value of ${owner}`)
    } else if (!pieceAt(Number(word), Number(length)).equals(data.subarray(head + 1))) {
      oracle.blame(`a torn value of ${name}`)
    } else if (found < floor || found > version) {
      oracle.blame(`${name}: version ${found} seen, ${floor} to ${version} possible`)
    }
    if (found !== key.storedVersion) return
    const overAt = ttlSeconds > 0 ? key.storedAt + ttlSeconds * 1000 : Infinity
    if (version === found && sentAt > overAt) {
      oracle.blame(`${name}: seen ${Math.round(sentAt - overAt)} ms after it expired`)
    }
    if (key.storedAt < oracle.flushSentAt && !oracle.isFlushing && sentAt > oracle.flushDoneAt) {
      oracle.blame(`${name}: seen after it was flushed`)
    }
  }
}

const CRLF = Buffer.from('\r\n')

function newKey(base: string): Key {
  const never = Number.NEGATIVE_INFINITY
  return {
    base,
    renames: 0,
    name: base,
    version: 0,
    floor: 1,
    isHeld: false,
    heldSince: never,
    storedVersion: 0,
    storedAt: never,
    ttlSeconds: 0,
  }
}

/** A value that says whose it is and what it must be. */
function makeValue(random: Random, key: string, version: number, bytesMax: number): Buffer {
  const length = random.chance(0.8) ? random.below(Math.min(500, bytesMax)) : random.below(bytesMax)
  const word = random.word()
  return Buffer.concat([Buffer.from(`${key} ${version} ${length} ${word}|`), pieceAt(word, length)])
}

function tryConnect(address: Address): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', () => resolve(null))
  })
}
