import { setTimeout as sleep } from 'node:timers/promises'
import { BulkClient } from '../bulk/bulk-client.ts'
import { CommandBatch, Random } from '../bulk/command-batch.ts'
import { readStats } from '../bulk/stats.ts'
import { ServerProcess } from '../servers/server-process.ts'
import type { Probe } from '../stalls/probe-client.ts'
import type { MemoryCase } from './cases.ts'
import { itemsToWrite } from './cases.ts'

const BATCH_BYTES = 128 * 1024
/** Old releases of memcached send each get's reply by itself, which takes most of the time here. */
const KEYS_PER_GET = 50
const CHURN_WRITES_PER_ITEM = 2
const SHORT_TTL_SECONDS = 1
/** The sweep has had its chance by then, and so has memcached's crawler. */
const EXPIRED_WAIT_MILLISECONDS = 4000
const SETTLE_MILLISECONDS = 300

/** How a server is started for this, and what looks into it. */
export interface MemorySubject {
  readonly name: string
  readonly commandLine: readonly string[]
  /** Ours only. */
  readonly probe: Probe | null
}

/** What is in the cache at one moment. */
export interface Contents {
  readonly items: number
  /** Key and value bytes that were read back, per item. */
  readonly payload: number
  /** Bytes of the limit that an item takes beyond key and value. */
  readonly overhead: number
  /** The same of resident memory, above what the empty server had. */
  readonly residentOverhead: number
  readonly residentMib: number
  /** Bytes in logs that belong to no item any more; null where nobody counts them. */
  readonly deadBytes: number | null
}

export interface MemoryResult {
  readonly server: string
  readonly memoryCase: MemoryCase
  readonly memoryMib: number
  readonly emptyMib: number
  readonly atRest: Contents
  readonly churned: Contents
  /** Expired items that stats still counts, some seconds later. */
  readonly expiredHeld: number
  /** Replies that were none of those expected; 0, or the figures mean nothing. */
  readonly errors: number
}

/**
 * Ours is measured twice: as users run it, and with a probe in it that takes memory itself, only for
 * the dead bytes, which no command tells.
 */
export async function measureMemory(
  subject: MemorySubject,
  memoryCase: MemoryCase,
  memoryMib: number,
  seed: number,
): Promise<MemoryResult> {
  const result = await measureOnce({ ...subject, probe: null }, memoryCase, memoryMib, seed)
  if (subject.probe === null) return result
  const commandLine = subject.probe.commandLine(memoryMib)
  const probed = await measureOnce({ ...subject, commandLine }, memoryCase, memoryMib, seed)
  return {
    ...result,
    atRest: { ...result.atRest, deadBytes: probed.atRest.deadBytes },
    churned: { ...result.churned, deadBytes: probed.churned.deadBytes },
  }
}

/** Fills a fresh server, looks, overwrites at random with other sizes, and looks again. */
async function measureOnce(
  subject: MemorySubject,
  memoryCase: MemoryCase,
  memoryMib: number,
  seed: number,
): Promise<MemoryResult> {
  const server = await ServerProcess.start(subject.name, subject.commandLine)
  try {
    const client = await BulkClient.connect(server.port)
    await client.finish()
    const emptyMib = server.residentMebibytes()
    const run = new MemoryRun(server, client, memoryCase, itemsToWrite(memoryMib, memoryCase))
    await run.write((item) => item)
    const look = (): Promise<Contents> => contents(run, subject, memoryMib, emptyMib)
    const atRest = await look()
    const random = new Random(seed)
    run.generation = 1
    // Keys that are held are the newest; overwriting only those makes dead space rather than misses.
    const writes = Math.ceil(atRest.items * CHURN_WRITES_PER_ITEM)
    const held = Math.min(run.items, atRest.items)
    await run.write(() => run.items - 1 - random.below(held), writes)
    const churned = await look()
    // With a probe it is the dead bytes that are wanted, and this takes seconds.
    const expiredHeld = subject.probe === null ? await expire(run) : 0
    client.close()
    const { errors } = run
    return {
      server: subject.name,
      memoryCase,
      memoryMib,
      emptyMib,
      atRest,
      churned,
      expiredHeld,
      errors,
    }
  } finally {
    await server.stop()
  }
}

class MemoryRun {
  readonly server: ServerProcess
  readonly items: number
  generation = 0
  errors = 0
  readonly #client: BulkClient
  readonly #case: MemoryCase
  readonly #batch = new CommandBatch(BATCH_BYTES)

  constructor(server: ServerProcess, client: BulkClient, memoryCase: MemoryCase, items: number) {
    this.server = server
    this.items = items
    this.#client = client
    this.#case = memoryCase
  }

  async write(itemOf: (at: number) => number, count = this.items, exptime = 0): Promise<void> {
    const { sizeOf, largestBytes } = this.#case
    const batch = this.#batch
    batch.clear()
    for (let at = 0; at < count; at++) {
      if (!batch.hasRoom(largestBytes)) {
        await this.#client.send(batch.commands)
        batch.clear()
      }
      const item = itemOf(at)
      batch.set(item, sizeOf(item, this.generation === 0 ? 0 : this.generation + at), exptime)
    }
    await this.#client.send(batch.commands)
    this.errors += (await this.#client.finish()).others
  }

  /** Asks for every item that was ever written, in the order in which they were. */
  async readBack(): Promise<{ items: number; bytes: number }> {
    const batch = this.#batch
    batch.clear()
    for (let item = 0; item < this.items; item += KEYS_PER_GET) {
      if (!batch.hasRoom(BATCH_BYTES / 2)) {
        await this.#client.ask(batch.commands)
        batch.clear()
      }
      batch.getMany(item, Math.min(KEYS_PER_GET, this.items - item))
    }
    await this.#client.ask(batch.commands)
    const { hits, bytes, others } = await this.#client.finish()
    this.errors += others
    return { items: hits, bytes }
  }
}

async function contents(
  run: MemoryRun,
  { probe }: MemorySubject,
  memoryMib: number,
  emptyMib: number,
): Promise<Contents> {
  await sleep(SETTLE_MILLISECONDS)
  const { deadBytes: dead } = (await probe?.report())?.[0]?.figures ?? {}
  const residentMib = run.server.residentMebibytes()
  const { items, bytes } = await run.readBack()
  const payload = bytes / items
  return {
    items,
    payload,
    overhead: (memoryMib * 2 ** 20) / items - payload,
    residentOverhead: ((residentMib - emptyMib) * 2 ** 20) / items - payload,
    residentMib,
    deadBytes: dead ?? null,
  }
}

/** A fifth of the items get a short life; how many does the server still hold when it is over? */
async function expire(run: MemoryRun): Promise<number> {
  const count = Math.ceil(run.items / 5)
  await run.write((at) => run.items - 1 - at, count, SHORT_TTL_SECONDS)
  await sleep(EXPIRED_WAIT_MILLISECONDS)
  const counted = Number((await readStats(run.server.port)).get('curr_items'))
  const { items } = await run.readBack()
  return Math.max(0, counted - items)
}
