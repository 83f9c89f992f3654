import { connect } from 'node:net'
import { threadId } from 'node:worker_threads'

/**
 * One of the other clients, in a process of its own: a modest rate of gets and sets over a few
 * connections, sent when they are due whether or not the ones before were answered, with each reply
 * looked at. Says what it saw when the parent asks, and begins anew.
 */
const CONNECTIONS = 8
const PERIOD_MILLISECONDS = 4
const VALUE = `${threadId}${'p'.repeat(199)}`
const PORT = Number(process.argv[2])

export interface ProbeReport {
  readonly sent: number
  readonly answered: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly misses: number
  /** Replies that are not what such a command may get. */
  readonly wrong: number
  readonly firstWrong: string
  /** Sets that were refused with SERVER_ERROR. */
  readonly refused: number
  /** Connections that the server closed. */
  readonly lost: number
  /** Sent more than a second ago and not answered. */
  readonly waiting: number
}

let latencies: number[] = []
let sent = 0
let misses = 0
let wrong = 0
let firstWrong = ''
let refused = 0
let lost = 0

class Prober {
  readonly #name: string
  #socket = this.#connect()
  #text = ''
  /** When the commands that are not answered yet were sent, and which they were. */
  #pending: { readonly at: number; readonly isGet: boolean }[] = []
  #turn = 0

  constructor(name: string) {
    this.#name = name
  }

  send(): void {
    const isGet = this.#turn++ % 4 !== 0
    const command = isGet
      ? `get ${this.#name}\r\n`
      : `set ${this.#name} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`
    this.#pending.push({ at: performance.now(), isGet })
    sent++
    this.#socket.write(command)
  }

  get waiting(): number {
    const before = performance.now() - 1000
    return this.#pending.filter(({ at }) => at < before).length
  }

  #connect(): ReturnType<typeof connect> {
    const socket = connect(PORT, '127.0.0.1')
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', () => {})
    socket.on('close', () => {
      lost++
      this.#pending = []
      this.#text = ''
      setTimeout(() => {
        this.#socket = this.#connect()
      }, 100)
    })
    return socket
  }

  #take(text: string): void {
    this.#text += text
    for (;;) {
      const end = this.#text.indexOf('\r\n')
      if (end < 0) return
      const first = this.#text.slice(0, end)
      const found = first.startsWith('VALUE ')
      const length = found ? end + 2 + VALUE.length + '\r\nEND\r\n'.length : end + 2
      if (this.#text.length < length) return
      this.#judge(this.#text.slice(0, length), found)
      this.#text = this.#text.slice(length)
    }
  }

  #judge(reply: string, found: boolean): void {
    const asked = this.#pending.shift()
    if (asked !== undefined) latencies.push(performance.now() - asked.at)
    const hit = `VALUE ${this.#name} 0 ${VALUE.length}\r\n${VALUE}\r\nEND\r\n`
    if (asked?.isGet === true && reply === 'END\r\n') misses++
    else if (asked?.isGet === false && reply.startsWith('SERVER_ERROR')) refused++
    else if (asked === undefined || reply !== (found ? hit : 'STORED\r\n')) {
      wrong++
      firstWrong ||= reply.slice(0, 100)
    }
  }
}

const probers = Array.from({ length: CONNECTIONS }, (_, index) => new Prober(`probe:${index}`))
let next = 0
let due = performance.now() + 500
setInterval(() => {
  for (; due <= performance.now(); due += PERIOD_MILLISECONDS / 2) {
    probers[next++ % CONNECTIONS]?.send()
  }
}, PERIOD_MILLISECONDS)

process.on('message', () => {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  const waiting = probers.reduce((sum, prober) => sum + prober.waiting, 0)
  const report: ProbeReport = {
    sent,
    answered: latencies.length,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    misses,
    wrong,
    firstWrong,
    refused,
    lost,
    waiting,
  }
  process.send?.(report)
  latencies = []
  sent = misses = wrong = refused = lost = 0
  firstWrong = ''
})
process.on('disconnect', () => process.exit(0))
