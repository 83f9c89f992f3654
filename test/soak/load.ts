import assert from 'node:assert/strict'
import type { Address } from '../support/client.ts'
import { Client } from '../support/client.ts'
import { pause } from '../support/deadline.ts'
import { Random } from '../support/seed.ts'
import type { Pace } from './pace.ts'
import { judgeValue, makeRecord, recordLength } from './values.ts'

/** What the clients counted: the server's own figures must not be below these. */
export interface Tally {
  commands: number
  stored: number
  hits: number
  misses: number
  counted: number
  refused: number
  connections: number
  /** Connections that the server closed although the client did nothing wrong. */
  cut: number
  /** The same of clients that did not read. */
  slowCut: number
  watched: number
  dumped: number
}

export function emptyTally(): Tally {
  return {
    commands: 0,
    stored: 0,
    hits: 0,
    misses: 0,
    counted: 0,
    refused: 0,
    connections: 0,
    cut: 0,
    slowCut: 0,
    watched: 0,
    dumped: 0,
  }
}

/** Many times what fits, so that memory stays full. */
const KEYS = 150_000
const COUNTERS = 200
const LISTS = 300
const RECORD_OF_LIST_BYTES_MAX = 400
const BATCH_COMMANDS_MAX = 30
const MULTIGET_KEYS_MAX = 50

type Read = (client: Client) => Promise<void>

interface Batch {
  readonly parts: Buffer[]
  readonly reads: Read[]
}

/** All kinds of clients take what they need from here. */
export interface Surroundings {
  readonly address: Address
  readonly pace: Pace
  readonly tally: Tally
  readonly signal: AbortSignal
}

/** Makes batches of every command, and judges what comes back. */
export class Mixer {
  readonly random: Random
  readonly #tally: Tally

  constructor(random: Random, tally: Tally) {
    this.random = random
    this.#tally = tally
  }

  async exchange(client: Client, commands: number): Promise<void> {
    const batch: Batch = { parts: [], reads: [] }
    for (let count = 0; count < commands; count++) this.#add(batch)
    batch.parts.push(Buffer.from('mn\r\n'))
    this.#tally.commands += commands
    client.send(Buffer.concat(batch.parts))
    for (const read of batch.reads) await read(client)
    await client.expect('MN\r\n')
    assert.equal(client.pending.length, 0, 'more replies than commands')
  }

  #add(batch: Batch): void {
    const roll = this.random.below(100)
    if (roll < 42) this.#get(batch, 1 + this.random.below(4))
    else if (roll < 44) this.#get(batch, 1 + this.random.below(MULTIGET_KEYS_MAX))
    else if (roll < 66) this.#set(batch)
    else if (roll < 74) this.#metaSet(batch)
    else if (roll < 82) this.#metaGet(batch)
    else if (roll < 86) this.#line(batch, `delete ${this.key()}`, /^(DELETED|NOT_FOUND)$/)
    else if (roll < 90)
      this.#line(batch, `touch ${this.key()} ${this.#seconds()}`, /^(TOUCHED|NOT_FOUND)$/)
    else if (roll < 95) this.#count(batch)
    else this.#list(batch)
  }

  /** Some keys are asked for far more often than others. */
  key(): string {
    return `soak-${Math.floor(this.random.below(KEYS) ** 2 / KEYS)}`
  }

  #seconds(): number {
    return this.random.pick([0, 0, 0, 0, 0, 600, 600, 3600, 2, 30])
  }

  #line(batch: Batch, command: string, allowed: RegExp): void {
    batch.parts.push(Buffer.from(`${command}\r\n`))
    batch.reads.push(async (client) => {
      assert.match(await client.readLine(), allowed, command)
    })
  }

  #get(batch: Batch, count: number): void {
    const keys = Array.from({ length: count }, () => this.key())
    const word = this.random.pick(['get', 'get', 'gets', `gat ${this.#seconds()}`])
    batch.parts.push(Buffer.from(`${word} ${keys.join(' ')}\r\n`))
    batch.reads.push((client) => this.readValues(client, count))
  }

  /** Also for those who ask by themselves. */
  async readValues(client: Client, asked: number): Promise<void> {
    let found = 0
    for (let line = await client.readLine(); line !== 'END'; line = await client.readLine()) {
      const [word, key = '', , length] = line.split(' ')
      assert.equal(word, 'VALUE', line.slice(0, 100))
      const data = await client.readBytes(Number(length) + 2)
      judgeValue(key, data.subarray(0, -2))
      found++
    }
    assert.ok(found <= asked)
    this.#tally.hits += found
    this.#tally.misses += asked - found
  }

  #set(batch: Batch): void {
    const key = this.key()
    const value = makeRecord(this.random, key, recordLength(this.random))
    const compares = this.random.chance(0.05)
    const word = compares ? 'cas' : this.random.pick(['set', 'set', 'set', 'set', 'add', 'replace'])
    const silent = this.random.chance(0.2)
    const line = `${word} ${key} 7 ${this.#seconds()} ${value.length}${compares ? ' 1' : ''}`
    batch.parts.push(Buffer.from(`${line}${silent ? ' noreply' : ''}\r\n`), value, CRLF)
    if (!silent) batch.reads.push((client) => this.#readStored(client))
  }

  async #readStored(client: Client): Promise<void> {
    const line = await client.readLine()
    if (line === 'STORED') this.#tally.stored++
    else if (line.startsWith('SERVER_ERROR out of memory')) this.#tally.refused++
    else assert.match(line, /^(NOT_STORED|EXISTS|NOT_FOUND)$/)
  }

  #metaSet(batch: Batch): void {
    const key = this.key()
    const value = makeRecord(this.random, key, recordLength(this.random))
    const mode = this.random.pick(['S', 'S', 'S', 'E', 'R'])
    const line = `ms ${key} ${value.length} T${this.#seconds()} M${mode} c O17`
    batch.parts.push(Buffer.from(`${line}\r\n`), value, CRLF)
    batch.reads.push(async (client) => {
      const reply = await client.readLine()
      if (reply.startsWith('SERVER_ERROR out of memory')) this.#tally.refused++
      else assert.match(reply, /^(HD|NS|NF) c\d+ O17$/)
      if (reply.startsWith('HD')) this.#tally.stored++
    })
  }

  #metaGet(batch: Batch): void {
    const key = this.key()
    batch.parts.push(Buffer.from(`mg ${key} v t s f c\r\n`))
    batch.reads.push(async (client) => {
      const line = await client.readLine()
      if (line === 'EN') {
        this.#tally.misses++
        return
      }
      const [word, length] = line.split(' ')
      assert.equal(word, 'VA', line.slice(0, 100))
      const data = await client.readBytes(Number(length) + 2)
      judgeValue(key, data.subarray(0, -2))
      this.#tally.hits++
    })
  }

  #count(batch: Batch): void {
    const key = `count-${this.random.below(COUNTERS)}`
    if (this.random.chance(0.1)) this.#line(batch, `delete ${key}`, /^(DELETED|NOT_FOUND)$/)
    else if (this.random.chance(0.5)) this.#line(batch, `ma ${key} N600 J5 v`, /^VA \d+$/)
    else this.#line(batch, `${this.random.pick(['incr', 'decr'])} ${key} 3`, /^(\d+|NOT_FOUND)$/)
    const line = batch.parts.at(-1)!.toString('latin1')
    if (!line.startsWith('ma')) return
    const header = batch.reads.pop()!
    batch.reads.push(async (client) => {
      await header(client)
      assert.match(await client.readLine(), /^\d+$/)
      this.#tally.counted++
    })
  }

  /** Values that grow by append, and are read and begun anew. */
  #list(batch: Batch): void {
    const key = `list-${this.random.below(LISTS)}`
    const record = makeRecord(this.random, key, this.random.below(RECORD_OF_LIST_BYTES_MAX))
    const word = this.random.pick(['append', 'append', 'append', 'prepend', 'set', 'get'])
    if (word === 'get') {
      batch.parts.push(Buffer.from(`get ${key}\r\n`))
      batch.reads.push((client) => this.readValues(client, 1))
      return
    }
    batch.parts.push(Buffer.from(`${word} ${key} 0 600 ${record.length}\r\n`), record, CRLF)
    batch.reads.push((client) => this.#readStored(client))
  }
}

const CRLF = Buffer.from('\r\n')

/** Reconnects after the server has closed, and counts that. */
async function guarded(
  around: Surroundings,
  cut: 'cut' | 'slowCut',
  body: (client: Client) => Promise<void>,
): Promise<void> {
  const client = await Client.connect(around.address)
  around.tally.connections++
  try {
    await body(client)
  } catch (error) {
    const closed = client.closed && String(error).includes('closed')
    if (!closed && !(client.closed && /wanted \d+ bytes/.test(String(error)))) throw error
    around.tally[cut]++
  } finally {
    client.close()
  }
}

/** Stays connected and sends batch after batch. */
export async function runMixed(around: Surroundings, random: Random): Promise<void> {
  const mixer = new Mixer(random, around.tally)
  while (!around.signal.aborted) {
    await guarded(around, 'cut', async (client) => {
      while (!around.signal.aborted) {
        await mixer.exchange(client, 1 + random.below(BATCH_COMMANDS_MAX))
        await around.pace.wait(random)
      }
    })
  }
}

const CHURN_PAUSE_MILLISECONDS = 400

/** Comes, does little, and goes: politely, at once, by a reset, or in the middle of a value. */
export async function runChurn(around: Surroundings, random: Random): Promise<void> {
  const mixer = new Mixer(random, around.tally)
  while (!around.signal.aborted) {
    await guarded(around, 'cut', async (client) => {
      if (random.chance(0.8)) await mixer.exchange(client, 1 + random.below(3))
      const end = random.below(5)
      const key = mixer.key()
      if (end === 0) {
        client.send('quit\r\n')
        await client.expectClose()
      } else if (end === 1) client.socket.resetAndDestroy()
      else if (end === 2) {
        const value = makeRecord(random, key, recordLength(random))
        client.send(
          Buffer.concat([
            Buffer.from(`set ${key} 0 0 ${value.length}\r\n`),
            value.subarray(0, value.length >> 1),
          ]),
        )
        await pause(random.below(50))
        client.socket.resetAndDestroy()
      } else if (end === 3) {
        client.send(`get ${Array.from({ length: 20 }, () => mixer.key()).join(' ')}\r\n`)
        if (random.chance(0.5)) client.socket.resetAndDestroy()
      }
    })
    await pause(random.below(2 * CHURN_PAUSE_MILLISECONDS))
  }
}

const SLOW_KEYS = 40
const SLOW_PAUSE_MILLISECONDS_MAX = 1500
const SLOW_PIECES_MAX = 12

/** Asks for many values and takes them piece by piece, with long pauses. */
export async function runSlowReader(around: Surroundings, random: Random): Promise<void> {
  const mixer = new Mixer(random, around.tally)
  while (!around.signal.aborted) {
    await guarded(around, 'slowCut', async (client) => {
      client.send(`get ${Array.from({ length: SLOW_KEYS }, () => mixer.key()).join(' ')}\r\n`)
      for (
        let piece = random.below(SLOW_PIECES_MAX);
        piece > 0 && !around.signal.aborted;
        piece--
      ) {
        client.socket.pause()
        await pause(random.below(SLOW_PAUSE_MILLISECONDS_MAX))
        client.socket.resume()
        await pause(1)
      }
      client.socket.resume()
      around.tally.commands++
      await mixer.readValues(client, SLOW_KEYS)
    })
    await pause(random.below(1000))
  }
}

const WATCH_MILLISECONDS = 8000
const WATCH_PAUSE_MILLISECONDS = 20_000

/** Watches for a while; one that does not read sees how the server throws events away. */
export async function runWatcher(
  around: Surroundings,
  random: Random,
  reads: boolean,
): Promise<void> {
  while (!around.signal.aborted) {
    await guarded(around, 'slowCut', async (client) => {
      client.send('watch fetchers mutations evictions connevents deletions\r\n')
      await client.expect('OK\r\n')
      if (!reads) client.socket.pause()
      const end = performance.now() + WATCH_MILLISECONDS
      while (performance.now() < end && !around.signal.aborted) {
        await pause(100)
        around.tally.watched += client.takeAll().split('\n').length - 1
      }
      client.socket.resume()
    })
    await idle(around, random.below(2 * WATCH_PAUSE_MILLISECONDS))
  }
}

const DUMP_PAUSE_MILLISECONDS = 60_000
const STATS = ['items', 'slabs', 'settings', 'conns', 'sizes', '']

/** Reads all keys now and then, and the tables for operators. */
export async function runDumper(around: Surroundings, random: Random): Promise<void> {
  while (!around.signal.aborted) {
    await guarded(around, 'cut', async (client) => {
      client.send('lru_crawler metadump all\r\n')
      await client.expect('OK\r\n')
      let lines = 0
      for (;;) {
        const line = await client.readLine()
        if (line === 'END') break
        assert.match(line, /^key=\S+ exp=-?\d+ la=\d+ cas=\d+ fetch=(yes|no) cls=\d+ size=\d+/)
        lines++
      }
      around.tally.dumped += lines
      for (const argument of STATS) assert.ok((await client.stats(argument)).size > 0)
    })
    await idle(around, random.below(2 * DUMP_PAUSE_MILLISECONDS))
  }
}

/** A pause that ends with the run. */
export async function idle({ signal }: Surroundings, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds
  while (!signal.aborted && performance.now() < end)
    await pause(Math.min(100, end - performance.now()))
}

/** Everybody at once; settles when the signal has come and all have gone, or one was told something wrong. */
export function startLoad(around: Surroundings, random: Random): Promise<unknown> {
  const own = (): Random => new Random(random.word())
  return Promise.all([
    ...Array.from({ length: 8 }, () => runMixed(around, own())),
    ...Array.from({ length: 2 }, () => runChurn(around, own())),
    ...Array.from({ length: 3 }, () => runSlowReader(around, own())),
    runWatcher(around, own(), true),
    runWatcher(around, own(), false),
    runDumper(around, own()),
  ])
}
