import type { Socket } from 'node:net'
import { connect } from 'node:net'

/** What to send: a mix of gets and sets over a range of keys, as the seed's memtier command did. */
export interface LoadPlan {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Commands sent before their replies are awaited. */
  readonly pipeline: number
  /** Commands in all. */
  readonly operations: number
  readonly keys: number
  readonly valueBytesMin: number
  readonly valueBytesMax: number
  /** Of 12 commands, how many are sets. */
  readonly setsOfTwelve: number
  /** Keys in one get command. */
  readonly keysPerGet: number
}

export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  readonly hits: number
  readonly errors: number
  /** Milliseconds from sending a batch to having all its replies. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

/** Runs the plan to its end. Rejects when the server says something unexpected or goes away. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const shared = { sent: 0, hits: 0, errors: 0, latencies: [] as number[] }
  const value = Buffer.alloc(plan.valueBytesMax, 'x')
  const started = performance.now()
  const clients = Array.from(
    { length: plan.connections },
    (_, index) => new LoadClient(plan, shared, value, index),
  )
  await Promise.all(clients.map((client) => client.run()))
  const seconds = (performance.now() - started) / 1000
  const sorted = Float64Array.from(shared.latencies).sort()
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
  return {
    operations: shared.sent,
    seconds,
    hits: shared.hits,
    errors: shared.errors,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
  }
}

interface Shared {
  sent: number
  hits: number
  errors: number
  latencies: number[]
}

/** One connection: sends a batch, counts the replies, sends the next. */
class LoadClient {
  readonly #plan: LoadPlan
  readonly #shared: Shared
  readonly #value: Buffer
  #random: number
  #socket: Socket | null = null
  #repliesMissing = 0
  #skipBytes = 0
  #line = ''
  #sentAt = 0
  #finish: () => void = () => {}

  constructor(plan: LoadPlan, shared: Shared, value: Buffer, index: number) {
    this.#plan = plan
    this.#shared = shared
    this.#value = value
    this.#random = (index + 1) * 2654435761
  }

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: this.#plan.host, port: this.#plan.port, noDelay: true })
      this.#socket = socket
      this.#finish = () => {
        socket.destroy()
        resolve()
      }
      socket.on('connect', () => this.#sendBatch())
      socket.on('data', (chunk: Buffer) => this.#receive(chunk))
      socket.on('error', reject)
      socket.on('close', () => resolve())
    })
  }

  #sendBatch(): void {
    const plan = this.#plan
    const batch = Math.min(plan.pipeline, plan.operations - this.#shared.sent)
    if (batch <= 0) {
      this.#finish()
      return
    }
    this.#shared.sent += batch
    this.#repliesMissing = batch
    this.#sentAt = performance.now()
    const socket = this.#socket!
    socket.cork()
    for (let index = 0; index < batch; index++) this.#sendOne(socket)
    socket.uncork()
  }

  #sendOne(socket: Socket): void {
    const plan = this.#plan
    if (this.#next(12) >= plan.setsOfTwelve) {
      let line = 'get'
      for (let key = 0; key < plan.keysPerGet; key++) line += ` key-${this.#next(plan.keys)}`
      socket.write(`${line}\r\n`)
      return
    }
    const spread = plan.valueBytesMax - plan.valueBytesMin + 1
    const bytes = plan.valueBytesMin + this.#next(spread)
    const exptime = 10 + this.#next(3590)
    socket.write(`set key-${this.#next(plan.keys)} 0 ${exptime} ${bytes}\r\n`)
    socket.write(this.#value.subarray(0, bytes))
    socket.write('\r\n')
  }

  /** Replies are read just well enough to count them: VALUE blocks are skipped by their length. */
  #receive(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#skipBytes > 0) {
        const taken = Math.min(this.#skipBytes, chunk.length - at)
        this.#skipBytes -= taken
        at += taken
        continue
      }
      const end = chunk.indexOf(10, at)
      if (end < 0) {
        this.#line += chunk.toString('latin1', at)
        return
      }
      this.#reply(this.#line + chunk.toString('latin1', at, end - 1))
      this.#line = ''
      at = end + 1
    }
  }

  #reply(line: string): void {
    if (line.startsWith('VALUE ')) {
      this.#shared.hits++
      this.#skipBytes = Number(line.slice(line.lastIndexOf(' ') + 1)) + 2
      return
    }
    if (line !== 'END' && line !== 'STORED') this.#shared.errors++
    if (--this.#repliesMissing > 0) return
    this.#shared.latencies.push(performance.now() - this.#sentAt)
    this.#sendBatch()
  }

  #next(below: number): number {
    // xorshift32: cheap, and each connection has its own sequence.
    let x = this.#random | 0
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#random = x
    return (x >>> 0) % below
  }
}
