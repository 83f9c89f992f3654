import assert from 'node:assert/strict'
import { until } from '../support/deadline.ts'
import { Random } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { FuzzClient } from './server-client.ts'
import { Surroundings } from './server-model.ts'
import type { WireKind } from './server-process.ts'
import { checkStore, complaints, hooked, Monitor } from './server-process.ts'
import { annoy, SharedClient, SharedKeys } from './server-shared.ts'

/**
 * The whole server under several clients at once, each of which knows exactly what it may be told:
 * server-model.ts. Beside them others fight for the same keys (server-shared.ts) and some are rude.
 * At the end everything is read once more, the store is walked, the figures must agree with what was
 * done, and the server must go as it should.
 */
export async function run(seed: number, events: number): Promise<void> {
  const random = new Random(seed)
  const first = random.below(SHAPES.length)
  const rounds = Math.max(1, Math.min(SHAPES.length, Math.floor(events / EVENTS_PER_ROUND)))
  for (let round = 0; round < rounds; round++) {
    const shape = SHAPES[(first + round) % SHAPES.length]!
    await runShape(random, shape, Math.ceil(events / rounds))
  }
}

/** Fewer commands are not worth the start of a server. */
const EVENTS_PER_ROUND = 1500

interface Shape {
  readonly threads: number
  readonly wire: WireKind
}

const SHAPES: readonly Shape[] = [
  { threads: 4, wire: 'raw' },
  { threads: 1, wire: 'stream' },
  { threads: 1, wire: 'raw' },
  { threads: 4, wire: 'stream' },
]

interface Plan extends Shape {
  readonly policy: string
  readonly memoryMegabytes: number
  /** Items may be evicted. */
  readonly lossy: boolean
  readonly flushes: boolean
  readonly clients: number
  readonly requestsPerTurn: number
}

function makePlan(random: Random, shape: Shape): Plan {
  const lossy = random.chance(0.6)
  return {
    ...shape,
    policy: random.pick(['lru', 's3-fifo']),
    memoryMegabytes: lossy ? random.pick([4, 8, 16]) : 128,
    lossy,
    flushes: random.chance(0.5),
    clients: random.between(2, 5),
    requestsPerTurn: random.pick([1, 20, 20, 1000]),
  }
}

async function runShape(random: Random, shape: Shape, events: number): Promise<void> {
  const plan = makePlan(random, shape)
  const scope = new SuiteScope()
  const server = await Server.start(scope, {
    flags: flagsOf(plan),
    environment: { ...hooked(plan.wire), MEMCKV_MEMORY_POLICY: plan.policy },
  })
  try {
    await exercise(random, plan, server, events)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.deepEqual(complaints(server), [])
  } catch (error) {
    const log = complaints(server).join('\n')
    throw new Error(`${JSON.stringify(plan)}\n${log}\n${String((error as Error).message)}`, {
      cause: error,
    })
  } finally {
    await scope.close()
  }
}

function flagsOf(plan: Plan): string[] {
  const { threads, memoryMegabytes, requestsPerTurn } = plan
  return ['-t', String(threads), '-m', String(memoryMegabytes), '-R', String(requestsPerTurn)]
}

async function exercise(random: Random, plan: Plan, server: Server, events: number): Promise<void> {
  const { lossy, flushes, memoryMegabytes } = plan
  const monitor = new Monitor(await server.connect())
  const surroundings = new Surroundings(lossy)
  const keyCount = random.pick([6, 30, 100])
  const clients = Array.from({ length: plan.clients }, (_, number) => {
    const options = {
      number,
      keyCount,
      bytesMax: lossy ? Number.POSITIVE_INFINITY : 8e6,
      largeMayBeRefused: memoryMegabytes < 16,
      flushes,
    }
    return new FuzzClient(new Random(random.word()), server, monitor, surroundings, options)
  })
  const shared = new SharedKeys(!lossy && !flushes, lossy ? 400_000 : 200_000)
  const others = [1, 2, 3].map(() => new SharedClient(new Random(random.word()), server, shared))
  const share = Math.ceil(events / (clients.length + 1))
  await Promise.all([
    ...clients.map((client) => client.run(share)),
    ...others.map((other) => other.run(Math.ceil(share / others.length / 2))),
    annoy(new Random(random.word()), server, Math.ceil(share / 40)),
  ])
  for (const client of clients) await client.readAll()
  await judgeFigures(monitor, plan, clients.length)
  for (const client of clients) client.close()
  await connectionsOpen(monitor, 1)
  assert.equal(await checkStore(server), 0, 'pages that nobody has')
  monitor.close()
}

async function judgeFigures(monitor: Monitor, plan: Plan, clients: number): Promise<void> {
  await connectionsOpen(monitor, clients + 1)
  const stats = await monitor.stats()
  const figure = (name: string): number => Number(stats.get(name))
  for (const [name, value] of stats) assert.ok(!value.startsWith('-'), `${name} is ${value}`)
  assert.equal(figure('get_hits') + figure('get_misses'), figure('cmd_get'))
  assert.equal(figure('touch_hits') + figure('touch_misses'), figure('cmd_touch'))
  assert.ok(figure('curr_items') <= figure('total_items'))
  assert.ok(figure('bytes') <= plan.memoryMegabytes * 1024 * 1024)
  assert.equal(figure('read_buf_count'), 0, 'idle connections keep nothing')
  if (!plan.lossy) assert.equal(figure('evictions'), 0)
  if (!plan.lossy) assert.equal(figure('store_no_memory'), 0)
}

async function connectionsOpen(monitor: Monitor, count: number): Promise<void> {
  await until(
    async () => (await monitor.stats()).get('curr_connections') === String(count),
    () => `curr_connections is not ${count}`,
  )
}
