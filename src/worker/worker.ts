import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { collectStartGarbage } from '../base/engine.ts'
import type {
  AccessTable,
  ControlMessage,
  ListenPlace,
  WorkerMessage,
  WorkerStart,
} from '../base/messages.ts'
import { RUNTIME } from '../base/runtime.ts'
import { lockSleeps, lockWaits } from '../store/insight.ts'
import type { StoreMemory } from '../store/store.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { CLOSE_REASON } from '../telemetry/events.ts'
import { ThreadObserver } from '../telemetry/thread-figures.ts'
import type { AssembledWorker } from './assemble.ts'
import { assembleParts } from './assemble.ts'
import type { ConnectionTimeouts } from './connections.ts'
import { timeoutsOf } from './connections.ts'
import { closeSpread } from './drain.ts'
import { FastPath } from './fast-path.ts'
import { Gate } from './gate.ts'
import { Handover } from './handover.ts'
import { Listener } from './listener.ts'
import type { RawHandle } from './raw-wire.ts'
import { RawWireParts } from './raw-wire.ts'
import { TlsGate } from './tls-gate.ts'

/**
 * By then whoever waited for the server has been told that it is ready. So far apart workers collect, one
 * after another: together they would compete for the processors, and each would keep its clients waiting
 * for as long as all of them take.
 */
const START_OVER_MILLISECONDS = 200

/** How often a worker beats, and looks at the clock though it has nothing to do. */
const TICK_MILLISECONDS = 100

/**
 * A data-plane thread. It owns its listeners, its connections and their buffers; it shares the store
 * and the runtime words with the other workers, and its counters with whoever reads them. Everything
 * it does happens in answer to a socket, to the tick, or to a message of the control thread.
 */
export function runWorker(): void {
  const start = workerData as WorkerStart
  assert(parentPort !== null && start.kind === 'memc-kv-worker', 'started by control/workers.ts')
  const worker = new Worker(start, (message) => parentPort?.postMessage(message))
  parentPort.on('message', (message: ControlMessage) => worker.receive(message))
  void worker.listen()
}

class Worker {
  readonly #start: WorkerStart
  readonly #post: (message: WorkerMessage) => void
  readonly #assembled: AssembledWorker
  readonly #threadObserver: ThreadObserver
  readonly #gate: Gate
  /** Null without TLS. */
  readonly #tls: TlsGate | null
  readonly #listeners: Listener[] = []
  readonly #timeouts: ConnectionTimeouts
  #draining = false
  /** Number of the newest connection of the server when the drain began. */
  #lastBeforeDrain = 0
  #ticks = 0

  constructor(start: WorkerStart, post: (message: WorkerMessage) => void) {
    this.#start = start
    this.#post = post
    this.#timeouts = timeoutsOf(start.config)
    this.#assembled = assembleParts(start, post)
    this.#threadObserver = new ThreadObserver(start.threadFigures, start.index)
    const { parts } = this.#assembled
    const rawParts = new RawWireParts(parts.outputPool)
    rawParts.fastPath = new FastPath(parts, rawParts)
    this.#tls = TlsGate.create(start, parts, rawParts, post)
    this.#gate = new Gate(parts, rawParts, this.#tls)
    parts.connections.onRemoved = () => this.#connectionRemoved()
    this.#tick()
    setInterval(() => this.#tick(), TICK_MILLISECONDS)
  }

  async listen(): Promise<void> {
    const { config, rawSockets, handover } = this.#start
    const handoverOpen = this.#openHandover()
    for (const [entrance, address] of this.#start.listen.entries()) {
      // A path can be bound once; TCP ports are shared by all workers.
      if (address.kind === 'unix' && this.#start.index > 0) continue
      try {
        const options = { backlog: config.listen.backlog, raw: rawSockets, entrance }
        this.#listeners.push(await Listener.listen(address, this.#gate, options))
      } catch (error) {
        const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException
        this.#post({ type: 'failed', code, detail: message, address: describe(address) })
        return
      }
    }
    this.#gate.handover = await handoverOpen
    const addresses = this.#listeners.map(({ name, host, port }) => ({ name, host, port }))
    const raw = this.#listeners.every((listener) => listener.raw)
    const isAsWished = handover === null || !rawSockets || this.#gate.handover !== null
    this.#post({ type: 'listening', addresses, raw, handover: isAsWished })
  }

  async #openHandover(): Promise<Handover | null> {
    const { handover, rawSockets, index, count, counters } = this.#start
    if (handover === null || !rawSockets) return null
    const receive = (handle: RawHandle, entrance: number): void => this.#take(handle, entrance)
    return await Handover.open({ index, count, start: handover, counters, receive })
  }

  /** A client that another worker accepted. */
  #take(handle: RawHandle, entrance: number): void {
    const place = this.#start.listen[entrance]
    assert(place !== undefined, 'all workers know the same entrances')
    // What is asked of a client is a matter of the place: there may be no listener here, of a unix
    // socket never, of others not yet.
    const verify = place.kind === 'tcp' ? place.verify : null
    if (this.#draining && verify !== null) {
      // There is no time for a handshake.
      handle.close()
      return
    }
    const listener = this.#listeners.find((candidate) => candidate.entrance === entrance)
    const name = listener?.name ?? `${place.kind}:${describe(place)}`
    this.#gate.takeHandle(handle, { name, verify })
    if (this.#draining) this.#finishNewcomers()
  }

  /** Clients that were on their way here when the drain began. */
  #finishNewcomers(): void {
    const { connections, store } = this.#assembled.parts
    for (const connection of connections) {
      if (connection.number > this.#lastBeforeDrain)
        connections.finish(connection, CLOSE_REASON.shutdown, store.now)
    }
  }

  #collectLater(): void {
    const milliseconds = START_OVER_MILLISECONDS * (this.#start.index + 1)
    setTimeout(collectStartGarbage, milliseconds).unref()
  }

  receive(message: ControlMessage): void {
    const { parts } = this.#assembled
    switch (message.type) {
      case 'drain':
        this.#beginDrain(message.windowMilliseconds)
        break
      case 'started':
        this.#collectLater()
        break
      case 'stop':
        for (const connection of parts.connections) connection.close(CLOSE_REASON.shutdown)
        break
      case 'reply':
        parts.connections.get(message.connectionNumber)?.answer(Buffer.from(message.text))
        break
      case 'watching':
        this.#startWatching(message.connectionNumber, message.text)
        break
      case 'events':
        parts.connections.get(message.connectionNumber)?.sendEvents(Buffer.from(message.text))
        break
      case 'users':
        this.#assembled.setUsers(message.users)
        break
      case 'access':
        this.#setAccess(message.table)
        break
      case 'loginAnswer':
        parts.connections.get(message.connectionNumber)?.concludeLogin(message)
        break
      case 'tls':
        this.#tls?.replaceMaterial(message.material)
        break
      case 'arenas':
        parts.store.attachArenas(message.memory as StoreMemory)
        this.#post({ type: 'arenasAttached', id: message.id })
        break
      case 'collect':
        this.#post({ type: 'collected', id: message.id, rows: this.#describeConnections() })
        break
    }
  }

  /** Every connection may do at its next command what the new table says. */
  #setAccess(table: AccessTable): void {
    const { gatekeeper, connections } = this.#assembled.parts
    if (gatekeeper === null) return
    gatekeeper.replace(table)
    for (const connection of connections) connection.reviewAccess(gatekeeper)
  }

  /** What others read of this worker and what has a rate by the second. */
  #everySecond(): void {
    const { counters, connections, observer, gatekeeper } = this.#assembled.parts
    counters[COUNTER.lockWaits] = lockWaits()
    counters[COUNTER.lockSleeps] = lockSleeps()
    connections.publishStates()
    observer?.everySecond()
    gatekeeper?.everySecond()
  }

  #startWatching(connectionNumber: number, text: string): void {
    const connection = this.#assembled.parts.connections.get(connectionNumber)
    if (connection === undefined) this.#post({ type: 'watcherLeft', connectionNumber })
    else connection.startWatching(Buffer.from(text))
  }

  #tick(): void {
    const { parts } = this.#assembled
    const { runtime, store, connections } = parts
    parts.clock.look(performance.now())
    this.#start.heartbeat[this.#start.index]!++
    this.#threadObserver.tick()
    this.#tls?.tick()
    const unreadPercent = runtime[RUNTIME.unreadPercentToClose]!
    if (unreadPercent > 0) connections.closeUnread(unreadPercent, store.now)
    if (this.#ticks++ % 10 !== 0) return
    this.#everySecond()
    connections.tick(store.now, this.#timeouts)
    if (runtime[RUNTIME.acceptPaused] !== 0) this.#gate.admitWaiting()
  }

  #beginDrain(windowMilliseconds: number): void {
    if (this.#draining) return
    this.#draining = true
    this.#lastBeforeDrain = this.#start.runtime[RUNTIME.connectionNumberLast]!
    for (const listener of this.#listeners) listener.close()
    this.#gate.refuseWaiting()
    this.#tls?.end()
    const { connections, store } = this.#assembled.parts
    const close = (connection: Parameters<typeof connections.finish>[0]): void =>
      connections.finish(connection, CLOSE_REASON.shutdown, store.now)
    closeSpread([...connections], windowMilliseconds, close)
    this.#connectionRemoved()
  }

  #connectionRemoved(): void {
    if (this.#draining) {
      if (this.#assembled.parts.connections.size === 0) this.#post({ type: 'drained' })
    } else {
      this.#gate.admitWaiting()
    }
  }

  #describeConnections(): string[][] {
    const { connections, store } = this.#assembled.parts
    const rows: string[][] = []
    for (const connection of connections) {
      const { address, port, local } = connection.peer
      const peer = local
        ? 'unix:'
        : address.includes(':')
          ? `tcp6:[${address}]:${port}`
          : `tcp:${address}:${port}`
      const silent = Math.max(0, store.now - connection.lastActiveSeconds)
      rows.push([
        String(connection.number),
        peer,
        connection.listenerName,
        connection.stateName,
        String(silent),
      ])
    }
    return rows
  }
}

function describe(address: ListenPlace): string {
  return address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
}
