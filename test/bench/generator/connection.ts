import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { RecordableHistogram } from 'node:perf_hooks'
import type { CommandWriter } from './commands.ts'
import type { LoadPlan, Tally } from './plan.ts'
import { ReplyReader } from './reply-reader.ts'
import type { Values } from './values.ts'

/** Batches that may be on the way at a fixed rate before the generator calls a request overrun. */
const BATCHES_MAX = 64

/** Between commands of a batch: only its last reply is timed. */
const NOT_TIMED = -1

/** A filled cache is written this many sets at a time. */
export const FILL_PIPELINE = 64

/** What the connections of one thread to one server share. */
export interface Shared {
  readonly plan: LoadPlan
  readonly values: Values
  readonly writer: CommandWriter
  readonly tally: Tally
  readonly readBuffer: Buffer
  random: number
  /** Milliseconds on performance.now() at which no more is sent in a closed loop. */
  deadline: number
  filling: boolean
  fillNext: number
  fillStep: number
  latency: RecordableHistogram | null
  /** performance.now() of the bytes that are being read. */
  now: number
  /** Connections with replies missing. */
  busy: number
  onIdle: () => void
  onFailure: (error: Error) => void
}

/** One connection: writes batches, knows what they asked for, and reads the replies. */
export class Connection {
  readonly #shared: Shared
  readonly #socket: Socket
  readonly #reader: ReplyReader
  readonly #opened: Promise<void>
  /** Rings of the unanswered commands, made at the first use, since most connections may be idle. */
  #keys = new Int32Array(0)
  #due = new Float64Array(0)
  #mask = 0
  /** Commands written and answered so far; the difference is what is on the way. */
  #sent = 0
  #answered = 0
  #keyCursor = 0

  constructor(shared: Shared, port: number) {
    this.#shared = shared
    const { plan } = shared
    const lengths = [
      plan.increments > 0 ? 1 : plan.valueBytesMin,
      plan.increments > 0 ? 20 : plan.valueBytesMax,
    ] as const
    this.#reader = new ReplyReader(plan.dialect, this, shared.values, shared.tally, lengths)
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: shared.readBuffer,
        callback: (length, buffer) => {
          this.#receive(buffer as Buffer, length)
          return true
        },
      },
    })
    this.#socket = socket
    this.#opened = new Promise((resolve) => socket.once('connect', resolve))
    socket.once('error', (error) => shared.onFailure(error))
    socket.once('close', () => shared.onFailure(new Error('the server closed a connection')))
  }

  opened(): Promise<void> {
    return this.#opened
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  /** The closed loop: as many commands as may be on the way, and with each reply the next. */
  start(): void {
    this.#makeRings()
    this.#topUp()
  }

  /** The open loop: a batch that was due at a time, whatever else is on the way. */
  sendDue(due: number): void {
    this.#makeRings()
    const { plan, writer, tally } = this.#shared
    if (this.#sent - this.#answered + plan.pipeline > this.#mask) {
      tally.overruns++
      return
    }
    for (let left = plan.pipeline; left > 0; left--) this.#command(left === 1 ? due : NOT_TIMED)
    writer.flush(this.#socket)
  }

  isNextKey(key: number): boolean {
    const { keysPerGet } = this.#shared.plan
    const base = (this.#answered & this.#mask) * keysPerGet
    for (let index = this.#keyCursor; index < keysPerGet; index++) {
      if (this.#keys[base + index] !== key) continue
      this.#keyCursor = index + 1
      return true
    }
    return false
  }

  oldestKey(): number {
    return this.#keys[(this.#answered & this.#mask) * this.#shared.plan.keysPerGet]!
  }

  replied(): void {
    const shared = this.#shared
    if (this.#answered === this.#sent) {
      shared.onFailure(new Error('a reply that nothing was asked for'))
      return
    }
    const due = this.#due[this.#answered & this.#mask]!
    this.#keyCursor = 0
    this.#answered++
    shared.tally.replies++
    if (shared.latency !== null && due !== NOT_TIMED) {
      shared.latency.record(Math.max(1, Math.round((shared.now - due) * 1e6)))
    }
    if (this.#answered === this.#sent) shared.busy--
  }

  #receive(bytes: Buffer, length: number): void {
    const shared = this.#shared
    shared.now = performance.now()
    this.#reader.read(bytes, length)
    if (shared.latency === null) this.#topUp()
    if (shared.busy === 0) shared.onIdle()
  }

  #topUp(): void {
    const shared = this.#shared
    if (shared.filling) this.#fill()
    else if (shared.now < shared.deadline) {
      while (this.#sent - this.#answered < shared.plan.pipeline) this.#command(NOT_TIMED)
    }
    shared.writer.flush(this.#socket)
  }

  #fill(): void {
    const { plan, writer } = this.#shared
    while (this.#sent - this.#answered < FILL_PIPELINE && this.#shared.fillNext < plan.keys) {
      const key = this.#shared.fillNext
      this.#shared.fillNext += this.#shared.fillStep
      writer.reserve(this.#socket)
      this.#expect(key, NOT_TIMED)
      if (plan.increments > 0) writer.setCounter(key)
      else this.#set(key)
    }
  }

  #command(due: number): void {
    const { plan, writer } = this.#shared
    writer.reserve(this.#socket)
    const choice = this.#next(plan.gets + plan.sets + plan.increments)
    const key = this.#next(plan.keys)
    this.#expect(key, due)
    if (choice < plan.gets) this.#get(key)
    else if (choice < plan.gets + plan.sets) this.#set(key)
    else writer.increment(key)
  }

  #get(key: number): void {
    const { plan, writer, tally } = this.#shared
    tally.keysAsked += plan.keysPerGet
    if (plan.keysPerGet === 1) {
      writer.get(key)
      return
    }
    const base = ((this.#sent - 1) & this.#mask) * plan.keysPerGet
    for (let index = 1; index < plan.keysPerGet; index++) {
      this.#keys[base + index] = this.#next(plan.keys)
    }
    writer.multiget(this.#keys, base, plan.keysPerGet)
  }

  #set(key: number): void {
    const { plan, writer } = this.#shared
    const length = plan.valueBytesMin + this.#next(plan.valueBytesMax - plan.valueBytesMin + 1)
    const exptime = plan.exptimeMin + this.#next(plan.exptimeMax - plan.exptimeMin + 1)
    writer.set(this.#socket, key, length, exptime)
  }

  #expect(key: number, due: number): void {
    if (this.#sent === this.#answered) this.#shared.busy++
    const slot = this.#sent & this.#mask
    this.#keys[slot * this.#shared.plan.keysPerGet] = key
    this.#due[slot] = due
    this.#sent++
  }

  #makeRings(): void {
    if (this.#mask !== 0) return
    const { pipeline, keysPerGet } = this.#shared.plan
    const size = 2 ** Math.ceil(Math.log2(Math.max(FILL_PIPELINE, pipeline * BATCHES_MAX) + 1))
    this.#mask = size - 1
    this.#keys = new Int32Array(size * keysPerGet)
    this.#due = new Float64Array(size)
  }

  /** xorshift32, one sequence for each thread. */
  #next(below: number): number {
    let x = this.#shared.random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#shared.random = x
    return (x >>> 0) % below
  }
}
