import assert from 'node:assert/strict'
import type { Address } from '../support/client.ts'
import { Client } from '../support/client.ts'
import { until, within } from '../support/deadline.ts'
import { testSeed } from '../support/seed.ts'
import type { Scope, Server } from '../support/server.ts'
import type { LoadOptions } from './load-client.ts'
import { LoadClient } from './load-client.ts'
import type { Tally } from './oracle.ts'
import { Oracle } from './oracle.ts'

const SEED = testSeed()
console.log(`seed ${SEED}`)

/** Clients of every kind at once: one request at a time, pipelined, with large values, expiring. */
export const KINDS: readonly LoadOptions[] = [
  { keys: 50, depth: 1, valueBytesMax: 2000, expires: true },
  { keys: 50, depth: 1, valueBytesMax: 200_000 },
  { keys: 200, depth: 50, valueBytesMax: 2000, expires: true },
  { keys: 30, depth: 10, valueBytesMax: 400_000 },
  { keys: 50, depth: 1, valueBytesMax: 500, thinkMilliseconds: 20 },
]

/** The load of one experiment. */
export class Load {
  readonly oracle = new Oracle()
  readonly #clients: LoadClient[]
  readonly #running: Promise<void>[]
  #address: Address

  constructor(scope: Scope, server: Server, count = 10, kinds: readonly LoadOptions[] = KINDS) {
    this.#address = server.address
    scope.after(async () => this.#stop())
    this.#clients = Array.from({ length: count }, (_, index) => {
      const options = kinds[index % kinds.length] as LoadOptions
      return new LoadClient(this.oracle, () => this.#address, `c${index}`, SEED + index, options)
    })
    this.#running = this.#clients.map((client) => client.run())
  }

  get tally(): Tally {
    return this.oracle.tally
  }

  get clients(): readonly LoadClient[] {
    return this.#clients
  }

  /** The server from now on is this one, which is empty. */
  moveTo(server: Server): void {
    this.oracle.life++
    this.#address = server.address
  }

  /** Waits for so many replies more. */
  async replies(count: number): Promise<void> {
    const wanted = this.tally.replies + count
    await until(
      () => this.tally.replies >= wanted || this.tally.wrong.length > 0,
      () => `${wanted - this.tally.replies} replies are missing`,
    )
  }

  async flush(server: Server): Promise<void> {
    const { oracle } = this
    const client = await Client.connect(server.address)
    oracle.flushSentAt = performance.now()
    client.send('flush_all\r\n')
    await client.expect('OK\r\n')
    oracle.flushDoneAt = performance.now()
    client.close()
  }

  #stop(): void {
    for (const client of this.#clients) client.stop()
  }

  /** Ends it; nothing wrong was seen, and nothing that had to be there was missing. */
  async end(): Promise<Tally> {
    this.#stop()
    await within(Promise.all(this.#running), () => 'the load does not end')
    assert.deepEqual(this.tally.wrong, [])
    assert.equal(this.tally.missing, 0, 'items are missing')
    return this.tally
  }
}

/** What an experiment is about, in one line for docs/reliability.md. */
export function report(name: string, figures: Readonly<Record<string, number | string>>): void {
  const words = Object.entries(figures).map(([key, value]) => `${key} ${value}`)
  console.log(`${name}: ${words.join(', ')}`)
}
