import assert from 'node:assert/strict'
import type { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import type { Random } from '../support/seed.ts'
import type { Server } from '../support/server.ts'
import type { Command, Owner } from './server-commands.ts'
import {
  arithmeticCommand,
  deleteCommand,
  getCommand,
  metaDeleteCommand,
  metaGetCommand,
  metaStoreCommand,
  PAGE_BYTES,
  plainCommand,
  refusedCommand,
  storeCommand,
  touchCommand,
} from './server-commands.ts'
import type { Answer, Flush, Item, KeyState, Step, Surroundings } from './server-model.ts'
import { ANY, advance, describeWorlds, WORLDS_MAX } from './server-model.ts'
import type { Monitor } from './server-process.ts'
import type { Sent } from './server-steps.ts'
import { ITEM_BYTES_MAX, valueLength } from './server-values.ts'

export interface ClientOptions {
  readonly number: number
  readonly keyCount: number
  /** Where nothing may be evicted: most bytes that this client's items may have together. */
  readonly bytesMax: number
  readonly largeMayBeRefused: boolean
  readonly flushes: boolean
}

const BATCH_BYTES_MAX = 4 * 1024 * 1024
/**
 * One client with keys of its own. It sends a batch of commands in pieces while it reads the
 * replies; now and then it stops reading for a while, or goes away in the middle.
 */
export class FuzzClient implements Owner {
  readonly random: Random
  readonly keys: KeyState[]
  commands = 0
  readonly #server: Server
  readonly #monitor: Monitor
  readonly #surroundings: Surroundings
  readonly #options: ClientOptions
  readonly #weights: [number, () => Command][]
  /** Items of commands that are not yet known to have been carried out. */
  #made: Item[] = []
  #client: Client | null = null
  #names = 0
  #opaques = 0

  constructor(
    random: Random,
    server: Server,
    monitor: Monitor,
    surroundings: Surroundings,
    options: ClientOptions,
  ) {
    this.random = random
    this.#server = server
    this.#monitor = monitor
    this.#surroundings = surroundings
    this.#options = options
    this.keys = Array.from({ length: options.keyCount }, (_, index) => this.#newKey(index))
    // Swarm testing: each client does much of some things and none of others.
    const weight = (): number => random.pick([0, 1, 4, 16])
    this.#weights = [
      [8 + weight(), () => storeCommand(this)],
      [8 + weight(), () => getCommand(this)],
      [weight(), () => metaStoreCommand(this)],
      [weight(), () => metaGetCommand(this)],
      [weight() / 2, () => metaDeleteCommand(this)],
      [weight() / 2, () => arithmeticCommand(this)],
      [weight() / 2, () => deleteCommand(this)],
      [weight() / 2, () => touchCommand(this)],
      [weight() / 4, () => refusedCommand(this)],
      [0.2, () => this.#plain()],
      [options.flushes ? 0.02 : 0, () => this.#flush()],
    ]
  }

  get valueBytesMax(): number {
    let held = 0
    for (const { worlds } of this.keys) {
      for (const world of worlds) held += world === null ? 0 : valueLength(world.value)
    }
    return held < this.#options.bytesMax ? ITEM_BYTES_MAX : 200
  }

  sent(bytes: number): Sent {
    return {
      at: this.#surroundings.moment(),
      milliseconds: performance.now(),
      mayRefuse: this.#options.largeMayBeRefused && bytes >= PAGE_BYTES,
      made: this.#made,
    }
  }

  nextOpaque(): string {
    this.#opaques += 1
    return `O${this.#opaques}`
  }

  judge(state: KeyState, sent: Sent, step: Step, answer: Answer): void {
    if (state.isGivenUp) return
    const before = this.#before(state, sent)
    if (!advance(state, before, step, answer)) {
      const said = answer === ANY ? 'nothing' : answer.line
      assert.fail(`${JSON.stringify(state.key)} was ${describeWorlds(before)}; answer: ${said}`)
    }
    if (state.worlds.length > WORLDS_MAX) this.#giveUp(state)
  }

  lose(state: KeyState, sent: Sent, step: Step): void {
    if (state.isGivenUp) return
    const before = this.#before(state, sent)
    advance(state, before, step, ANY)
    state.worlds = [...new Set([...before, ...state.worlds])]
    if (state.worlds.length > WORLDS_MAX) this.#giveUp(state)
  }

  async run(commands: number): Promise<void> {
    while (this.commands < commands) await this.#batch()
  }

  close(): void {
    this.#client?.close()
    this.#client = null
  }

  /** Reads every key once more. */
  async readAll(): Promise<void> {
    const client = await this.#connected()
    for (const state of this.keys) {
      const command = getCommand({ ...this.#asOwner(), keys: [state] })
      client.send(Buffer.concat(command.bytes))
      await command.read(client)
    }
  }

  #asOwner(): Owner {
    return {
      random: this.random,
      keys: this.keys,
      valueBytesMax: 0,
      sent: (bytes) => this.sent(bytes),
      judge: (state, sent, step, answer) => this.judge(state, sent, step, answer),
      lose: (state, sent, step) => this.lose(state, sent, step),
      nextOpaque: () => this.nextOpaque(),
    }
  }

  #before(state: KeyState, sent: Sent): KeyState['worlds'] {
    const { number } = this.#options
    return this.#surroundings.worldsBefore(state, number, sent.at, sent.milliseconds)
  }

  async #connected(): Promise<Client> {
    if (this.#client === null) this.#client = await this.#server.connect()
    return this.#client
  }

  async #batch(): Promise<void> {
    const { random } = this
    const client = await this.#connected()
    const commands: Command[] = []
    const count = 1 + random.below(random.pick([3, 30, 200]))
    let length = 0
    while (commands.length < count && length < BATCH_BYTES_MAX) {
      const command = this.#anyCommand()
      for (const piece of command.bytes) length += piece.length
      commands.push(command)
    }
    this.commands += commands.length
    if (random.chance(0.06)) await this.#breakOff(client, commands, length)
    else await this.#answered(client, commands)
  }

  #anyCommand(): Command {
    let at = this.#weights.reduce((sum, [share]) => sum + share, 0)
    at *= this.random.below(1e6) / 1e6
    for (const [share, make] of this.#weights) {
      if (at < share) return make()
      at -= share
    }
    return this.#plain()
  }

  async #answered(client: Client, commands: readonly Command[]): Promise<void> {
    const end = plainCommand('mn\r\n', 'MN')
    const all = [...commands, end]
    const sending = this.#send(client, Buffer.concat(all.flatMap(({ bytes }) => bytes)))
    await this.#readAll(client, all)
    await sending
    this.#confirm()
    assert.equal(client.pending.length, 0, 'bytes that belong to no command')
  }

  async #readAll(client: Client, commands: readonly Command[]): Promise<void> {
    const { random } = this
    const isSlow = random.chance(0.15)
    for (const command of commands) {
      if (isSlow && random.chance(0.1)) {
        client.socket.pause()
        await pause(random.below(30))
        client.socket.resume()
      }
      const before = client.pending.length
      await command.read(client).catch((error: Error) => {
        const [first] = command.bytes
        throw new Error(`${first?.toString('latin1').slice(0, 400)}: ${error.message}`, {
          cause: error,
        })
      })
      if (client.pending.length !== before) this.#confirm()
    }
  }

  /** All items made so far are known to have been made. */
  #confirm(): void {
    const now = performance.now()
    const moment = this.#surroundings.moment()
    for (const item of this.#made.splice(0)) {
      item.answeredAt = Math.min(item.answeredAt, moment)
      item.diesBy = Math.min(item.diesBy, now + item.lateness)
    }
  }

  async #send(client: Client, bytes: Buffer): Promise<void> {
    const { random } = this
    const size = random.pick([1, 7, 60, 1500, 8192, 65_536, bytes.length])
    // No more than some hundred pieces: each costs a turn of the event loop.
    const most = Math.max(size, Math.ceil(bytes.length / 150))
    for (let at = 0; at < bytes.length && !client.closed; ) {
      const end = Math.min(bytes.length, at + 1 + random.below(2 * most))
      client.send(bytes.subarray(at, end))
      at = end
      if (random.chance(0.02)) await pause(1)
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Sends only the beginning of the batch and ends the connection in one of several ways. */
  async #breakOff(client: Client, commands: readonly Command[], length: number): Promise<void> {
    const { random } = this
    const cut = random.below(length + 1)
    const whole: Command[] = []
    let end = 0
    for (const command of commands) {
      for (const piece of command.bytes) end += piece.length
      if (end > cut) break
      whole.push(command)
    }
    const bytes = Buffer.concat(commands.flatMap((command) => command.bytes)).subarray(0, cut)
    this.#client = null
    if (random.chance(0.4)) {
      // As `printf … | nc` does it: all that was asked is answered, then the server closes.
      const sending = this.#send(client, bytes).then(() => client.socket.end())
      await this.#readAll(client, whole)
      await sending
      await client.expectClose()
      // Those without a reply are known to be done only now.
      this.#confirm()
      return
    }
    const { localPort } = client.socket
    await this.#send(client, bytes)
    if (random.chance(0.5)) client.socket.resetAndDestroy()
    else client.close()
    await this.#untilDropped(localPort)
    for (const command of whole) command.lose()
    this.#confirm()
  }

  /** The server may still be busy with what it has received; then nothing more happens. */
  async #untilDropped(port: number | undefined): Promise<void> {
    await until(
      async () => {
        const connections = await this.#monitor.stats('conns')
        return ![...connections.values()].includes(`tcp:127.0.0.1:${port}`)
      },
      () => `the server keeps the connection of port ${port}`,
    )
  }

  #plain(): Command {
    const { random } = this
    return random.pick([
      () => plainCommand('mn\r\n', 'MN'),
      () => plainCommand('version\r\n', /^VERSION /),
      () => plainCommand('\r\n', 'CLIENT_ERROR bad command line format'),
      () => plainCommand('nonsense 1 2\r\n', 'ERROR'),
      () => plainCommand('stats\r\n', '', 'END'),
      () => plainCommand('stats items\r\n', '', 'END'),
      () => plainCommand('stats conns\r\n', '', 'END'),
    ])()
  }

  #flush(): Command {
    const { number } = this.#options
    const { flushes } = this.#surroundings
    const sentAt = this.#surroundings.moment()
    const flush: Flush = { client: number, sentAt, answeredAt: Number.POSITIVE_INFINITY }
    flushes.push(flush)
    const answered = (): void => {
      flush.answeredAt = this.#surroundings.moment()
    }
    return {
      bytes: [Buffer.from('flush_all\r\n')],
      read: async (client) => {
        assert.equal(await client.readLine(), 'OK')
        answered()
        for (const state of this.keys) state.worlds = [null]
      },
      lose: () => {
        answered()
        for (const state of this.keys) state.worlds = [...new Set([...state.worlds, null])]
      },
    }
  }

  #newKey(index: number): KeyState {
    this.#names += 1
    const name = `c${this.#options.number}.${index}.${this.#names}`
    const tail = index % 7 === 3 ? '\x01\t\xff\0\r' : ''
    const length = index % 5 === 2 ? 250 : name.length + tail.length
    return { key: (name + tail).padEnd(length, 'k'), index, worlds: [null], isGivenUp: false }
  }

  /** Too little is known of it: go on under another name. */
  #giveUp(state: KeyState): void {
    state.isGivenUp = true
    state.worlds = []
    this.keys[this.keys.indexOf(state)] = this.#newKey(state.index)
  }
}
