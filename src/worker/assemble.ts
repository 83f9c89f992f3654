import { AssertionFailure } from '../base/assert.ts'
import { CoarseClock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import type { User, WorkerMessage, WorkerStart } from '../base/messages.ts'
import { WATCH } from '../base/runtime.ts'
import type { AdminCommandContext, AdminContext } from '../commands/admin-context.ts'
import { Authenticator } from '../commands/auth.ts'
import type { CommandContext, CommandSettings, Session } from '../commands/context.ts'
import { LINE_BYTES } from '../protocol/lines.ts'
import { Parser } from '../protocol/parser.ts'
import { ReplyWriter } from '../protocol/reply.ts'
import { Scout } from '../protocol/scout.ts'
import type { StoreMemory } from '../store/store.ts'
import { Store } from '../store/store.ts'
import { COUNTER, counterBlock } from '../telemetry/counters.ts'
import { EventLog } from '../telemetry/events.ts'
import { LatencyRecorder } from '../telemetry/latency.ts'
import { PrefixReader, PrefixStats } from '../telemetry/prefix-stats.ts'
import { attachStatsMemory } from '../telemetry/stats-memory.ts'
import { TraceRecorder } from '../telemetry/trace-recorder.ts'
import { protocolVersion } from '../version.ts'
import type { Connection } from './connection.ts'
import { Connections, STUCK_CONNECTIONS_MAX } from './connections.ts'
import { Gatekeeper } from './gatekeeper.ts'
import { STASH_BYTES_MAX, StashPool } from './input-stash.ts'
import { Observer } from './observer.ts'
import { OUTPUT_BYTES_MAX, OutputPool } from './output.ts'
import type { LoginTry, WorkerParts } from './parts.ts'
import { Turn } from './turn.ts'
import { TurnClock } from './turn-clock.ts'
import { Turns } from './turns.ts'

/** All parts of a worker, made once, at its start. */
export interface AssembledWorker {
  readonly parts: WorkerParts
  setUsers(users: readonly User[]): void
}

export function assembleParts(
  start: WorkerStart,
  post: (message: WorkerMessage) => void,
): AssembledWorker {
  const { config, runtime } = start
  const store = new Store(start.memory as StoreMemory)
  const counters = counterBlock(start.counters, start.index)
  const outputPool = new OutputPool(OUTPUT_BYTES_MAX / start.count, counters)
  const output = outputPool.take()
  const reply = new ReplyWriter(output.bytes, NO_SINK)
  reply.errorCounts = counters.subarray(COUNTER.errorLines, COUNTER.errorLines + LINE_BYTES.length)
  const parser = new Parser(store.hashSeed, config.items.maxSize, config.items.cas)
  const recorder = new TraceRecorder(start.traceRings, start.index, counters)
  const authenticator = new Authenticator(start.users ?? [])
  const gatekeeper = gatekeeperOf(start, counters, post)
  const context: AdminCommandContext = {
    store,
    request: parser.request,
    scout: new Scout(store.hashSeed),
    reply,
    counters,
    settings: settingsOf(config, start.clock.unixSecondsAtZero),
    runtime,
    events: new EventLog(start.eventRings, start.index, start.eventRingBytes, counters),
    prefixes: new PrefixStats(
      start.prefixTables,
      start.index,
      config.stats.prefixDelimiter.charCodeAt(0),
    ),
    session: NO_SESSION,
    watchMask: 0,
    prefixStatsOn: false,
    admin: adminOf(start, store, authenticator),
  }
  const parts: WorkerParts = {
    config,
    settings: context.settings,
    gatekeeper,
    requestsPerTurn: config.connections.requestsPerTurn,
    clock: new TurnClock(start.clock, runtime, store, context.events),
    store,
    counters,
    runtime,
    events: context.events,
    parser,
    request: parser.request,
    reply,
    context,
    recorder,
    observer: observerOf(start, counters, recorder),
    connections: new Connections(runtime, counters, Math.ceil(STUCK_CONNECTIONS_MAX / start.count)),
    turn: new Turn(),
    turns: new Turns(),
    stashPool: new StashPool(STASH_BYTES_MAX / start.count, counters),
    outputPool,
    acting: null,
    output,
    replaceOutput: (asking) => replaceOutput(parts, asking),
    postRequest: (connectionNumber, name, argument) =>
      post({ type: 'request', connectionNumber, name, argument }),
    postLogin: (connection, login) => postLogin(connection, login, post),
    watchWritten: (connectionNumber, bytes) =>
      post({ type: 'eventsWritten', connectionNumber, bytes }),
    watcherLeft: (connectionNumber) => post({ type: 'watcherLeft', connectionNumber }),
  }
  parts.connections.isOutputOverdrawn = () => outputPool.overdrawn
  store.onEvict = (item) => emitEviction(context, item)
  return { parts, setUsers: (users) => authenticator.replace(users) }
}

function gatekeeperOf(
  start: WorkerStart,
  counters: Float64Array,
  post: (message: WorkerMessage) => void,
): Gatekeeper | null {
  if (start.users === null && start.access === null) return null
  return new Gatekeeper(start.access, counters, post)
}

/** Copies: the message would take the whole buffer along that they are a part of. */
function postLogin(
  { number, peer }: Parameters<WorkerParts['postLogin']>[0],
  { name, password, accepted }: LoginTry,
  post: (message: WorkerMessage) => void,
): void {
  post({
    type: 'login',
    connectionNumber: number,
    address: peer.address,
    name: Uint8Array.from(name),
    password: Uint8Array.from(password),
    accepted,
  })
}

/**
 * The output buffer went to a client that does not read. When such clients hold all the memory for
 * output, the one that has been stuck longest is closed: after this turn of the loop, when it is known
 * who does not read, unless there is no memory even for that.
 */
function replaceOutput(parts: WorkerParts, asking: Connection): void {
  const { outputPool, connections } = parts
  if (outputPool.exhausted) {
    connections.relieveSoon()
    if (outputPool.spent) connections.closeLongestBlocked(asking, parts.acting)
  }
  parts.output = outputPool.take()
  parts.reply.attach(parts.output.bytes)
}

function observerOf(
  start: WorkerStart,
  counters: Float64Array,
  recorder: TraceRecorder,
): Observer | null {
  const { config, sampling, index, count } = start
  if (!Observer.isNeeded(config, sampling)) return null
  return new Observer({
    config,
    sampling,
    worker: index,
    workers: count,
    counters,
    latency: new LatencyRecorder(start.latency, index, config.metrics.latency),
    recorder,
  })
}

function settingsOf(config: Config, unixSecondsAtZero: number): CommandSettings {
  return {
    casEnabled: config.items.cas,
    evict: config.memory.evict,
    flushEnabled: config.commands.flushAll,
    dumpEnabled: config.commands.dump,
    watchEnabled: config.commands.watch,
    shutdownEnabled: config.commands.shutdown,
    debugEnabled: config.commands.debug,
    itemBytesMax: config.items.maxSize,
    chunkBytesMax: config.compat.slabChunkMax,
    unixSecondsAtZero,
  }
}

function adminOf(start: WorkerStart, store: Store, authenticator: Authenticator): AdminContext {
  const { config, runtime, clock, count } = start
  const { baseline, tunables } = attachStatsMemory(start.statsBaseline)
  const blocks = Array.from({ length: count + 1 }, (_, index) =>
    counterBlock(start.counters, index),
  )
  return {
    stats: {
      config,
      version: protocolVersion,
      workers: count,
      counters: blocks,
      baseline,
      tunables,
      runtime,
      clock: new CoarseClock(clock, runtime),
      figures: () => store.figures(),
    },
    prefixes: new PrefixReader(start.prefixTables, count),
    authenticator,
  }
}

/** Called under the item's lock, just before it goes. */
function emitEviction(context: CommandContext, item: number): void {
  if ((context.watchMask & WATCH.evictions) === 0) return
  const { store, events } = context
  store.copyKey(item, events.scratch, 0)
  events.buffer = events.scratch
  events.keyStart = 0
  events.keyLength = store.keyLength(item)
  events.fetched = store.isFetched(item)
  events.exptime = store.exptime(item)
  events.lastAccess = store.lastAccess(item)
  events.sizeClass = store.sizeClass(item)
  events.size = store.valueLength(item)
  events.emitEviction()
}

/** Before the first connection there is nobody to write to. */
const NO_SINK = { flush: (): void => unreachableSink() }

const NO_SESSION: Session = {
  number: 0,
  access: null,
  producer: null,
  repliesPending: false,
  defer: () => unreachableSink(),
  welcome: () => unreachableSink(),
  deferLogin: () => unreachableSink(),
}

function unreachableSink(): never {
  throw new AssertionFailure('a reply was written outside a turn')
}
