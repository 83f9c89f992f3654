import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Keys } from './simulate.ts'
import { WINDOW } from './simulate.ts'
import type { Trace } from './trace.ts'

/** Look-aside replay against a running server: a multiget of a window's keys, then its misses are set. */
export interface Replayed {
  hits: number
  requests: number
  /** As the server counts them at the end. */
  items: number
}

const LINE_END = Buffer.from('\r\n')
const VALUE_BYTES_MAX = 1_000_000
const VALUE = Buffer.alloc(VALUE_BYTES_MAX, 120)
const VALUE_WORD = 'VALUE '
const STAT_ITEMS = 'STAT curr_items '

export async function replay(port: number, trace: Trace, keys: Keys): Promise<Replayed> {
  const reader = await Reader.open(port)
  const { ids, sizes } = trace
  const seen = new Int32Array(trace.distinct)
  let hits = 0
  for (let from = 0; from < ids.length; from += WINDOW) {
    const end = Math.min(ids.length, from + WINDOW)
    const asked = ids.subarray(from, end)
    reader.send(getLine(keys, asked))
    const found = await reader.readValues()
    const parts: Buffer[] = []
    for (let at = from; at < end; at++) {
      const id = ids[at]!
      if (found.has(id) || seen[id] === from + 1) {
        hits++
        continue
      }
      seen[id] = from + 1
      const size = sizes[at]!
      parts.push(Buffer.from(`set k${id} 0 0 ${size} noreply\r\n`, 'latin1'))
      parts.push(VALUE.subarray(0, size), LINE_END)
    }
    if (parts.length > 0) reader.send(Buffer.concat(parts))
  }
  const items = await reader.readItems()
  reader.close()
  return { hits, requests: ids.length, items }
}

function getLine(keys: Keys, ids: Int32Array): Buffer {
  let line = 'get'
  for (const id of ids) {
    line += ` ${keys.bytes.toString('latin1', keys.starts[id], keys.starts[id + 1])}`
  }
  return Buffer.from(`${line}\r\n`, 'latin1')
}

/** One connection; replies are read line by line, and values are skipped unread. */
class Reader {
  readonly #socket: Socket
  #pending: Buffer
  #wake: (() => void) | null
  #failure: Error | null

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#pending = Buffer.alloc(0)
    this.#wake = null
    this.#failure = null
    socket.on('data', (chunk: Buffer) => {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
      this.#wakeUp()
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  static async open(port: number): Promise<Reader> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Reader(socket)
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** The ids behind `k` of one reply to a multiget. */
  async readValues(): Promise<Set<number>> {
    const found = new Set<number>()
    for (;;) {
      const line = await this.#line()
      if (line === 'END') return found
      if (!line.startsWith(VALUE_WORD)) throw new Error(`not a reply to get: ${line}`)
      const words = line.split(' ')
      found.add(Number(words[1]?.slice(1)))
      await this.#skip(Number(words[3]) + LINE_END.length)
    }
  }

  async readItems(): Promise<number> {
    this.send(Buffer.from('stats\r\n'))
    let items = 0
    for (;;) {
      const line = await this.#line()
      if (line === 'END') return items
      if (line.startsWith(STAT_ITEMS)) items = Number(line.slice(STAT_ITEMS.length))
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#pending.indexOf(LINE_END)
      if (end !== -1) {
        const line = this.#pending.toString('latin1', 0, end)
        this.#pending = this.#pending.subarray(end + LINE_END.length)
        return line
      }
      await this.#more()
    }
  }

  async #skip(length: number): Promise<void> {
    let left = length
    while (left > this.#pending.length) {
      left -= this.#pending.length
      this.#pending = this.#pending.subarray(this.#pending.length)
      await this.#more()
    }
    this.#pending = this.#pending.subarray(left)
  }

  #more(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#wake = () => (this.#failure === null ? resolve() : reject(this.#failure))
    })
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
