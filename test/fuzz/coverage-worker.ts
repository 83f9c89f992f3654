import assert from 'node:assert/strict'
import type { AccessTable, User, WorkerStart } from '../../src/base/messages.ts'
import { createSharedMemory } from '../../src/control/shared-memory.ts'
import { CAS_EPOCH, CAS_LOW } from '../../src/store/layout.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { assembleParts } from '../../src/worker/assemble.ts'
import { Connection } from '../../src/worker/connection.ts'
import type { FastHandle } from '../../src/worker/fast-path.ts'
import { FastPath } from '../../src/worker/fast-path.ts'
import type { Outlet } from '../../src/worker/outlet.ts'
import type { OutputBuffer } from '../../src/worker/output.ts'
import type { WorkerParts } from '../../src/worker/parts.ts'
import { READ_BYTES, READ_HEADROOM_BYTES } from '../../src/worker/raw-wire.ts'
import type { TurnTaker } from '../../src/worker/turns.ts'
import type { PeerAddress, Wire, WireOwner } from '../../src/worker/wire.ts'
import { load } from '../config/load-with.ts'
import type { Random } from '../support/seed.ts'

/** How a client behaves. */
export interface Manner {
  /** Where its reads end; null: all in one. */
  readonly cuts: readonly number[] | null
  /** Chance that a write is not taken at once. */
  readonly blocks: number
  /** The wire takes pages of the store as they are. */
  readonly direct: boolean
  /** Reads may go by the fast path. */
  readonly fast: boolean
  /** After so many bytes the connection breaks; null: it ends in order. */
  readonly breaksAt: number | null
}

export const PLAIN: Manner = {
  cuts: null,
  blocks: 0,
  direct: true,
  fast: false,
  breaksAt: null,
}

export interface Outcome {
  readonly reply: Buffer
  /** By the server, before the client ended. */
  readonly closed: boolean
}

/** Who may log in, and who looks on. */
export interface Known {
  /** Every command becomes a span, and the clock may be moved. */
  readonly observed?: boolean
  readonly users?: readonly User[]
  readonly access?: AccessTable
}

interface Asked {
  readonly connectionNumber: number
  readonly name: string
  readonly argument: string
}

/** Seconds on the store's clock: it stands still. */
const NOW = 1000
const CAS_START = 100

/**
 * All parts of a real worker in this thread, with connections whose wire is made of arrays. Time
 * stands still, turns are taken when the fuzzer says so, and what a control thread would answer comes
 * as a fixed text, so that the same bytes have the same replies however they arrive.
 */
export class FuzzWorker {
  readonly parts: WorkerParts
  readonly #tables: Int32Array
  readonly #runtimeAtStart: Int32Array
  readonly #tunables: Uint8Array
  readonly #tunablesAtStart: Uint8Array
  readonly #turns: TurnTaker[] = []
  /** What a control thread would have to do. */
  readonly #asked: (() => void)[] = []
  readonly readBuffer = Buffer.alloc(READ_HEADROOM_BYTES + READ_BYTES, 'J')
  readonly fastPath: FastPath<FuzzWire>

  private constructor(start: WorkerStart) {
    const { parts } = assembleParts(start, (message) => {
      if (message.type === 'request') this.#asked.push(() => this.#answer(message))
      if (message.type === 'login') {
        const { connectionNumber, accepted } = message
        const user = accepted ? 'somebody' : null
        const connection = parts.connections.get(connectionNumber)
        this.#asked.push(() => {
          connection?.concludeLogin({
            type: 'loginAnswer',
            connectionNumber,
            user,
            unlimited: accepted,
          })
        })
      }
    })
    this.parts = parts
    this.fastPath = new FastPath(parts, {
      readBuffer: this.readBuffer,
      writeAtOnce: (wire: FuzzWire, output, length) => wire.write(output, length),
    })
    const turns = { add: (taker: TurnTaker) => void this.#turns.push(taker) }
    Object.assign(parts, { turns })
    parts.clock.nextSecondAt = Number.POSITIVE_INFINITY
    parts.store.now = NOW
    parts.events.now = NOW
    this.#tables = new Int32Array((start.memory as { tables: SharedArrayBuffer }).tables)
    this.#runtimeAtStart = start.runtime.slice()
    this.#tunables = new Uint8Array(start.statsBaseline)
    this.#tunablesAtStart = this.#tunables.slice()
  }

  static async create(flags: string, known: Known = {}): Promise<FuzzWorker> {
    const environment: Record<string, string> = known.observed ? { MEMCKV_DEBUG: '1' } : {}
    const { config, derived } = await load({ argv: `-t 1 ${flags}`, environment })
    const shared = createSharedMemory(config, derived)
    return new FuzzWorker({
      kind: 'memc-kv-worker',
      index: 0,
      count: 1,
      config,
      memory: shared.store,
      runtime: shared.runtime,
      counters: shared.counters,
      heartbeat: shared.heartbeat,
      eventRings: shared.eventRings,
      eventRingBytes: shared.eventRingBytes,
      prefixTables: shared.prefixTables,
      statsBaseline: shared.stats,
      latency: shared.latency,
      threadFigures: shared.threadFigures,
      traceRings: shared.traceRings,
      sampling: known.observed ? { root: 1, parentSampled: 1, parentNotSampled: 1 } : null,
      clock: shared.clock,
      startedUnixMilliseconds: 0,
      listen: [],
      handover: null,
      tls: null,
      rawSockets: true,
      users: known.users ?? null,
      access: known.access ?? null,
    })
  }

  /** No items, and everything that commands can set as it was at the start. */
  reset(): void {
    const { parts } = this
    parts.runtime.set(this.#runtimeAtStart)
    this.#tunables.set(this.#tunablesAtStart)
    parts.store.now = NOW
    parts.store.flush()
    Atomics.store(this.#tables, CAS_LOW, CAS_START)
    Atomics.store(this.#tables, CAS_EPOCH, 0)
  }

  /** One client from its first byte to its end. Afterwards nothing of it may be left. */
  play(input: Buffer, manner: Manner, random: Random): Outcome {
    const { parts } = this
    assert.ok(parts.connections.claimPlace())
    let wire: FuzzWire | undefined
    const connection = new Connection(parts, 'fuzz', (owner) => {
      wire = new FuzzWire(owner, this, manner, random)
      return wire
    })
    assert.ok(wire !== undefined)
    this.#deliver(input, wire, manner)
    if (manner.breaksAt === null) this.#settle(wire)
    const closed = !wire.open
    if (manner.breaksAt !== null && wire.open) wire.owner.onBroken()
    else if (wire.open) wire.owner.onEnd()
    this.#settle(wire)
    assert.ok(!wire.open, `a connection is left in ${connection.stateName}`)
    this.#leavesNothing()
    return { reply: Buffer.concat(wire.sent), closed }
  }

  #deliver(input: Buffer, wire: FuzzWire, { cuts, breaksAt }: Manner): void {
    const end = breaksAt ?? input.length
    let at = 0
    for (const cut of [...(cuts ?? []), end]) {
      while (at < Math.min(cut, end)) {
        // A wire that is not read from keeps what comes in the kernel.
        if (!wire.reading) this.#settle(wire)
        if (!wire.open) return
        assert.ok(wire.reading, 'nobody waits for anything, and nothing is read')
        const to = Math.min(cut, end, at + READ_BYTES)
        this.#read(input.subarray(at, to), wire)
        at = to
        if (wire.chance(0.5)) this.#step(wire)
      }
    }
  }

  #read(bytes: Buffer, wire: FuzzWire): void {
    bytes.copy(this.readBuffer, READ_HEADROOM_BYTES)
    const end = READ_HEADROOM_BYTES + bytes.length
    const { fastPath } = wire
    if (fastPath !== null) fastPath.turn(wire, READ_HEADROOM_BYTES, end)
    else wire.owner.onRead(this.readBuffer, READ_HEADROOM_BYTES, end)
  }

  /** Until nothing happens by itself any more. */
  #settle(wire: FuzzWire): void {
    let steps = 0
    while (this.#step(wire)) {
      steps++
      assert.ok(steps < STEPS_MAX, 'it does not come to rest')
    }
  }

  /** Connections that wait for their turn have it; false: there are none. */
  takeTurn(): boolean {
    const taker = this.#turns.shift()
    taker?.takeTurn()
    return taker !== undefined
  }

  /** One thing that an event loop would do: a write is over, a turn comes, an answer comes. */
  #step(wire: FuzzWire): boolean {
    const asked = this.#asked.shift()
    if (asked !== undefined) {
      asked()
      return true
    }
    return this.takeTurn() || wire.finishWrite()
  }

  #answer({ connectionNumber, name, argument }: Asked): void {
    const connection = this.parts.connections.get(connectionNumber)
    if (connection === undefined) return
    if (name === 'watch') connection.startWatching(Buffer.from('OK\r\n'))
    else connection.answer(Buffer.from(argument.endsWith('noreply') ? '' : ANSWER))
  }

  #leavesNothing(): void {
    const { connections, counters } = this.parts
    assert.equal(connections.size, 0, 'connections left')
    assert.equal(counters[COUNTER.readBuffers], 0, 'stashes left')
    assert.equal(this.#turns.length, 0, 'turns left')
    this.#asked.length = 0
  }

  /** Walks the store: with nobody connected, no page may be left over. */
  check(): void {
    assert.equal(this.parts.store.check(), 0, 'pages that belong to no item')
  }
}

/** What one turn may leave behind: nothing more is to be done before it is taken. */
const BUFFERS_MAX = 3
const STEPS_MAX = 100_000
/** What a control thread says, whatever it was asked. */
const ANSWER = 'OK\r\n'

/** A wire without a kernel: it keeps what it is given, sometimes for longer. */
class FuzzWire implements Wire, FastHandle {
  fastPath: FastPath<FuzzWire> | null = null
  connection: Connection | null = null
  outlet: Outlet | null = null
  activeSeconds = 0
  readonly owner: WireOwner
  readonly sent: Buffer[] = []
  readonly peerCertificate = null
  reading = true
  open = true
  readonly #worker: FuzzWorker
  readonly #manner: Manner
  readonly #random: Random
  #ending = false
  readonly #pending: { output: OutputBuffer | null; length: number; chunks: readonly Buffer[] }[] =
    []

  readonly writeDirect:
    | ((output: OutputBuffer | null, length: number, chunks: readonly Buffer[]) => boolean)
    | null

  constructor(owner: WireOwner, worker: FuzzWorker, manner: Manner, random: Random) {
    this.owner = owner
    this.#worker = worker
    this.#manner = manner
    this.#random = random
    this.writeDirect = manner.direct
      ? (output, length, chunks) => this.#take(output, length, chunks)
      : null
  }

  get pendingBytes(): number {
    let bytes = 0
    for (const { length, chunks } of this.#pending) {
      bytes += length
      for (const chunk of chunks) bytes += chunk.length
    }
    return bytes
  }

  get buffersPending(): number {
    return this.#pending.filter(({ output }) => output !== null).length
  }

  chance(probability: number): boolean {
    return this.#random.chance(probability)
  }

  get fastPathSeconds(): number {
    return this.activeSeconds
  }

  enterFastPath(connection: Connection, outlet: Outlet): void {
    this.connection = connection
    this.outlet = outlet
    this.fastPath = this.#manner.fast ? this.#worker.fastPath : null
  }

  leaveFastPath(): void {
    this.fastPath = null
  }

  write(output: OutputBuffer, length: number): boolean {
    return this.#take(output, length, [])
  }

  stopReading(): void {
    this.reading = false
  }

  startReading(): void {
    this.reading = true
  }

  close(): void {
    assert.ok(this.open, 'closed twice')
    this.open = false
    this.fastPath = null
    for (const { output } of this.#pending.splice(0)) {
      if (output !== null) this.#worker.parts.outputPool.give(output)
    }
  }

  /** The client sees the end, and ends too. */
  end(): void {
    this.#ending = true
  }

  describePeer(): PeerAddress {
    return { address: '10.1.2.3', port: 4711, local: false }
  }

  /** What was not taken at once is taken now, as it is now: it had to stay as it was. */
  finishWrite(): boolean {
    const write = this.#pending.shift()
    if (write === undefined) return this.#answerEnd()
    const { output, length, chunks } = write
    if (output !== null) this.#keep(output, length)
    for (const chunk of chunks) this.sent.push(Buffer.from(chunk))
    if (output !== null) this.#worker.parts.outputPool.give(output)
    if (this.#pending.length === 0) this.owner.onWritten()
    return true
  }

  #answerEnd(): boolean {
    if (!this.#ending || !this.open) return false
    this.#ending = false
    this.owner.onEnd()
    return true
  }

  #take(output: OutputBuffer | null, length: number, chunks: readonly Buffer[]): boolean {
    assert.ok(this.open, 'a write after the close')
    if (this.#pending.length === 0 && !this.#random.chance(this.#manner.blocks)) {
      if (output !== null) this.#keep(output, length)
      for (const chunk of chunks) this.sent.push(Buffer.from(chunk))
      return true
    }
    this.#pending.push({ output, length, chunks })
    assert.ok(this.buffersPending <= BUFFERS_MAX, 'buffers pile up for a client that does not read')
    return false
  }

  #keep(output: OutputBuffer, length: number): void {
    this.sent.push(Buffer.from(output.bytes.subarray(0, length)))
  }
}
