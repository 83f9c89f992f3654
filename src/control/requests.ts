import type { Logger } from 'pino'
import { MEMORY_BYTES_MAX } from '../base/config.ts'
import type { BoundAddress, ControlMessage, WorkerMessage } from '../base/messages.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { MemoryUsers } from '../config/load.ts'
import { memoryShortage } from '../config/load.ts'
import type { Store, StoreMemory } from '../store/store.ts'
import { growStoreMemory } from '../store/store.ts'
import { EventReader } from '../telemetry/event-reader.ts'
import type { ConnectionFigures } from '../telemetry/stats-conns.ts'
import { connectionsStats } from '../telemetry/stats-conns.ts'
import { WATCH_POLL_MILLISECONDS, Watchers } from '../telemetry/watchers.ts'

export interface RequestsOptions {
  readonly store: Store
  readonly storeMemory: StoreMemory
  readonly runtime: Int32Array
  /** The control thread's own block. */
  readonly counters: Float64Array
  readonly eventRings: SharedArrayBuffer
  readonly eventRingBytes: number
  readonly workerCount: number
  /** What has to fit into the container beside the items. */
  readonly memoryUsers: MemoryUsers
  readonly watchBufferBytes: number
  readonly post: (worker: number, message: ControlMessage) => void
  readonly broadcast: (message: ControlMessage) => void
  readonly stop: (cause: string) => void
  /** Returns the reply. */
  readonly refreshCertificates: () => string
  readonly log: Logger
}

const MEMORY_LIMIT_REFUSED = 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n'
const WATCHERS_REFUSED = 'WATCHER_TOO_MANY log watcher limit reached\r\n'

/** A question to all workers, until the last has answered. */
interface Round {
  readonly missing: Set<number>
  readonly rows: string[][]
  readonly finish: (rows: readonly string[][]) => void
}

/** How long the page of connections waits for workers, which answer between two turns. */
const COLLECT_MILLISECONDS = 2_000
/**
 * How long the same list is shown to everybody who asks for the page. Workers make it from strings of
 * all their connections, between two turns for their clients, however little of it is to be shown.
 */
const CONNECTIONS_REUSE_MILLISECONDS = 1_000

/** One row of a worker's answer to `collect`. */
const ROW = { number: 0, address: 1, listenAddress: 2, state: 3, silentSeconds: 4 } as const

/**
 * The commands that one worker cannot answer alone. A worker passes them on and goes on with its
 * other connections; the answer goes back to the one that asked.
 */
export class Requests {
  readonly #options: RequestsOptions
  readonly #watchers: Watchers
  readonly #rounds = new Map<number, Round>()
  #roundLast = 0
  #memory: StoreMemory
  #watchTimer: NodeJS.Timeout | undefined
  #listeners: readonly ConnectionFigures[] = []
  /** The list that is being collected, or was a moment ago. */
  #shared: Promise<readonly ConnectionFigures[]> | undefined

  constructor(options: RequestsOptions) {
    const { eventRings, eventRingBytes, workerCount, runtime, counters, post } = options
    this.#options = options
    this.#memory = options.storeMemory
    this.#watchers = new Watchers({
      reader: new EventReader(eventRings, workerCount, eventRingBytes),
      runtime,
      counters,
      bufferBytes: options.watchBufferBytes,
      send: (worker, connectionNumber, text) =>
        post(worker, { type: 'events', connectionNumber, text }),
    })
  }

  /** `stats conns` shows listeners too, under numbers of their own. */
  setListeners(addresses: readonly BoundAddress[]): void {
    const { runtime } = this.#options
    this.#listeners = addresses.map(({ name }) => ({
      number: Atomics.add(runtime, RUNTIME.connectionNumberLast, 1) + 1,
      address: name,
      listenAddress: '',
      state: 'conn_listening',
      secondsSinceLastCommand: 0,
    }))
  }

  receive(worker: number, message: WorkerMessage): void {
    switch (message.type) {
      case 'request':
        this.#request(worker, message.connectionNumber, message.name, message.argument)
        break
      case 'eventsWritten':
        this.#watchers.acknowledge(message.connectionNumber, message.bytes)
        break
      case 'watcherLeft':
        this.#watchers.remove(message.connectionNumber)
        break
      case 'handshakeFailed': {
        const { address, port, reason } = message
        this.#options.log.debug({ worker, address, port, reason }, 'handshake failed')
        break
      }
      case 'arenasAttached':
        this.#answered(worker, message.id, [])
        break
      case 'collected':
        this.#answered(worker, message.id, message.rows)
        break
      default:
        this.#options.log.error({ worker, type: message.type }, 'unexpected message')
    }
  }

  /**
   * Listeners and connections of all workers, in the order in which they came. Whoever asks while a
   * list is collected, or soon after, gets that one. Rejects when a worker does not answer in time;
   * who asks then begins anew.
   */
  connections(): Promise<readonly ConnectionFigures[]> {
    if (this.#shared !== undefined) return this.#shared
    const shared = this.#collect()
    this.#shared = shared
    const forget = (): void => {
      this.#shared = undefined
    }
    shared.then(() => setTimeout(forget, CONNECTIONS_REUSE_MILLISECONDS).unref(), forget)
    return shared
  }

  #collect(): Promise<readonly ConnectionFigures[]> {
    return new Promise((resolve, reject) => {
      const id = this.#ask('collect', (rows) => {
        clearTimeout(timer)
        resolve(this.#connections(rows).sort((a, b) => a.number - b.number))
      })
      const timer = setTimeout(() => {
        const missing = [...(this.#rounds.get(id)?.missing ?? [])].join(', ')
        this.#rounds.delete(id)
        reject(new Error(`no answer from worker ${missing} for ${COLLECT_MILLISECONDS} ms`))
      }, COLLECT_MILLISECONDS)
      this.#options.log.debug({ round: id }, 'asking all workers for their connections')
    })
  }

  #request(worker: number, connectionNumber: number, name: string, argument: string): void {
    const { post, stop, log, refreshCertificates } = this.#options
    const reply = (text: string): void => post(worker, { type: 'reply', connectionNumber, text })
    log.debug({ worker, connection: connectionNumber, name }, 'request')
    switch (name) {
      case 'cache_memlimit':
        this.#setMemoryLimit(argument, reply)
        break
      case 'shutdown':
        stop(`shutdown ${argument}`)
        break
      case 'stats conns':
        this.#ask('collect', (rows) => reply(connectionsStats(this.#connections(rows))))
        break
      case 'refresh_certs':
        reply(argument === 'noreply' ? silently(refreshCertificates) : refreshCertificates())
        break
      case 'watch':
        this.#watch(worker, connectionNumber, Number(argument))
        break
      default:
        log.error({ name }, 'a request that nobody answers')
        reply('SERVER_ERROR not available\r\n')
    }
  }

  /** `BYTES` or `BYTES noreply`; more memory must be known to all before anybody may use it. */
  #setMemoryLimit(argument: string, reply: (text: string) => void): void {
    const { store, log } = this.#options
    const [digits, noreply] = argument.split(' ')
    const bytes = Number(digits)
    const answer = (text: string): void => reply(noreply === undefined ? text : '')
    const resize = (): void => {
      const done = store.resize(bytes)
      log.info({ memoryBytes: bytes, done }, 'memory limit')
      answer(done ? 'OK\r\n' : MEMORY_LIMIT_REFUSED)
    }
    if (bytes > MEMORY_BYTES_MAX || !this.#fitsContainer(bytes)) {
      answer(MEMORY_LIMIT_REFUSED)
      return
    }
    if (store.resize(bytes)) {
      log.info({ memoryBytes: bytes, done: true }, 'memory limit')
      answer('OK\r\n')
      return
    }
    const grown = this.#grow(bytes)
    if (grown === null) {
      answer(MEMORY_LIMIT_REFUSED)
      return
    }
    store.attachArenas(grown)
    this.#ask('arenas', resize)
  }

  /** The kernel ends a process that outgrows its container: rather refuse. Less than now is never refused. */
  #fitsContainer(bytes: number): boolean {
    const { store, memoryUsers, log } = this.#options
    if (bytes <= store.figures().limitBytes) return true
    const shortage = memoryShortage(bytes, memoryUsers)
    if (shortage === null) return true
    const { neededBytes, grantedBytes } = shortage
    log.warn(
      { memoryBytes: bytes, neededBytes, grantedBytes },
      `memory limit ${bytes} refused: it may need ${neededBytes} bytes in all, but the container grants ${grantedBytes}`,
    )
    return false
  }

  #grow(bytes: number): StoreMemory | null {
    try {
      this.#memory = growStoreMemory(this.#memory, bytes)
      return this.#memory
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'no memory for a larger limit')
      return null
    }
  }

  #watch(worker: number, connectionNumber: number, mask: number): void {
    const { post } = this.#options
    if (!this.#watchers.add(worker, connectionNumber, mask)) {
      post(worker, { type: 'reply', connectionNumber, text: WATCHERS_REFUSED })
      return
    }
    post(worker, { type: 'watching', connectionNumber, text: 'OK\r\n' })
    this.#watchTimer ??= setInterval(() => this.#pollWatchers(), WATCH_POLL_MILLISECONDS)
  }

  #pollWatchers(): void {
    this.#watchers.poll()
    if (this.#watchers.active) return
    clearInterval(this.#watchTimer)
    this.#watchTimer = undefined
  }

  /** Returns the number of the round. */
  #ask(type: 'collect' | 'arenas', finish: (rows: readonly string[][]) => void): number {
    const { workerCount, broadcast } = this.#options
    const id = ++this.#roundLast
    const missing = new Set(Array.from({ length: workerCount }, (_, worker) => worker))
    this.#rounds.set(id, { missing, rows: [], finish })
    broadcast(type === 'collect' ? { type, id } : { type, id, memory: this.#memory })
    return id
  }

  #answered(worker: number, id: number, rows: readonly string[][]): void {
    const round = this.#rounds.get(id)
    if (round === undefined) return
    for (const row of rows) round.rows.push(row)
    round.missing.delete(worker)
    if (round.missing.size > 0) return
    this.#rounds.delete(id)
    round.finish(round.rows)
  }

  #connections(rows: readonly string[][]): ConnectionFigures[] {
    const connections = rows.map((row) => ({
      number: Number(row[ROW.number]),
      address: row[ROW.address] ?? '',
      listenAddress: row[ROW.listenAddress] ?? '',
      state: row[ROW.state] ?? '',
      secondsSinceLastCommand: Number(row[ROW.silentSeconds]),
    }))
    return [...this.#listeners, ...connections]
  }
}

function silently(act: () => string): string {
  act()
  return ''
}
