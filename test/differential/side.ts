import { Client } from '../support/client.ts'
import type { Server } from '../support/server.ts'
import { LEARNT_CAS } from './commands.ts'

/** One of the two servers, and the uniques it has given for each key. */
export class Side {
  readonly server: Server
  readonly #learnt = new Map<string, string>()
  #client: Client | null = null

  constructor(server: Server) {
    this.server = server
  }

  /** The command's bytes for this server, with the uniques it gave itself. */
  render(text: string): Buffer {
    const filled = text.replace(LEARNT_CAS, (_, key: string) => this.#learnt.get(key) ?? '77')
    return Buffer.from(filled, 'latin1')
  }

  /** Sends one complete command and reads its whole reply, which `version` shows to be over. */
  async ask(text: string): Promise<string> {
    const client = await this.#lockstep()
    client.place = `after ${JSON.stringify(text.slice(0, 200))}: `
    client.send(Buffer.concat([this.render(text), Buffer.from('version\r\n')]))
    await client.readWhile((received) => !isOver(received))
    const reply = client.takeAll()
    this.#learn(text, reply)
    return withoutSentinel(reply)
  }

  /** Sends the pieces and a last command on a connection of their own. */
  async stream(pieces: readonly string[]): Promise<Stream> {
    const client = await Client.connect(this.server.address)
    for (const piece of pieces) {
      client.send(this.render(piece))
      if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
    }
    // The empty line ends what may be half a command; a value may still be waited for.
    client.send('\r\nversion\r\n')
    return new Stream(client)
  }

  close(): void {
    this.#client?.close()
    this.#client = null
  }

  async #lockstep(): Promise<Client> {
    this.#client ??= await Client.connect(this.server.address)
    return this.#client
  }

  #learn(text: string, reply: string): void {
    for (const [, key, unique] of reply.matchAll(/^VALUE ([^ \n]+) \d+ \d+ (\d+)\r$/gm)) {
      if (key !== undefined && unique !== undefined) this.#learnt.set(key, unique)
    }
    const asked = /^m[gsa] ([^ \r\n]+)[^\r\n]*/.exec(text)
    const given = /^(?:HD|VA)[^\r\n]* c([1-9]\d*)(?: |\r)/.exec(reply)
    if (asked?.[1] === undefined || given?.[1] === undefined) return
    const encoded = / b(?: |$)/.test(asked[0])
    const key = encoded ? Buffer.from(asked[1], 'base64').toString('latin1') : asked[1]
    this.#learnt.set(key, given[1])
  }
}

/** What came back on a stream's connection so far, and whether more can come. */
export class Stream {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Waits for the last command's reply, for the close, or for nothing having come for a while. */
  async settle(quietMilliseconds: number): Promise<void> {
    await this.#client.readWhile((received) => !isOver(received), quietMilliseconds)
  }

  /** Either everything was answered or the server closed. */
  get isOver(): boolean {
    return this.#client.closed || isOver(this.#client.pending)
  }

  get reply(): string {
    return this.#client.pending.toString('latin1') + (this.#client.closed ? '<closed>' : '')
  }

  close(): void {
    this.#client.close()
  }
}

const SENTINEL = /VERSION [\d.]+\r\n$/

function isOver(received: Buffer): boolean {
  return SENTINEL.test(received.toString('latin1', Math.max(0, received.length - 40)))
}

function withoutSentinel(reply: string): string {
  return reply.replace(SENTINEL, '')
}
