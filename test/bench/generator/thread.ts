import type { RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { CommandWriter } from './commands.ts'
import type { Shared } from './connection.ts'
import { Connection } from './connection.ts'
import type { Order, OrderMessage, ReportMessage, ThreadReport } from './plan.ts'
import { emptyTally } from './plan.ts'
import { Values } from './values.ts'
import { LatencyWindows, newHistogram } from './windows.ts'

/** One thread of the load generator. It is told what to do by messages, and stays for the next. */

const READ_BYTES = 256 * 1024

/** Connections are opened in waves, each smaller than a server's backlog. */
const WAVE = 200

/** Requests sent at a fixed rate before replies are looked at again. */
const DUE_PER_TURN = 32

/** Replies may take this long after the last request; then the run has failed. */
const DRAIN_MILLISECONDS_MAX = 20_000

/** Enough to fill a cache with, each many sets at a time. */
const FILL_CONNECTIONS = 4

type RunOrder = Exclude<Order, { kind: 'open' | 'close' }>

interface Target {
  readonly shared: Shared
  readonly connections: Connection[]
  /** How many of the connections, from the first, are used. */
  readonly active: number
  /** Rejects when a server says what nobody understands, or goes away. */
  readonly failed: Promise<never>
}

const targets = new Map<number, Target>()
const readBuffer = Buffer.alloc(READ_BYTES)

parentPort?.on('message', (message: OrderMessage) => {
  obey(message).then(
    (report) => answer({ id: message.id, failure: '', report }),
    (error: Error) => answer({ id: message.id, failure: error.message, report: null }),
  )
})

function answer(message: ReportMessage): void {
  parentPort?.postMessage(message)
}

async function obey({ target, order }: OrderMessage): Promise<ThreadReport | null> {
  if (order.kind === 'open') {
    targets.set(target, await open(order))
    return null
  }
  const found = targets.get(target)
  if (found === undefined) throw new Error('no such target')
  if (order.kind === 'close') {
    for (const connection of found.connections) connection.close()
    targets.delete(target)
    return null
  }
  return run(found, order)
}

async function open(order: Order & { kind: 'open' }): Promise<Target> {
  const { plan, thread, threads, port } = order
  const values = new Values(Math.max(plan.valueBytesMax, 32))
  const shared: Shared = {
    plan,
    values,
    writer: new CommandWriter(plan, values),
    tally: emptyTally(),
    readBuffer,
    random: Math.imul(order.seed * 64 + thread + 1, 2654435761) | 0 || 1,
    deadline: 0,
    filling: false,
    fillNext: thread,
    fillStep: threads,
    latency: null,
    now: 0,
    busy: 0,
    onIdle: () => {},
    onFailure: () => {},
  }
  const connections: Connection[] = []
  const failed = new Promise<never>((_, reject) => {
    shared.onFailure = reject
  })
  failed.catch(() => {})
  const share = shareOf(plan.connections, thread, threads)
  while (connections.length < share) {
    const wave = Array.from({ length: Math.min(WAVE, share - connections.length) }, () => {
      return new Connection(shared, port)
    })
    connections.push(...wave)
    await Promise.race([failed, Promise.all(wave.map((connection) => connection.opened()))])
  }
  const active = shareOf(plan.connectionsActive, thread, threads)
  return { shared, connections, active, failed }
}

async function run(target: Target, order: RunOrder): Promise<ThreadReport> {
  const { shared } = target
  Object.assign(shared.tally, emptyTally())
  const steady = order.kind === 'steady' ? timesOf(shared, order) : null
  shared.latency = null
  shared.filling = order.kind === 'fill'
  const cpuBefore = process.threadCpuUsage()
  const started = performance.now()
  if (steady !== null && order.kind === 'steady') await sendSteadily(target, order, steady)
  else await sendClosed(target, order)
  const seconds = (performance.now() - started) / 1000
  const cpu = process.threadCpuUsage(cpuBefore)
  return {
    tally: { ...shared.tally },
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    latency: steady?.windows.whole() ?? null,
    windowP99s: steady?.windows.p99s() ?? [],
    lateness: steady?.lateness ?? null,
  }
}

/** What is recorded of a run at a fixed rate. */
interface SteadyTimes {
  readonly windows: LatencyWindows
  readonly lateness: RecordableHistogram
}

function timesOf({ plan }: Shared, order: RunOrder & { kind: 'steady' }): SteadyTimes {
  const requestsPerSecond = order.perSecond / plan.pipeline
  const windows = new LatencyWindows(order.milliseconds, requestsPerSecond)
  return { windows, lateness: newHistogram() }
}

async function sendClosed(target: Target, order: RunOrder): Promise<void> {
  const { shared, connections } = target
  const used = order.kind === 'fill' ? Math.min(FILL_CONNECTIONS, target.active) : target.active
  if (used === 0) return
  shared.now = performance.now()
  shared.deadline = order.kind === 'saturate' ? shared.now + order.milliseconds : shared.now
  const idle = new Promise<void>((resolve) => {
    shared.onIdle = resolve
  })
  for (const connection of connections.slice(0, used)) connection.start()
  // Fewer keys than threads leave a thread nothing to fill.
  if (shared.busy > 0) await within(target, idle, shared.deadline - shared.now)
}

/**
 * Requests leave when they are due, whether or not earlier ones were answered. Timers are a
 * millisecond coarse, so the loop turns without sleeping; sockets are read between turns.
 */
async function sendSteadily(
  target: Target,
  order: RunOrder & { kind: 'steady' },
  { windows, lateness }: SteadyTimes,
): Promise<void> {
  const { shared, connections, active } = target
  const { pipeline } = shared.plan
  const meanGap = (1000 * pipeline) / order.perSecond
  let due = performance.now() + 5
  const end = due + order.milliseconds
  shared.latency = windows.start(due)
  let next = 0
  const sent = new Promise<void>((resolve) => {
    const turn = (): void => {
      const now = performance.now()
      shared.latency = windows.current(now)
      for (let left = DUE_PER_TURN; left > 0 && due <= now && due < end; left--) {
        connections[next]!.sendDue(due)
        next = next + 1 === active ? 0 : next + 1
        lateness.record(Math.max(1, Math.round((now - due) * 1e6)))
        due += exponential(shared) * meanGap
      }
      if (due < end) setImmediate(turn)
      else resolve()
    }
    turn()
  })
  await Promise.race([sent, target.failed])
  const idle = new Promise<void>((resolve) => {
    shared.onIdle = resolve
  })
  if (shared.busy > 0) await within(target, idle, 0)
}

async function within(target: Target, idle: Promise<void>, milliseconds: number): Promise<void> {
  const timeout = new AbortController()
  const late = sleep(milliseconds + DRAIN_MILLISECONDS_MAX, undefined, {
    signal: timeout.signal,
  }).then(
    () => Promise.reject(new Error('replies are missing long after the last command')),
    () => {},
  )
  try {
    await Promise.race([idle, late, target.failed])
  } finally {
    timeout.abort()
  }
}

/** Gaps between arrivals of independent clients: mean 1. */
function exponential(shared: Shared): number {
  let x = shared.random
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  shared.random = x
  return -Math.log(((x >>> 0) + 1) / 4294967297)
}

/** Of `all`, how many are this thread's. */
function shareOf(all: number, thread: number, threads: number): number {
  return Math.floor(all / threads) + (thread < all % threads ? 1 : 0)
}
