import assert from 'node:assert/strict'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { StoreMemory } from '../../src/store/store.ts'
import { createStoreMemory, PAGE_BYTES, Store } from '../../src/store/store.ts'
import { MIB, patterned, TinyStore, tinyOptions } from '../store/tiny-store.ts'
import { Random } from '../support/seed.ts'

/**
 * Real worker threads on one store. Values describe themselves (the key's number and a seed, then a
 * pattern of the seed), so every thread can tell whether what it read was ever written under that
 * key, whole. The main thread sweeps, flushes and resizes meanwhile, and checks everything after.
 */
const WORKERS = 4
const KEYS = 4000
const HEAD_BYTES = 8

interface Task {
  memory: StoreMemory
  seed: number
  milliseconds: number
}

interface Outcome {
  operations: number
  hits: number
  casTaken: number
}

export async function stressStore(seed: number, milliseconds: number): Promise<string> {
  const random = new Random(seed)
  const memory = createStoreMemory(
    tinyOptions({
      memoryBytes: 8 * MIB,
      memoryBytesMax: 16 * MIB,
      policy: random.chance(0.5) ? 'lru' : 's3-fifo',
      // Few shards, so that the threads do meet.
      shardCount: random.pick([1, 2, 8]),
    }),
  )
  const store = new Store(memory)
  const outcomes: Promise<Outcome>[] = []
  for (let index = 0; index < WORKERS; index++) {
    const task: Task = { memory, seed: seed + index, milliseconds }
    const worker = new Worker(new URL(import.meta.url), { workerData: { stress: task } })
    outcomes.push(outcomeOf(worker))
  }
  const ended = Promise.all(outcomes)
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    store.now = secondsNow()
    store.sweep.run(2000)
    if (random.chance(0.02)) store.flush()
    if (random.chance(0.05)) store.resize(random.pick([4, 6, 8, 12]) * MIB)
    if (store.isOverLimit) store.shrink(2000)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const results = await ended
  store.now = secondsNow()
  assert.ok(store.shrink(1e9))
  assert.equal(store.check(), 0, 'no page is left behind')
  const casTaken = results.reduce((sum, result) => sum + result.casTaken, 0)
  store.nextCas()
  assert.equal(store.casNextLow, casTaken + 1, 'CAS numbers are unique and without gaps')
  const operations = results.reduce((sum, result) => sum + result.operations, 0)
  const hits = results.reduce((sum, result) => sum + result.hits, 0)
  assert.ok(hits > 0, 'something was found')
  return `${operations} operations, ${hits} hits, ${store.figures().evictions} evictions`
}

async function outcomeOf(worker: Worker): Promise<Outcome> {
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error))
  const [outcome] = await Promise.race([once(worker, 'message'), failed])
  await worker.terminate()
  return outcome as Outcome
}

/** A clock that all threads share and that is fast enough for items to expire. */
function secondsNow(): number {
  return 2 + (Math.floor(Date.now() / 100) % 1e9)
}

class StressWorker {
  readonly #store: Store
  readonly #tiny: TinyStore
  readonly #random: Random
  readonly #outcome: Outcome = { operations: 0, hits: 0, casTaken: 0 }

  constructor(task: Task) {
    this.#store = new Store(task.memory)
    this.#tiny = new TinyStore(this.#store)
    this.#random = new Random(task.seed)
  }

  run(milliseconds: number): Outcome {
    const end = performance.now() + milliseconds
    while (performance.now() < end) {
      this.#store.now = secondsNow()
      for (let batch = 0; batch < 50; batch++) this.#step()
    }
    return this.#outcome
  }

  #step(): void {
    this.#outcome.operations++
    const number = Math.floor(this.#random.below(KEYS) ** 2 / KEYS)
    const key = `stress-${number}`
    const pick = this.#random.below(100)
    if (pick < 50) this.#get(key, number)
    else if (pick < 85) this.#set(key, number, this.#random.below(600))
    else if (pick < 88) this.#set(key, number, this.#random.below(300_000))
    else if (pick < 92) this.#tiny.delete(key)
    else if (pick < 96) this.#touch(key)
    else this.#readSlowly(key, number)
  }

  #set(key: string, number: number, length: number): void {
    const seed = this.#random.word()
    const value = Buffer.alloc(HEAD_BYTES + length)
    value.writeUInt32LE(number, 0)
    value.writeUInt32LE(seed, 4)
    patterned(length, seed).copy(value, HEAD_BYTES)
    const exptime = this.#random.chance(0.3) ? this.#store.now + this.#random.below(40) : 0
    this.#outcome.casTaken += this.#tiny.set(key, value, 0, exptime) ? 1 : 0
  }

  #get(key: string, number: number): void {
    const value = this.#tiny.get(key)
    if (value !== null) this.#judge(value, number)
  }

  #judge(value: Buffer, number: number): void {
    this.#outcome.hits++
    assert.equal(value.readUInt32LE(0), number, 'the value of another key')
    const expected = patterned(value.length - HEAD_BYTES, value.readUInt32LE(4))
    assert.ok(value.subarray(HEAD_BYTES).equals(expected), 'a torn value')
  }

  #touch(key: string): void {
    const hash = this.#tiny.hash(key)
    this.#store.lock(hash)
    const item = this.#tiny.find(key)
    if (item !== 0) this.#store.setExptime(item, this.#store.now + this.#random.below(100))
    this.#store.unlock(hash)
  }

  /** Reads piece by piece and writes other keys in between, as a slow client would make it. */
  #readSlowly(key: string, number: number): void {
    const hash = this.#tiny.hash(key)
    this.#store.lock(hash)
    const item = this.#tiny.find(key)
    if (item === 0) {
      this.#store.unlock(hash)
      return
    }
    const reader = this.#store.createReader()
    const value = Buffer.alloc(this.#store.valueLength(item))
    reader.open(this.#store, item)
    this.#store.unlock(hash)
    for (let at = 0; reader.remaining > 0; ) {
      at += reader.read(value, at, 1 + this.#random.below(PAGE_BYTES * 4))
      const other = this.#random.below(KEYS)
      this.#set(`stress-${other}`, other, this.#random.below(30_000))
    }
    reader.close()
    this.#judge(value, number)
  }
}

if (!isMainThread && workerData?.stress !== undefined) {
  const task = workerData.stress as Task
  parentPort?.postMessage(new StressWorker(task).run(task.milliseconds))
}
