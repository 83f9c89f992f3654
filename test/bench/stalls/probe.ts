import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { PerformanceEntry } from 'node:perf_hooks'
import { PerformanceObserver } from 'node:perf_hooks'
import { BroadcastChannel, isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { StoreMemory } from '../../../src/store/store.ts'
import type { Prototype } from './lock-watch.ts'
import { LockWatch } from './lock-watch.ts'
import { LogHistogram } from './log-histogram.ts'
import type { ProbeAnswer, ProbeEnvironment, ThreadReport } from './probe-report.ts'
import { Ticker, threadCpuMilliseconds } from './ticker.ts'

/**
 * Loaded into a server under measurement (probed-main.ts), before its own code and in each of its
 * threads, so that the product needs no hook for it. It watches the event loop, the locks, the
 * garbage collector and the messages of every thread, and answers on a Unix socket of its own what it
 * saw: see probe-client.ts. PROBE_WATCH is 'counts', which costs the commands nothing, or
 * 'stalls'.
 */
const { PROBE_SOCKET: socketPath = '', PROBE_WATCH: watch = 'counts' } =
  process.env as ProbeEnvironment

const channel = new BroadcastChannel('memckv-bench-probe')
const name = isMainThread ? 'control' : `worker ${(workerData as { index: number }).index}`
const ticker = new Ticker()
const locks = new LockWatch()
const lockedWrites = locks.makeRoom
const readTurn = new LogHistogram()
const busyReadTurn = new LogHistogram()
const pauses = new LogHistogram()
const pausesByKind = new Map<number, number>()
let messages = 0

const collector = new PerformanceObserver((list) => countPauses(list.getEntries()))
collector.observe({ entryTypes: ['gc'] })
watchMessages()
if (watch === 'stalls') {
  await watchLocks()
  await watchReads()
}
if (watch !== 'counts') ticker.start()
channel.onmessage = (message: unknown) => void receive((message as { data: string }).data)
channel.unref()
if (isMainThread) listen()

function countPauses(entries: readonly PerformanceEntry[]): void {
  for (const entry of entries) {
    const { kind = 0 } = (entry as unknown as { detail: { kind?: number } }).detail
    pauses.record(entry.duration * 1e6)
    pausesByKind.set(kind, Math.max(pausesByKind.get(kind) ?? 0, entry.duration))
  }
}

/** Messages of a worker to the control thread; none may be sent for a command. */
function watchMessages(): void {
  if (parentPort === null) return
  const port = parentPort
  const post = port.postMessage.bind(port)
  port.postMessage = (value: unknown, transfer?: readonly unknown[]) => {
    messages++
    post(value, transfer as never)
  }
}

async function watchLocks(): Promise<void> {
  const prototypeOf = ({ prototype }: { prototype: unknown }): Prototype => prototype as Prototype
  const shards = prototypeOf((await import('../../../src/store/shards.ts')).Shards)
  const pool = prototypeOf((await import('../../../src/store/pool.ts')).Pool)
  const store = prototypeOf((await import('../../../src/store/store.ts')).Store)
  locks.wrapTake(shards, 'enter', locks.wait)
  locks.wrapGive(shards, 'leave')
  locks.wrapTake(pool, 'lock', locks.wait)
  locks.wrapGive(pool, 'unlock')
  // Where the front door takes a lock without the two above, it is still seen here.
  locks.wrapTake(store, 'lockForWrite', lockedWrites)
  locks.wrapTake(store, 'lock', new LogHistogram())
  locks.wrapGive(store, 'unlock')
  locks.wrapOutside(store, 'sweep')
}

/** Everything that one read from a client sets off, its write included. */
async function watchReads(): Promise<void> {
  const { FastPath } = await import('../../../src/worker/fast-path.ts')
  const { RawWire } = await import('../../../src/worker/raw-wire.ts')
  watchRead(FastPath, 'turn')
  watchRead(RawWire, 'handleRead')
}

function watchRead({ prototype }: { prototype: unknown }, method: string): void {
  const methods = prototype as Record<string, (...args: unknown[]) => void>
  const original = methods[method]!
  methods[method] = function (this: unknown, ...args: unknown[]): void {
    locks.checkpoint()
    const cpuBefore = threadCpuMilliseconds()
    const before = performance.now()
    original.apply(this, args)
    const turn = (performance.now() - before) * 1e6
    readTurn.record(turn)
    const cpu = (threadCpuMilliseconds() - cpuBefore) * 1e6
    busyReadTurn.record(Math.min(turn, cpu))
  }
}

async function receive(text: string): Promise<void> {
  if (text === 'reset') {
    collector.takeRecords()
    for (const histogram of [readTurn, busyReadTurn, pauses]) histogram.reset()
    pausesByKind.clear()
    locks.reset()
    ticker.reset()
    messages = 0
  } else if (text === 'report' && !isMainThread) {
    channel.postMessage(JSON.stringify(await report()))
  }
}

async function report(): Promise<ThreadReport> {
  countPauses(collector.takeRecords())
  const { heapUsed } = process.memoryUsage()
  const thread = Number.parseInt(readFileSync('/proc/thread-self/stat', 'latin1'), 10)
  return {
    name,
    thread,
    heapUsed,
    messages,
    loopDelay: ticker.delay.plain(),
    busyLoopDelay: ticker.busyDelay.plain(),
    readTurn: readTurn.plain(),
    busyReadTurn: busyReadTurn.plain(),
    hold: locks.hold.plain(),
    busyHold: locks.busyHold.plain(),
    wait: locks.wait.plain(),
    makeRoom: locks.makeRoom.plain(),
    pauses: pauses.plain(),
    pausesByKind: Object.fromEntries(pausesByKind),
    figures: await figures(),
  }
}

/** What the store counts, dead and expired bytes too, which memcached's stats have no names for. */
async function figures(): Promise<Record<string, number>> {
  if (isMainThread) return {}
  const { Store } = await import('../../../src/store/store.ts')
  const { memory } = workerData as { memory: StoreMemory }
  const { classes: _, ...numbers } = new Store(memory).figures()
  return numbers as unknown as Record<string, number>
}

/** One line in, one answer of JSON out. */
function listen(): void {
  const server = createServer((socket) => {
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => void answer(text.trim()).then((json) => socket.end(json)))
    socket.on('error', () => socket.destroy())
  })
  // The server may have replaced itself by a process with other flags, after this was loaded once.
  rmSync(socketPath, { force: true })
  server.listen(socketPath)
  server.unref()
  process.on('exit', () => rmSync(socketPath, { force: true }))
}

async function answer(text: string): Promise<string> {
  const [verb, workers = '0'] = text.split(' ')
  const threads: ThreadReport[] = []
  const all = Promise.withResolvers<void>()
  channel.onmessage = (message: unknown) => {
    threads.push(JSON.parse((message as { data: string }).data))
    if (threads.length === Number(workers)) all.resolve()
  }
  channel.postMessage(verb)
  if (verb === 'report') await all.promise
  else await receive('reset')
  threads.push(await report())
  return JSON.stringify({ threads } satisfies ProbeAnswer)
}
