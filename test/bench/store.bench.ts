import { hashBytes } from '../../src/base/hash.ts'
import { createStoreMemory, Store } from '../../src/store/store.ts'
import { MIB } from '../store/tiny-store.ts'

/**
 * What the store costs a command, in nanoseconds: `node test/bench/store.bench.ts [operations]`.
 * CPU time of this thread, third best of nine rounds. Key bytes are made outside the clock. The first
 * line is the machine's own: reads that depend on each other, all over 32 MiB; a find that is not in
 * the cache cannot be faster than two of them.
 */
const ITEMS = 100_000
const VALUE_BYTES = 250
const ROUNDS = 9
const SMALL_ITEMS = 1000

interface Bench {
  store: Store
  keys: Buffer
  hashes: Int32Array
  order: Int32Array
  value: Buffer
  target: Buffer
}

const KEY_BYTES = 16

function prepare(memoryMib: number, items: number, policy: 'lru' | 's3-fifo'): Bench {
  const memory = createStoreMemory({
    memoryBytes: memoryMib * MIB,
    evict: true,
    casEnabled: true,
    policy,
    promoteThreshold: 2,
    itemBytesMax: MIB,
    hashSeed: 12345,
  })
  const store = new Store(memory)
  store.now = 100
  const keys = Buffer.alloc(items * KEY_BYTES)
  const hashes = new Int32Array(items)
  const order = new Int32Array(items)
  for (let item = 0; item < items; item++) {
    keys.write(`key:${String(item).padStart(KEY_BYTES - 4, '0')}`, item * KEY_BYTES)
    hashes[item] = hashBytes(store.hashSeed, keys, item * KEY_BYTES, (item + 1) * KEY_BYTES)
    order[item] = (item * 7919) % items
  }
  return {
    store,
    keys,
    hashes,
    order,
    value: Buffer.alloc(100_000, 7),
    target: Buffer.alloc(100_000),
  }
}

function set(bench: Bench, index: number, length: number): void {
  const { store, keys, hashes } = bench
  const hash = hashes[index]!
  store.lockForWrite(hash, store.recordBytes(KEY_BYTES, length, 0))
  const old = store.find(hash, keys, index * KEY_BYTES, KEY_BYTES)
  store.nextCas()
  const { draft } = store
  draft.hash = hash
  draft.key = keys
  draft.keyStart = index * KEY_BYTES
  draft.keyLength = KEY_BYTES
  draft.clientFlags = 0
  draft.exptime = 0
  draft.valueLength = length
  draft.casHigh = store.casNextHigh
  draft.casLow = store.casNextLow
  draft.binaryKey = false
  draft.stale = false
  draft.won = false
  draft.chain = 0
  const item = store.replace(old, draft)
  store.writeValue(item, 0, bench.value, 0, length)
  store.unlock(hash)
}

function get(bench: Bench, index: number): number {
  const { store, keys, hashes } = bench
  const hash = hashes[index]!
  store.lock(hash)
  const item = store.find(hash, keys, index * KEY_BYTES, KEY_BYTES)
  let length = 0
  if (item !== 0) {
    store.hit(item)
    length = store.valueLength(item)
    store.copyValue(item, bench.target, 0)
  }
  store.unlock(hash)
  return length
}

function measure(name: string, operations: number, run: (round: number) => void): void {
  const samples: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.threadCpuUsage()
    run(round)
    const used = process.threadCpuUsage(before)
    samples.push(((used.user + used.system) * 1000) / operations)
  }
  samples.sort((left, right) => left - right)
  process.stdout.write(`${name.padEnd(44)} ${samples[2]!.toFixed(0).padStart(6)} ns\n`)
}

/** A walk over one random cycle of cache lines. */
function measureMachine(operations: number): void {
  const lines = 2 ** 19
  const words = new Int32Array(new SharedArrayBuffer(lines * 64))
  let line = 0
  for (let step = 0; step < lines; step++) {
    // A full-period generator: odd increment, multiplier 1 mod 4.
    const next = (Math.imul(line, 214013) + 2531011) & (lines - 1)
    words[line * 16] = next * 16
    line = next
  }
  let at = 0
  measure('one dependent read in 32 MiB', operations, () => {
    for (let read = 0; read < operations; read++) at = words[at]!
  })
}

function main(operations: number): void {
  measureMachine(operations)
  const inMemory = prepare(64, ITEMS, 'lru')
  const { order } = inMemory
  for (let index = 0; index < ITEMS; index++) set(inMemory, index, VALUE_BYTES)
  const figures = inMemory.store.figures()
  const bytes = figures.segmentsUsed * 65536
  const payload = figures.items * (KEY_BYTES + VALUE_BYTES)
  process.stdout.write(
    `bytes per item beyond key and value: ${((bytes - payload) / figures.items).toFixed(1)}\n`,
  )
  let sum = 0
  measure('get hit, 250 B, 100k items', operations, (round) => {
    for (let at = 0; at < operations; at++) sum += get(inMemory, order[(at + round) % ITEMS]!)
  })
  measure('lock + unlock', operations, () => {
    for (let at = 0; at < operations; at++) {
      inMemory.store.lock(at)
      inMemory.store.unlock(at)
    }
  })
  measure('lock + find + unlock', operations, (round) => {
    for (let at = 0; at < operations; at++) {
      const index = order[(at + round) % ITEMS]!
      const hash = inMemory.hashes[index]!
      inMemory.store.lock(hash)
      sum += inMemory.store.find(hash, inMemory.keys, index * KEY_BYTES, KEY_BYTES)
      inMemory.store.unlock(hash)
    }
  })
  measure('set overwrite same size, 250 B', operations, (round) => {
    for (let at = 0; at < operations; at++) set(inMemory, order[(at + round) % ITEMS]!, VALUE_BYTES)
  })
  measure('set overwrite, sizes 100..400', operations, (round) => {
    for (let at = 0; at < operations; at++) {
      set(inMemory, order[(at + round) % ITEMS]!, 100 + ((at * 31 + round * 77) % 300))
    }
  })
  const small = prepare(64, SMALL_ITEMS, 'lru')
  for (let index = 0; index < SMALL_ITEMS; index++) set(small, index, VALUE_BYTES)
  measure('get hit, 1000 items (in cache)', operations, (round) => {
    for (let at = 0; at < operations; at++) sum += get(small, (at + round) % SMALL_ITEMS)
  })
  measure('set overwrite, 1000 items (in cache)', operations, (round) => {
    for (let at = 0; at < operations; at++) set(small, (at + round) % SMALL_ITEMS, VALUE_BYTES)
  })
  for (const policy of ['lru', 's3-fifo'] as const) {
    const full = prepare(16, 200_000, policy)
    measure(`set of new items at full memory, ${policy}`, operations, (round) => {
      for (let at = 0; at < operations; at++) {
        set(full, full.order[(at + round * operations) % 200_000]!, VALUE_BYTES)
      }
    })
    full.store.check()
  }
  if (sum === 0) throw new Error('nothing was found')
}

main(Number(process.argv[2] ?? 200_000))
