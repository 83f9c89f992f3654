import type { Socket } from 'node:net'
import { connect } from 'node:net'

/** Bytes of commands that may be on their way before the client waits. */
const IN_FLIGHT_BYTES_MAX = 1024 * 1024
/** Answered last, so that whoever sees it has all the answers before it. */
const BARRIER = 'mn\r\n'
const BARRIER_REPLY = Buffer.from('MN\r\n')
const VALUE = Buffer.from('VALUE ')
const CR = 13
const LF = 10

/** What came back between two barriers. */
export interface BulkReplies {
  /** VALUE blocks. */
  hits: number
  /** Key and value bytes of those. */
  bytes: number
  /** Lines that are neither of a VALUE block nor END, STORED, or the barrier. */
  others: number
}

/**
 * One connection that is given whole buffers full of commands, for filling and asking millions of
 * items: nothing is made for a single command, and replies are only counted.
 */
export class BulkClient {
  readonly #socket: Socket
  #replies: BulkReplies = { hits: 0, bytes: 0, others: 0 }
  #sent = 0
  #skip = 0
  #rest: Buffer = Buffer.alloc(0)
  #barrier: (() => void) | null = null
  #fail: (error: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  static connect(port: number): Promise<BulkClient> {
    return new Promise((settle, fail) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('error', fail)
      socket.once('connect', () => settle(new BulkClient(socket)))
    })
  }

  /** Commands, complete. The buffer may be used again once this is over. */
  async send(commands: Buffer): Promise<void> {
    this.#sent += commands.length
    if (this.#sent >= IN_FLIGHT_BYTES_MAX) {
      await this.#exchange(commands)
      this.#sent = 0
    } else {
      await new Promise<void>((settle, fail) => {
        this.#fail = fail
        this.#socket.write(commands, () => settle())
      })
    }
  }

  /** Commands, and the wait until all commands so far are answered. */
  async ask(commands: Buffer): Promise<void> {
    await this.#exchange(commands)
  }

  /** Waits for what is still on its way, and returns what was counted since the last call. */
  async finish(): Promise<BulkReplies> {
    await this.#exchange(Buffer.alloc(0))
    const replies = this.#replies
    this.#replies = { hits: 0, bytes: 0, others: 0 }
    return replies
  }

  close(): void {
    this.#fail = () => {}
    this.#socket.destroy()
  }

  #exchange(commands: Buffer): Promise<void> {
    return new Promise((settle, fail) => {
      this.#fail = fail
      this.#barrier = settle
      this.#socket.cork()
      this.#socket.write(commands)
      this.#socket.write(BARRIER)
      this.#socket.uncork()
    })
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, bytes.length - at)
        this.#skip -= taken
        at += taken
        continue
      }
      const end = bytes.indexOf(LF, at)
      if (end < 0) break
      this.#line(bytes, at, end)
      at = end + 1
    }
    this.#rest = bytes.subarray(at)
  }

  #line(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === VALUE[0] && startsWith(bytes, start, VALUE)) {
      let digits = end - 2
      let length = 0
      for (let scale = 1; bytes[digits] !== 32; digits--, scale *= 10) {
        length += (bytes[digits]! - 48) * scale
      }
      this.#skip = length + 2
      this.#replies.hits++
      this.#replies.bytes += length + bytes.indexOf(32, start + 6) - start - 6
    } else if (startsWith(bytes, start, BARRIER_REPLY)) {
      const settle = this.#barrier
      this.#barrier = null
      settle?.()
    } else if (!isExpected(bytes, start, end)) {
      this.#replies.others++
    }
  }
}

function startsWith(bytes: Buffer, at: number, what: Buffer): boolean {
  for (let index = 0; index < what.length; index++) {
    if (bytes[at + index] !== what[index]) return false
  }
  return true
}

/** END or STORED, by length and first letter, which is enough to tell them from every error line. */
function isExpected(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[end - 1] !== CR) return false
  const length = end - 1 - start
  return (length === 3 && bytes[start] === 69) || (length === 6 && bytes[start] === 83)
}
