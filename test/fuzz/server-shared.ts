import assert from 'node:assert/strict'
import type { Client } from '../support/client.ts'
import { pause } from '../support/deadline.ts'
import type { Random } from '../support/seed.ts'
import type { Server } from '../support/server.ts'
import { randomBytes, randomLines } from './parser.ts'
import { readData } from './server-commands.ts'
import { pieceAt, valueSize } from './server-values.ts'

/**
 * Keys that all clients write. What a key holds cannot be known, but every value tells which key it
 * was stored under and what the rest of it is, so a value of another key, or one made of two, shows.
 */
export class SharedKeys {
  /** Uniques with which a cas succeeded: no two clients can have changed the same version. */
  readonly #casTaken = new Set<string>()
  /** Numbers that a counter has returned: no two clients can have got the same. */
  readonly #counted: Set<string>[] = [new Set(), new Set()]
  readonly #keepsAll: boolean
  readonly #valueBytesMax: number

  /** @param keepsAll nothing is evicted or flushed */
  constructor(keepsAll: boolean, valueBytesMax: number) {
    this.#keepsAll = keepsAll
    this.#valueBytesMax = valueBytesMax
  }

  makeValue(random: Random, key: string): Buffer {
    const length = valueSize(random, this.#valueBytesMax)
    const word = random.word()
    return Buffer.concat([Buffer.from(`${key} ${word} ${length}|`), pieceAt(word, length)])
  }

  judgeValue(key: string, data: Buffer): void {
    const head = data.indexOf('|')
    const [name, word, length] = data.toString('latin1', 0, head).split(' ')
    assert.equal(name, key, 'the value of another key')
    const expected = pieceAt(Number(word), Number(length))
    assert.ok(expected.equals(data.subarray(head + 1)), `a torn value of ${key}, ${length} bytes`)
  }

  judgeCas(unique: string): void {
    assert.ok(!this.#casTaken.has(unique), `two clients changed the version ${unique}`)
    this.#casTaken.add(unique)
  }

  judgeCount(counter: number, value: string): void {
    const counted = this.#counted[counter]!
    if (this.#keepsAll) assert.ok(!counted.has(value), `counter ${counter} said ${value} twice`)
    counted.add(value)
  }
}

const SHARED_KEYS = 12

/** A client of the shared keys. */
export class SharedClient {
  readonly #random: Random
  readonly #server: Server
  readonly #shared: SharedKeys

  constructor(random: Random, server: Server, shared: SharedKeys) {
    this.#random = random
    this.#server = server
    this.#shared = shared
  }

  async run(rounds: number): Promise<void> {
    const client = await this.#server.connect()
    for (let round = 0; round < rounds; round++) {
      const roll = this.#random.below(100)
      if (roll < 35) await this.#store(client)
      else if (roll < 70) await this.#read(client)
      else if (roll < 80) await this.#compareAndSwap(client)
      else if (roll < 90) await this.#count(client)
      else await this.#change(client)
    }
    client.close()
  }

  #key(): string {
    return `shared-${this.#random.below(SHARED_KEYS)}`
  }

  async #store(client: Client): Promise<void> {
    const random = this.#random
    const key = this.#key()
    const value = this.#shared.makeValue(random, key)
    const word = random.pick(['set', 'set', 'add', 'replace'])
    client.send(`${word} ${key} 0 ${random.pick([0, 0, 1, 100])} ${value.length}\r\n`)
    if (random.chance(0.3)) {
      const half = random.below(value.length)
      client.send(value.subarray(0, half))
      await pause(random.below(5))
      client.send(value.subarray(half))
    } else {
      client.send(value)
    }
    client.send('\r\n')
    assert.match(await client.readLine(), /^(STORED|NOT_STORED|SERVER_ERROR out of memory .*)$/)
  }

  /** Asks, and takes the answer late: meanwhile others store the same keys anew. */
  async #read(client: Client): Promise<void> {
    const random = this.#random
    const count = 1 + random.below(8)
    const keys = Array.from({ length: count }, () => this.#key())
    const isSlow = random.chance(0.3)
    if (isSlow) client.socket.pause()
    client.send(`get ${keys.join(' ')}\r\n`)
    if (isSlow) {
      await pause(random.below(40))
      client.socket.resume()
    }
    for (let line = await client.readLine(); line !== 'END'; line = await client.readLine()) {
      const [word, key = '', , length] = line.split(' ')
      assert.equal(word, 'VALUE', line.slice(0, 100))
      this.#shared.judgeValue(key, await readData(client, Number(length)))
    }
  }

  async #compareAndSwap(client: Client): Promise<void> {
    const key = this.#key()
    client.send(`gets ${key}\r\n`)
    const line = await client.readLine()
    if (line === 'END') return
    const [, , , length, unique = ''] = line.split(' ')
    this.#shared.judgeValue(key, await readData(client, Number(length)))
    assert.equal(await client.readLine(), 'END')
    const value = this.#shared.makeValue(this.#random, key)
    client.send(`cas ${key} 0 0 ${value.length} ${unique}\r\n`)
    client.send(value)
    client.send('\r\n')
    const answer = await client.readLine()
    if (answer === 'STORED') this.#shared.judgeCas(unique)
    else assert.match(answer, /^(EXISTS|NOT_FOUND|SERVER_ERROR out of memory .*)$/)
  }

  async #count(client: Client): Promise<void> {
    const counter = this.#random.below(2)
    client.send(`ma counter-${counter} N0 J0 v\r\n`)
    const [word, length] = (await client.readLine()).split(' ')
    assert.equal(word, 'VA')
    const value = await readData(client, Number(length))
    this.#shared.judgeCount(counter, value.toString('latin1'))
  }

  async #change(client: Client): Promise<void> {
    const key = this.#key()
    client.send(this.#random.pick([`delete ${key}`, `touch ${key} 2`, `mg ${key} T100`]))
    client.send('\r\n')
    assert.match(await client.readLine(), /^(DELETED|NOT_FOUND|TOUCHED|HD|EN)$/)
  }
}

/** Connects, sends what no client would send, and goes. Nobody looks at the answers. */
export async function annoy(random: Random, server: Server, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const client = await server.connect()
    client.send(noise(random))
    if (random.chance(0.3)) client.socket.pause()
    await pause(random.below(10))
    if (random.chance(0.3)) client.socket.resetAndDestroy()
    else if (random.chance(0.5)) client.socket.end()
    else client.close()
    await pause(random.below(20))
    client.close()
  }
}

function noise(random: Random): Buffer {
  const kind = random.below(6)
  if (kind === 0) return Buffer.alloc(random.below(70_000), 'long line without an end ')
  if (kind === 1) return Buffer.from(`get ${'key '.repeat(random.below(20_000))}`)
  if (kind === 2) return Buffer.from(`set key1 0 0 ${random.below(2e6)}\r\nbeginning of a value`)
  if (kind === 3) return Buffer.from('watch fetchers mutations evictions connevents\r\n')
  const bytes = kind === 4 ? randomBytes(random) : randomLines(random)
  // These would change more than the keys key0 … key99, which are theirs.
  return /flush|verbosity/.test(bytes.toString('latin1')) ? Buffer.from('\r\n\r\n') : bytes
}
