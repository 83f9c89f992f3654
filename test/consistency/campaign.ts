import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WireKind } from '../fuzz/server-process.ts'
import { checkStore, complaints, hooked } from '../fuzz/server-process.ts'
import type { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import { HeldClock } from '../support/held-clock.ts'
import { Random } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'
import type { Task } from './client-thread.ts'
import { ClientThread } from './client-thread.ts'
import { LARGE_KEY, NUMBER_KEY, SOON_SECONDS } from './commands.ts'
import { writeHistory } from './history-file.ts'
import { judgeHistory } from './judge.ts'
import type { Recorded } from './recorder.ts'
import { sharedNow } from './recorder.ts'

/** One server, and the rounds that are played on it. */
export interface Shape {
  readonly wire: WireKind
  /** Little memory and others who fill it, so that items are evicted; else -M and plenty. */
  readonly lossy: boolean
  readonly policy: string
}

export interface Outcome {
  readonly rounds: number
  readonly histories: number
  readonly operations: number
  /** Of the history that took longest to decide. */
  readonly configurations: number
  /** Histories that only the loss of an item explains. */
  readonly lost: number
  readonly expiries: number
  readonly evictions: number
}

const WORKERS = 4
const THREADS = 2
const CLIENTS_PER_THREAD = 5
const LEISURELY_KINDS = ['text', 'text', NUMBER_KEY, LARGE_KEY]
const STORM_KINDS = ['text', NUMBER_KEY]
const SMALL_MEGABYTES = 4
const LARGE_MEGABYTES = 512

/** Few enough that a key sees some hundred operations, which is decided in milliseconds. */
const LEISURELY = { batches: 10, batchCommandsMax: 8, onlyTelling: false, leisurely: true } as const

/** Long pipelines at once, so that workers meet at the same key in the same microsecond. */
const STORM = { batches: 4, batchCommandsMax: 120, onlyTelling: true, leisurely: false } as const
const STORM_FLUSH_CHANCE = 0.05

/** One round in so many moves the clock; that takes longer, because every worker has to see it. */
const EXPIRY_EVERY = 12
const CLOCK_SEEN_MILLISECONDS = 2500

/** What others write to have items evicted. */
const FILL_KEYS = 10_000
const FILL_BATCH = 40
const FILL_PAUSE_MILLISECONDS = 20
const FILL_BYTES = 20_000

export async function runShape(
  shape: Shape,
  random: Random,
  milliseconds: number,
): Promise<Outcome> {
  const scope = new SuiteScope()
  try {
    const memory = shape.lossy
      ? ['-m', String(SMALL_MEGABYTES)]
      : ['-m', String(LARGE_MEGABYTES), '-M']
    const server = await Server.start(scope, {
      flags: ['-t', String(WORKERS), ...memory],
      debugTime: true,
      environment: { ...hooked(shape.wire), MEMCKV_MEMORY_POLICY: shape.policy },
    })
    const campaign = new Campaign(shape, random, server, await server.connect(scope))
    scope.after(() => campaign.end())
    return await campaign.run(milliseconds)
  } finally {
    await scope.close()
  }
}

class Campaign {
  readonly #shape: Shape
  readonly #random: Random
  readonly #server: Server
  readonly #monitor: Client
  readonly #threads: readonly ClientThread[]
  readonly #stop = new AbortController()

  constructor(shape: Shape, random: Random, server: Server, monitor: Client) {
    this.#shape = shape
    this.#random = random
    this.#server = server
    this.#monitor = monitor
    this.#threads = Array.from(
      { length: THREADS },
      (_, first) => new ClientThread({ first, step: THREADS }),
    )
  }

  async end(): Promise<void> {
    for (const thread of this.#threads) await thread.end()
  }

  async run(milliseconds: number): Promise<Outcome> {
    const clock = await HeldClock.hold(this.#monitor)
    const fillers = Promise.all(this.#shape.lossy ? [this.#fill(), this.#fill()] : [])
    // When something else went wrong first, the server ends under them.
    fillers.catch(() => {})
    const end = performance.now() + milliseconds
    const sum = { rounds: 0, histories: 0, operations: 0, configurations: 0, lost: 0, expiries: 0 }
    while (performance.now() < end) {
      const isStorm = sum.rounds % 2 === 0
      const kinds = isStorm ? STORM_KINDS : LEISURELY_KINDS
      const keys = kinds.map((kind, at) => `${kind}-${at}.${sum.rounds}`)
      const expires = sum.rounds % EXPIRY_EVERY === 3
      let history: readonly Recorded[]
      if (expires) history = await this.#expiryRound(keys, clock)
      else if (isStorm) history = await this.#storm(keys, `r${sum.rounds}`)
      else history = await this.#round(keys, `r${sum.rounds}`)
      const judged = this.#judge(history, keys)
      sum.rounds++
      sum.histories += keys.length
      sum.operations += judged.operations
      sum.configurations = Math.max(sum.configurations, judged.configurations)
      sum.lost += judged.lost
      if (expires) sum.expiries++
    }
    this.#stop.abort()
    await fillers
    return { ...sum, evictions: await this.#judgeServer() }
  }

  #judge(history: readonly Recorded[], keys: readonly string[]): ReturnType<typeof judgeHistory> {
    try {
      return judgeHistory(history, keys)
    } catch (error) {
      const file = join(tmpdir(), `memckv-history-${process.pid}.json`)
      writeHistory(file, { keys, history })
      throw new Error(
        `${JSON.stringify(this.#shape)}, kept in ${file}\n${(error as Error).message}`,
      )
    }
  }

  #round(keys: readonly string[], name: string): Promise<Recorded[]> {
    const flushChance = this.#random.pick([0, 0.01, 0.03])
    const cutChance = this.#random.pick([0, 0.02, 0.05])
    return this.#record({ ...LEISURELY, keys, flushChance, cutChance }, name)
  }

  #storm(keys: readonly string[], name: string): Promise<Recorded[]> {
    const flushChance = this.#random.pick([0, STORM_FLUSH_CHANCE])
    return this.#record({ ...STORM, keys, flushChance, cutChance: 0 }, name)
  }

  async #record(how: Omit<Task['plan'], 'address' | 'lossy'>, name: string): Promise<Recorded[]> {
    const random = this.#random
    const plan = { ...how, address: this.#server.address, lossy: this.#shape.lossy }
    const parts = await Promise.all(
      this.#threads.map((thread, at) =>
        thread.record({
          plan,
          clients: CLIENTS_PER_THREAD,
          name: `${name}t${at}c`,
          seed: random.word(),
        }),
      ),
    )
    return parts.flat()
  }

  /**
   * The clock moves in the middle. Each worker sees that at its next tick, so for a while an item with
   * little time left may go or stay, by who is asked; once all have seen it, it is gone.
   */
  async #expiryRound(keys: readonly string[], clock: HeldClock): Promise<Recorded[]> {
    const before = this.#round(keys, 'before')
    await pause(this.#random.below(60))
    const invoked = sharedNow()
    await clock.move(SOON_SECONDS)
    await pause(CLOCK_SEEN_MILLISECONDS)
    const returned = sharedNow()
    const history = [...(await before), ...(await this.#round(keys, 'after'))]
    const soon = history.map((operation): Recorded => {
      const overlaps = operation.invoked <= returned && operation.returned >= invoked
      return overlaps && operation.mayBeLost === 'never'
        ? { ...operation, mayBeLost: 'soon' }
        : operation
    })
    const expire = {
      key: null,
      lane: 'clock',
      command: { kind: 'expire' },
      outcome: null,
      mayBeLost: 'never',
      invoked,
      returned,
    } as const
    return [...soon, expire]
  }

  /** Keeps memory full by items of its own, which nobody reads. */
  async #fill(): Promise<void> {
    const random = new Random(this.#random.word())
    const client = await this.#server.connect()
    const value = Buffer.alloc(FILL_BYTES, 'f')
    while (!this.#stop.signal.aborted) {
      const parts: Buffer[] = []
      for (let count = 0; count < FILL_BATCH; count++) {
        const length = random.below(FILL_BYTES)
        const line = `set fill-${random.below(FILL_KEYS)} 0 0 ${length} noreply\r\n`
        parts.push(Buffer.from(line), value.subarray(0, length), Buffer.from('\r\n'))
      }
      client.send(Buffer.concat([...parts, Buffer.from('mn\r\n')]))
      await client.expect('MN\r\n')
      await pause(random.below(FILL_PAUSE_MILLISECONDS))
    }
    client.close()
  }

  async #judgeServer(): Promise<number> {
    await until(
      async () => (await this.#monitor.stats()).get('curr_connections') === '1',
      () => 'connections are left behind',
    )
    assert.equal(await checkStore(this.#server), 0, 'pages that nobody has')
    const evictions = Number((await this.#monitor.stats()).get('evictions'))
    if (this.#shape.lossy) assert.ok(evictions > 0, 'nothing was evicted')
    else assert.equal(evictions, 0)
    assert.deepEqual(complaints(this.#server), [])
    return evictions
  }
}
