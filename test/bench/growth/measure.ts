import { BulkClient } from '../bulk/bulk-client.ts'
import { CommandBatch, KEY_BYTES, Random } from '../bulk/command-batch.ts'
import type { Peer } from '../servers/peers.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { pointerChaseNanoseconds } from './pointer-chase.ts'

/** One size of cache: so many items in so much memory, all of which fit. */
export interface GrowthCase {
  readonly items: number
  readonly memoryMib: number
}

export interface GrowthPlan {
  readonly servers: readonly Peer[]
  readonly workers: number
  readonly operations: number
  readonly rounds: number
  readonly seed: number
}

/** Server CPU per operation in microseconds, one figure a round. */
export interface GrowthResult {
  readonly server: string
  readonly growthCase: GrowthCase
  readonly get: readonly number[]
  readonly set: readonly number[]
  /** Share of gets that found something: 1, or the figures do not compare. */
  readonly hitRatio: number
  readonly residentMib: number
}

const VALUE_BYTES = 100
/** So many commands at a time: the network's part is small and the same at every size. */
const COMMANDS_PER_BATCH = 200
const FILL_BATCH_BYTES = 256 * 1024
/** An item, with what any of the servers adds to it. */
const ITEM_BYTES = VALUE_BYTES + KEY_BYTES + 48

export function chaseFor({ items }: GrowthCase): number {
  return pointerChaseNanoseconds(items * ITEM_BYTES)
}

/** All servers hold the same items at once, and are asked by turns. */
export async function measureGrowth(
  plan: GrowthPlan,
  growthCase: GrowthCase,
): Promise<GrowthResult[]> {
  const subjects: Subject[] = []
  try {
    for (const peer of plan.servers) subjects.push(await Subject.start(peer, plan, growthCase))
    for (const subject of subjects) await subject.fill()
    // The first round makes code hot and is not counted.
    for (let round = 0; round <= plan.rounds; round++) {
      for (const subject of subjects) await subject.round(plan, round)
    }
    return subjects.map((subject) => subject.result())
  } finally {
    for (const subject of subjects) await subject.stop()
  }
}

class Subject {
  readonly #server: ServerProcess
  readonly #client: BulkClient
  readonly #case: GrowthCase
  readonly #batch = new CommandBatch(FILL_BATCH_BYTES)
  readonly #get: number[] = []
  readonly #set: number[] = []
  #hits = 0
  #asked = 0

  private constructor(server: ServerProcess, client: BulkClient, growthCase: GrowthCase) {
    this.#server = server
    this.#client = client
    this.#case = growthCase
  }

  static async start(peer: Peer, plan: GrowthPlan, growthCase: GrowthCase): Promise<Subject> {
    const shape = { memoryMib: growthCase.memoryMib, workers: plan.workers }
    const server = await ServerProcess.start(peer.name, peer.commandLine(shape))
    return new Subject(server, await BulkClient.connect(server.port), growthCase)
  }

  async fill(): Promise<void> {
    const { items } = this.#case
    console.error(`${this.#server.name}: filling ${items.toLocaleString('en')} items`)
    const batch = this.#batch
    batch.clear()
    for (let item = 0; item < items; item++) {
      if (!batch.hasRoom(VALUE_BYTES)) {
        await this.#client.send(batch.commands)
        batch.clear()
      }
      batch.set(item, VALUE_BYTES, 0)
    }
    await this.#client.send(batch.commands)
    await this.#client.finish()
  }

  async round(plan: GrowthPlan, round: number): Promise<void> {
    const random = new Random(plan.seed + round)
    const { items } = this.#case
    const get = await this.#cost(plan, (batch) => batch.get(random.below(items)))
    const { hits } = await this.#client.finish()
    const set = await this.#cost(plan, (batch) => batch.set(random.below(items), VALUE_BYTES, 0))
    await this.#client.finish()
    if (round === 0) return
    this.#get.push(get)
    this.#set.push(set)
    this.#hits += hits
    this.#asked += Math.ceil(plan.operations / COMMANDS_PER_BATCH) * COMMANDS_PER_BATCH
  }

  result(): GrowthResult {
    return {
      server: this.#server.name,
      growthCase: this.#case,
      get: this.#get,
      set: this.#set,
      hitRatio: this.#hits / this.#asked,
      residentMib: this.#server.residentMebibytes(),
    }
  }

  async stop(): Promise<void> {
    this.#client.close()
    await this.#server.stop()
  }

  async #cost({ operations }: GrowthPlan, add: (batch: CommandBatch) => void): Promise<number> {
    const before = this.#cpuSeconds()
    let done = 0
    while (done < operations) {
      this.#batch.clear()
      for (let command = 0; command < COMMANDS_PER_BATCH; command++) add(this.#batch)
      await this.#client.ask(this.#batch.commands)
      done += COMMANDS_PER_BATCH
    }
    return ((this.#cpuSeconds() - before) * 1e6) / done
  }

  /** By the threads, because their times are in nanoseconds and the process's in hundredths. */
  #cpuSeconds(): number {
    return this.#server.threads().reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  }
}
