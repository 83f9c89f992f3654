import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as connectSocket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import { DEADLINE_MILLISECONDS, within } from './deadline.ts'
import { describeDifference, escapeBytes } from './escape.ts'
import type { Captures, Names } from './pattern.ts'
import { CANNOT_MATCH, NEEDS_MORE, Pattern } from './pattern.ts'

export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

const NO_NAMES: Names = { prefix: '', captures: new Map() }

/** A raw client: bytes out, bytes in, each wait with a deadline and each failure shown escaped. */
export class Client {
  readonly socket: Socket
  /** Where we are, put in front of every failure message. */
  place = ''
  #received: Buffer = Buffer.alloc(0)
  #closed = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  static async connect(address: Address, tls?: ConnectionOptions): Promise<Client> {
    const socket =
      tls === undefined
        ? connectSocket(address)
        : connectTls({ servername: 'localhost', ...tls, ...address })
    const event = tls === undefined ? 'connect' : 'secureConnect'
    await within(once(socket, event), () => `connect to ${JSON.stringify(address)}`)
    return new Client(socket)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes received and not yet taken by an expectation. */
  get pending(): Buffer {
    return this.#received
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Exactly these bytes come next; what follows them stays for the next expectation. */
  async expect(expected: string | Buffer | Pattern, captures: Captures = new Map()): Promise<void> {
    const pattern =
      expected instanceof Pattern
        ? expected
        : new Pattern(
            typeof expected === 'string' ? Buffer.from(expected, 'latin1') : expected,
            NO_NAMES,
          )
    for (;;) {
      const matched = pattern.match(this.#received, captures)
      if (matched >= 0) {
        this.#received = this.#received.subarray(matched)
        return
      }
      if (matched === CANNOT_MATCH) this.#fail('wrong reply', pattern)
      assert.equal(matched, NEEDS_MORE)
      if (this.#closed) this.#fail('closed by the server before the whole reply', pattern)
      if (!(await this.#more(DEADLINE_MILLISECONDS))) this.#fail('no (complete) reply', pattern)
    }
  }

  /** Everything up to and including the marker, for replies whose text the test reads itself. */
  async readUntil(marker: string | Buffer): Promise<Buffer> {
    let from = 0
    for (;;) {
      const at = this.#received.indexOf(marker, from, 'latin1')
      if (at >= 0) return this.#take(at + Buffer.byteLength(marker, 'latin1'))
      from = Math.max(0, this.#received.length - marker.length)
      if (this.#closed || !(await this.#more(DEADLINE_MILLISECONDS))) {
        const why = this.#closed ? 'connection closed' : 'deadline passed'
        assert.fail(
          `${this.place}${why} before ${JSON.stringify(marker.toString())}; got ${escapeBytes(this.#received)}`,
        )
      }
    }
  }

  /**
   * Reads while the condition holds of what was received. Without a time of quiet a silence is a
   * failure, with one it ends the reading; so does the close.
   */
  async readWhile(
    condition: (received: Buffer) => boolean,
    quietMilliseconds: number | null = null,
  ): Promise<void> {
    while (!this.#closed && condition(this.#received)) {
      if (await this.#more(quietMilliseconds ?? DEADLINE_MILLISECONDS)) continue
      if (quietMilliseconds !== null) return
      assert.fail(`${this.place}no (complete) reply; got ${escapeBytes(this.#received)}`)
    }
  }

  /** Everything received so far, as Latin-1 text. */
  takeAll(): string {
    return this.#take(this.#received.length).toString('latin1')
  }

  async readBytes(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#closed || !(await this.#more(DEADLINE_MILLISECONDS))) {
        assert.fail(`${this.place}wanted ${length} bytes, got ${this.#received.length}`)
      }
    }
    return this.#take(length)
  }

  async readLine(): Promise<string> {
    return (await this.readUntil('\n')).toString('latin1').replace(/\r?\n$/, '')
  }

  /** One command and the lines of its answer, up to the line that ends it. */
  async ask(command: string, lastLine = 'END'): Promise<string[]> {
    this.send(`${command}\r\n`)
    const lines: string[] = []
    for (;;) {
      const line = await this.readLine()
      if (line === lastLine) return lines
      lines.push(line)
      if (/^(ERROR|CLIENT_ERROR|SERVER_ERROR)/.test(line)) {
        assert.fail(`${this.place}${command} was answered ${line}`)
      }
    }
  }

  async stats(argument = ''): Promise<Map<string, string>> {
    const lines = await this.ask(argument === '' ? 'stats' : `stats ${argument}`)
    return new Map(
      lines.map((line) => {
        const [word, name, ...value] = line.split(' ')
        assert.equal(word, 'STAT', line)
        return [name ?? '', value.join(' ')]
      }),
    )
  }

  /** The server closes, and sends nothing more before it does. */
  async expectClose(): Promise<void> {
    const end = performance.now() + DEADLINE_MILLISECONDS
    while (!this.#closed) {
      const left = end - performance.now()
      if (left <= 0 || !(await this.#more(left))) {
        assert.fail(`${this.place}the server did not close the connection`)
      }
    }
    if (this.#received.length > 0) {
      assert.fail(`${this.place}unexpected bytes before close: ${escapeBytes(this.#received)}`)
    }
  }

  /** Nothing arrives for a short while. Prefer a command whose reply comes next: it needs no wait. */
  async expectSilence(milliseconds = 50): Promise<void> {
    if (this.#received.length === 0 && !this.#closed) await this.#more(milliseconds)
    if (this.#received.length > 0) {
      assert.fail(`${this.place}expected silence, got ${escapeBytes(this.#received)}`)
    }
    if (this.#closed) assert.fail(`${this.place}expected silence, but the server closed`)
  }

  close(): void {
    this.socket.destroy()
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return taken
  }

  /** True when something happened (bytes or the close), false when the time is over. */
  #more(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(false), milliseconds)
      const finish = (happened: boolean): void => {
        clearTimeout(timer)
        this.#wake = () => {}
        resolve(happened)
      }
      this.#wake = () => finish(true)
    })
  }

  #fail(what: string, pattern: Pattern): never {
    assert.fail(
      `${this.place}${what}: ${describeDifference(pattern.describe(), this.#received)}${
        this.#closed ? '\n(the connection is closed)' : ''
      }`,
    )
  }
}
