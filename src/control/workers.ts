import { Worker } from 'node:worker_threads'
import { monotonicMilliseconds } from '../base/clock.ts'
import type { ExitReason } from '../base/fatal.ts'
import { fatal } from '../base/fatal.ts'
import type { BoundAddress, ControlMessage, WorkerMessage, WorkerStart } from '../base/messages.ts'
import { whileWaitingLong } from '../store/insight.ts'
import { Heartbeats } from './heartbeats.ts'
import { describeListenError } from './listen-places.ts'

/** Loading the code of many workers on a busy machine takes its time. */
const START_TIMEOUT_MILLISECONDS = 60_000

/** Codes of a failed bind that are about the process's limits and not about the address. */
const DESCRIPTOR_CODES: readonly string[] = ['EMFILE', 'ENFILE']

export interface WorkersOptions {
  /** What each worker runs: main.ts, or main.js of a build. */
  readonly entry: URL
  readonly starts: readonly WorkerStart[]
  readonly heartbeat: Int32Array
  /** 0 never. */
  readonly heartbeatTimeoutMilliseconds: number
}

export type MessageHandler = (worker: number, message: WorkerMessage) => void

/**
 * The worker threads: their start, their messages, their pulse and their end. A worker that dies or
 * hangs may hold a lock of the store, which the others would wait for, so it takes the process with
 * it; whoever runs us starts us again.
 */
export class Workers {
  readonly #options: WorkersOptions
  readonly #threads: Worker[] = []
  readonly #heartbeats: Heartbeats
  #deliver: MessageHandler = (worker, message) => this.#early.push([worker, message])
  /** Said before somebody was there to listen. */
  readonly #early: [worker: number, message: WorkerMessage][] = []
  #stopping = false
  #listening = 0
  #drained = 0
  #pulse: NodeJS.Timeout | undefined
  #raw = true
  #handover = true
  #firstAddresses: readonly BoundAddress[] = []
  readonly #allListening = Promise.withResolvers<readonly BoundAddress[]>()
  readonly #allDrained = Promise.withResolvers<void>()

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#heartbeats = new Heartbeats(options.heartbeat, options.heartbeatTimeoutMilliseconds)
  }

  get count(): number {
    return this.#threads.length
  }

  /** Everything a worker says that is not about its own life. */
  deliverTo(handler: MessageHandler): void {
    this.#deliver = handler
    for (const [worker, message] of this.#early.splice(0)) handler(worker, message)
  }

  /** For each worker, milliseconds since it was last seen to make progress. */
  get silences(): readonly number[] {
    return this.#heartbeats.silences
  }

  /** False when one of the workers had to use net.Socket. */
  get raw(): boolean {
    return this.#raw
  }

  /** False when clients cannot go from worker to worker though they should. */
  get handover(): boolean {
    return this.#handover
  }

  /** Resolves when all workers listen, with the addresses of the first. */
  async start(): Promise<readonly BoundAddress[]> {
    for (const start of this.#options.starts) this.#spawn(start)
    const timer = setTimeout(() => {
      const missing = this.count - this.#listening
      fatal('startTimeout', `${missing} of ${this.count} workers did not begin to listen in time`)
    }, START_TIMEOUT_MILLISECONDS)
    const addresses = await this.#allListening.promise
    clearTimeout(timer)
    this.#watchPulse()
    return addresses
  }

  post(worker: number, message: ControlMessage): void {
    this.#threads[worker]?.postMessage(message)
  }

  broadcast(message: ControlMessage): void {
    for (const thread of this.#threads) thread.postMessage(message)
  }

  /** Resolves when no worker has a connection any more. */
  async drain(windowMilliseconds: number): Promise<void> {
    this.broadcast({ type: 'drain', windowMilliseconds })
    await this.#allDrained.promise
  }

  /** From here on nobody is missed. */
  stop(): void {
    this.#stopping = true
    clearInterval(this.#pulse)
    this.broadcast({ type: 'stop' })
  }

  #spawn(start: WorkerStart): void {
    const { index } = start
    const thread = new Worker(this.#options.entry, {
      workerData: start,
      name: `worker-${index}`,
      argv: [],
      trackUnmanagedFds: false,
    })
    thread.on('message', (message: WorkerMessage) => this.#receive(index, message))
    thread.on('error', (error: unknown) => this.#end(index, describeError(error), reasonOf(error)))
    thread.on('exit', (code) => this.#end(index, `it ended with code ${code}`, 'workerDied'))
    this.#threads.push(thread)
  }

  #receive(index: number, message: WorkerMessage): void {
    switch (message.type) {
      case 'listening':
        this.#raw &&= message.raw
        this.#handover &&= message.handover
        this.#listening++
        if (index === 0) this.#firstAddresses = message.addresses
        if (this.#listening === this.count) this.#allListening.resolve(this.#firstAddresses)
        break
      case 'failed':
        this.#failed(message)
        break
      case 'drained':
        this.#drained++
        if (this.#drained === this.count) this.#allDrained.resolve()
        break
      default:
        this.#deliver(index, message)
    }
  }

  #failed(message: Extract<WorkerMessage, { type: 'failed' }>): void {
    const reason = DESCRIPTOR_CODES.includes(message.code) ? 'noDescriptors' : 'noListen'
    fatal(reason, describeListenError(message.code, message.address, message.detail))
  }

  #end(index: number, why: string, reason: ExitReason): void {
    if (this.#stopping) return
    this.#stopping = true
    fatal(reason, `worker ${index} died: ${why}`)
  }

  #watchPulse(): void {
    this.#pulse = setInterval(() => this.#look(), this.#heartbeats.intervalMilliseconds)
    // This thread takes locks too, and the one that it waits for may be a hung worker's.
    whileWaitingLong(() => this.#look())
  }

  #look(): void {
    const wedged = this.#heartbeats.look(monotonicMilliseconds())
    if (wedged < 0 || this.#stopping) return
    this.#stopping = true
    const timeout = this.#options.heartbeatTimeoutMilliseconds
    fatal('workerWedged', `worker ${wedged} made no progress for ${timeout} ms`)
  }
}

function reasonOf(error: unknown): ExitReason {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'outOfMemory' : 'workerDied'
}

/** With the stack: it is our mistake, and this is all that will be left of it. */
function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
