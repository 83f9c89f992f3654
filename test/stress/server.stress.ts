import assert from 'node:assert/strict'
import { readData } from '../fuzz/server-commands.ts'
import type { WireKind } from '../fuzz/server-process.ts'
import { checkStore, complaints, hooked } from '../fuzz/server-process.ts'
import { SharedClient, SharedKeys } from '../fuzz/server-shared.ts'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Random } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'

/**
 * The real server with four workers, full memory, and many connections that send as fast as they
 * can: large batches on keys that all of them share. Every value says under which key it was stored
 * and what it holds, so each read is checked to the byte. Afterwards the store is walked.
 */
const WORKERS = 4
const PIPELINING_CLIENTS = 12
const CAREFUL_CLIENTS = 6
const KEYS = 3000
const MEMORY_MEGABYTES = 8
const VALUE_BYTES_MAX = 100_000

export async function stressServer(seed: number, milliseconds: number): Promise<string> {
  const random = new Random(seed)
  const wire: WireKind = random.pick(['raw', 'raw', 'stream'])
  const policy = random.pick(['lru', 's3-fifo'])
  const scope = new SuiteScope()
  try {
    const server = await Server.start(scope, {
      flags: ['-t', String(WORKERS), '-m', String(MEMORY_MEGABYTES)],
      environment: { ...hooked(wire), MEMCKV_MEMORY_POLICY: policy },
    })
    const shared = new SharedKeys(false, VALUE_BYTES_MAX)
    const end = performance.now() + milliseconds
    const clients: Pipeliner[] = []
    const runs: Promise<void>[] = []
    for (let count = 0; count < PIPELINING_CLIENTS; count++) {
      const client = new Pipeliner(new Random(random.word()), await server.connect(), shared)
      clients.push(client)
      runs.push(client.run(end))
    }
    for (let count = 0; count < CAREFUL_CLIENTS; count++) {
      runs.push(careful(new SharedClient(new Random(random.word()), server, shared), end))
    }
    await Promise.all(runs)
    const sum = (of: (client: Pipeliner) => number): number =>
      clients.reduce((total, client) => total + of(client), 0)
    const evictions = await judgeEnd(server)
    assert.ok(sum((client) => client.hits) > 0, 'something was found')
    return `${wire}, ${policy}: ${sum((client) => client.commands)} commands, ${sum((client) => client.hits)} hits, ${evictions} evictions`
  } finally {
    await scope.close()
  }
}

async function careful(client: SharedClient, end: number): Promise<void> {
  while (performance.now() < end) await client.run(50)
}

/** @returns evictions */
async function judgeEnd(server: Server): Promise<number> {
  const monitor = await server.connect()
  const stats = await until(
    async () => {
      const found = await monitor.stats()
      return found.get('curr_connections') === '1' ? found : null
    },
    () => 'connections are left behind',
  )
  const figure = (name: string): number => Number(stats.get(name))
  assert.equal(figure('get_hits') + figure('get_misses'), figure('cmd_get'))
  assert.ok(figure('evictions') > 0, 'memory was full')
  assert.ok(figure('bytes') <= MEMORY_MEGABYTES * 1024 * 1024)
  assert.equal(figure('read_buf_count'), 0)
  assert.equal(await checkStore(server), 0, 'no page is left behind')
  monitor.close()
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  assert.deepEqual(complaints(server), [])
  return figure('evictions')
}

/** Sends batches without waiting for replies to their parts. */
class Pipeliner {
  commands = 0
  hits = 0
  readonly #random: Random
  readonly #client: Client
  readonly #shared: SharedKeys

  constructor(random: Random, client: Client, shared: SharedKeys) {
    this.#random = random
    this.#client = client
    this.#shared = shared
  }

  async run(end: number): Promise<void> {
    while (performance.now() < end) await this.#batch()
    this.#client.close()
  }

  async #batch(): Promise<void> {
    const random = this.#random
    const parts: Buffer[] = []
    const reads: (() => Promise<void>)[] = []
    const count = 20 + random.below(100)
    for (let index = 0; index < count; index++) {
      if (random.chance(0.4)) this.#store(parts, reads)
      else this.#get(parts, reads)
    }
    this.commands += count
    this.#client.send(Buffer.concat(parts))
    for (const read of reads) await read()
    assert.equal(this.#client.pending.length, 0)
  }

  #key(): string {
    return `stress-${Math.floor(this.#random.below(KEYS) ** 2 / KEYS)}`
  }

  #store(parts: Buffer[], reads: (() => Promise<void>)[]): void {
    const random = this.#random
    const key = this.#key()
    const value = this.#shared.makeValue(random, key)
    const noreply = random.chance(0.3)
    const seconds = random.pick([0, 0, 1, 1000])
    const line = `set ${key} 0 ${seconds} ${value.length}${noreply ? ' noreply' : ''}\r\n`
    parts.push(Buffer.from(line), value, Buffer.from('\r\n'))
    if (noreply) return
    reads.push(async () => {
      assert.match(await this.#client.readLine(), /^(STORED|SERVER_ERROR out of memory .*)$/)
    })
  }

  #get(parts: Buffer[], reads: (() => Promise<void>)[]): void {
    const keys = Array.from({ length: 1 + this.#random.below(4) }, () => this.#key())
    parts.push(Buffer.from(`get ${keys.join(' ')}\r\n`))
    reads.push(async () => {
      const client = this.#client
      for (let line = await client.readLine(); line !== 'END'; line = await client.readLine()) {
        const [word, key = '', , length] = line.split(' ')
        assert.equal(word, 'VALUE', line.slice(0, 100))
        this.#shared.judgeValue(key, await readData(client, Number(length)))
        this.hits += 1
      }
    })
  }
}
