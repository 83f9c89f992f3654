import { setTimeout as sleep } from 'node:timers/promises'
import { BulkClient } from '../bulk/bulk-client.ts'
import { CommandBatch, KEY_BYTES, Random } from '../bulk/command-batch.ts'

export interface TrafficPlan {
  readonly port: number
  readonly memoryMib: number
  readonly connections: number
  readonly commandsPerSecond: number
  readonly seed: number
}

const COMMANDS_PER_BATCH = 20
const SETS_OF_TWELVE = 4
const SMALL_BYTES_MIN = 32
const SMALL_BYTES_MAX = 500
const LARGE_BYTES_MIN = 10_000
const LARGE_BYTES_MAX = 100_000
/** One value of so many is large, so that pages are wanted and given back, too. */
const LARGE_ONE_OF = 200
/** One value of so many expires soon. */
const EXPIRING_ONE_OF = 4
const TTL_SECONDS_MAX = 3
/** The working set is so many times what fits. */
const OVERCOMMIT = 4
const AVERAGE_BYTES = (SMALL_BYTES_MIN + SMALL_BYTES_MAX) / 2 + KEY_BYTES + 40
/** Everything an exporter would read. */
const SCRAPE = Buffer.from(
  'stats\r\nstats items\r\nstats slabs\r\nstats settings\r\nstats conns\r\n',
)
const SCRAPE_MILLISECONDS = 1000

/**
 * Steady traffic at a fixed rate, well below what the server can do: writes of new items that make
 * it evict, short lives that make it sweep, some large values, and a scrape every second.
 */
export class Traffic {
  readonly #plan: TrafficPlan
  readonly #items: number
  readonly #clients: BulkClient[] = []
  #running = true
  #done: Promise<unknown> = Promise.resolve()
  sent = 0
  hits = 0
  scrapes = 0

  constructor(plan: TrafficPlan) {
    this.#plan = plan
    this.#items = Math.floor((OVERCOMMIT * plan.memoryMib * 2 ** 20) / AVERAGE_BYTES)
  }

  /** Writes the whole working set once: then the memory is full, and eviction has begun. */
  async fill(): Promise<void> {
    const client = await BulkClient.connect(this.#plan.port)
    const random = new Random(this.#plan.seed)
    const batch = new CommandBatch(256 * 1024)
    for (let item = 0; item < this.#items; item++) {
      if (!batch.hasRoom(LARGE_BYTES_MAX)) {
        await client.send(batch.commands)
        batch.clear()
      }
      this.#set(batch, item, random)
    }
    await client.ask(batch.commands)
    client.close()
  }

  async start(): Promise<void> {
    const loops: Promise<void>[] = []
    for (let index = 0; index < this.#plan.connections; index++) {
      const client = await BulkClient.connect(this.#plan.port)
      this.#clients.push(client)
      loops.push(this.#run(client, index))
    }
    loops.push(this.#scrape())
    this.#done = Promise.all(loops)
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
    for (const client of this.#clients) client.close()
  }

  async #run(client: BulkClient, index: number): Promise<void> {
    const { connections, commandsPerSecond, seed } = this.#plan
    const random = new Random(seed + index + 1)
    const batch = new CommandBatch(COMMANDS_PER_BATCH * (LARGE_BYTES_MAX + 128))
    const every = (1000 * connections * COMMANDS_PER_BATCH) / commandsPerSecond
    let due = performance.now() + (every * index) / connections
    while (this.#running) {
      const wait = due - performance.now()
      if (wait > 0.5) await sleep(wait)
      due += every
      batch.clear()
      for (let command = 0; command < COMMANDS_PER_BATCH; command++) this.#add(batch, random)
      await client.ask(batch.commands)
      this.sent += COMMANDS_PER_BATCH
    }
    this.hits += (await client.finish()).hits
  }

  #add(batch: CommandBatch, random: Random): void {
    // Half of all asks for a twentieth of the items, so that some of them earn their place.
    const popular = random.below(2) === 0
    const item = random.below(popular ? Math.ceil(this.#items / 20) : this.#items)
    if (random.below(12) < SETS_OF_TWELVE) this.#set(batch, item, random)
    else batch.get(item)
  }

  #set(batch: CommandBatch, item: number, random: Random): void {
    const large = random.below(LARGE_ONE_OF) === 0
    const [min, max] = large
      ? [LARGE_BYTES_MIN, LARGE_BYTES_MAX]
      : [SMALL_BYTES_MIN, SMALL_BYTES_MAX]
    const exptime = random.below(EXPIRING_ONE_OF) === 0 ? 1 + random.below(TTL_SECONDS_MAX) : 0
    batch.set(item, min + random.below(max - min + 1), exptime)
  }

  async #scrape(): Promise<void> {
    const client = await BulkClient.connect(this.#plan.port)
    this.#clients.push(client)
    while (this.#running) {
      await client.ask(SCRAPE)
      this.scrapes++
      await sleep(SCRAPE_MILLISECONDS)
    }
  }
}
