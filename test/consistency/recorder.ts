import type { Address } from '../support/client.ts'
import { Client } from '../support/client.ts'
import { pause } from '../support/deadline.ts'
import type { Random } from '../support/seed.ts'
import type { Chooser, WireCommand } from './commands.ts'
import { flushCommand, makeCommand, syncCommand } from './commands.ts'
import type { ItemOperation, Outcome } from './item-model.ts'

export interface RoundPlan {
  readonly address: Address
  readonly keys: readonly string[]
  readonly batches: number
  readonly batchCommandsMax: number
  readonly onlyTelling: boolean
  /** Slow senders and readers, and single commands now and then. */
  readonly leisurely: boolean
  /** Of a batch to hold a flush_all. */
  readonly flushChance: number
  /** Of a batch to end with the connection cut. */
  readonly cutChance: number
  /** Items may be evicted at any time. */
  readonly lossy: boolean
  /** Numbers for values, each given out once. */
  readonly nextId: () => number
}

const SLOW_SEND_CHANCE = 0.1
const SLOW_READ_CHANCE = 0.1
const SLOW_MILLISECONDS_MAX = 20

/** Lets replies wait, so that large values are still being sent while others write them anew. */
async function dawdle(client: Client, random: Random): Promise<void> {
  client.socket.pause()
  await pause(random.below(SLOW_MILLISECONDS_MAX))
  client.socket.resume()
}

/** What happened to one key or, where the key is null, to all of them. */
export interface Recorded extends ItemOperation {
  readonly key: string | null
}

/** A time that all threads and processes of this machine share, in milliseconds. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** One client of a round: batch after batch, each sent in one go and then read. */
export class Recorder implements Chooser {
  readonly random: Random
  readonly keys: readonly string[]
  readonly onlyTelling: boolean
  readonly casSeen = new Map<string, number>()
  readonly history: Recorded[] = []
  readonly #plan: RoundPlan
  readonly #name: string
  #client: Client | null = null
  #connections = 0

  constructor(plan: RoundPlan, name: string, random: Random) {
    this.random = random
    this.keys = plan.keys
    this.onlyTelling = plan.onlyTelling
    this.#plan = plan
    this.#name = name
  }

  nextId(): number {
    return this.#plan.nextId()
  }

  async run(): Promise<void> {
    for (let batch = 0; batch < this.#plan.batches; batch++) {
      if (this.random.chance(this.#plan.cutChance)) await this.#cutShort()
      else await this.#batch()
      if (this.#sometimes(0.1)) await pause(this.random.below(5))
    }
    this.#client?.close()
  }

  #sometimes(chance: number): boolean {
    return this.#plan.leisurely && this.random.chance(chance)
  }

  /** A connection is a lane: what it sent is done in that order. */
  get #lane(): string {
    return `${this.#name}.${this.#connections}`
  }

  async #connected(): Promise<Client> {
    if (this.#client === null) {
      this.#client = await Client.connect(this.#plan.address)
      this.#connections++
    }
    return this.#client
  }

  #commands(): WireCommand[] {
    const { random } = this
    const count = this.#sometimes(0.4) ? 1 : 1 + random.below(this.#plan.batchCommandsMax)
    const commands = Array.from({ length: count }, () => makeCommand(this))
    if (random.chance(this.#plan.flushChance)) {
      commands.splice(random.below(commands.length), 0, flushCommand(random))
    }
    return commands
  }

  async #batch(): Promise<void> {
    const { random } = this
    const client = await this.#connected()
    const commands = [...this.#commands(), syncCommand()]
    const invoked = sharedNow()
    const sent = this.#send(client, Buffer.concat(commands.map(({ bytes }) => bytes)))
    if (this.#sometimes(SLOW_READ_CHANCE)) await dawdle(client, random)
    // A silent command was done before the next one that was answered.
    const silent: WireCommand[] = []
    for (const command of commands) {
      if (command.readReply === null) {
        silent.push(command)
        continue
      }
      const outcomes = await command.readReply(client)
      const returned = sharedNow()
      for (const quiet of silent.splice(0)) this.#record(quiet, { invoked, returned })
      this.#record(command, { invoked, returned }, outcomes)
    }
    await sent
    if (client.pending.length > 0) throw new Error('more replies than commands')
  }

  /** In one go, or in two parts with a while in between: then a value may be half there. */
  async #send(client: Client, bytes: Buffer): Promise<void> {
    const { random } = this
    const cut = this.#sometimes(SLOW_SEND_CHANCE) ? random.below(bytes.length) : bytes.length
    client.send(bytes.subarray(0, cut))
    if (cut === bytes.length) return
    await pause(random.below(SLOW_MILLISECONDS_MAX))
    client.send(bytes.subarray(cut))
  }

  /**
   * Sends a batch, perhaps not to its end, and goes away. What was sent whole may be done at any time,
   * or never; what was not sent whole must not be.
   */
  async #cutShort(): Promise<void> {
    const client = await this.#connected()
    const commands = this.#commands()
    const bytes = Buffer.concat(commands.map((command) => command.bytes))
    const sent = this.random.chance(0.5) ? bytes.length : this.random.below(bytes.length)
    const invoked = sharedNow()
    client.send(bytes.subarray(0, sent))
    if (this.random.chance(0.7)) await pause(this.random.below(4))
    if (this.random.chance(0.5)) client.socket.resetAndDestroy()
    else client.close()
    let end = 0
    for (const command of commands) {
      end += command.bytes.length
      if (end > sent) break
      this.#record(command, { invoked, returned: Number.POSITIVE_INFINITY })
    }
    this.#client = null
  }

  #record(
    { effects }: WireCommand,
    times: { readonly invoked: number; readonly returned: number },
    outcomes: readonly Outcome[] = [],
  ): void {
    for (const [at, { key, command }] of effects.entries()) {
      const outcome = outcomes[at] ?? null
      if (key !== null && outcome?.cas !== undefined) this.casSeen.set(key, outcome.cas)
      const mayBeLost = this.#plan.lossy ? 'always' : 'never'
      this.history.push({ key, lane: this.#lane, command, outcome, mayBeLost, ...times })
    }
  }
}

/** The lanes of one key: its own operations, and those on all keys. */
export function lanesOf(history: readonly Recorded[], key: string): ItemOperation[][] {
  const lanes = new Map<string, Recorded[]>()
  for (const operation of history) {
    if (operation.key !== null && operation.key !== key) continue
    const lane = lanes.get(operation.lane) ?? []
    lanes.set(operation.lane, lane)
    lane.push(operation)
  }
  return [...lanes.values()]
}
