import { hashBytes } from '../../../src/base/hash.ts'
import { createStoreMemory, Store } from '../../../src/store/store.ts'
import { Random } from '../bulk/command-batch.ts'

const MEMORY_MIB = 64
const KEY_BYTES = 16
const HASH_SEED = 12345
const ZIPF_ITEMS = 400_000
const ZIPF_REQUESTS = 1_500_000
const ZIPF_SKEW = 0.9
const VALUE_BYTES_MIN = 50
const VALUE_BYTES_MAX = 450

export type PolicyName = 'lru' | 's3-fifo'

/** The store alone, in this thread, with a fixed seed and a clock that stands: the same numbers every time. */
class LoneStore {
  readonly store: Store
  readonly #key = Buffer.alloc(KEY_BYTES)
  readonly #value = Buffer.alloc(64 * 1024, 7)

  constructor(policy: PolicyName, memoryMib: number) {
    const memory = createStoreMemory({
      memoryBytes: memoryMib * 2 ** 20,
      evict: true,
      casEnabled: true,
      policy,
      promoteThreshold: 2,
      itemBytesMax: 2 ** 20,
      hashSeed: HASH_SEED,
    })
    this.store = new Store(memory)
    this.store.now = 100
  }

  /** True when it is there; it counts as asked for. */
  get(item: number): boolean {
    const { store } = this
    const hash = this.#hash(item)
    store.lock(hash)
    const found = store.find(hash, this.#key, 0, KEY_BYTES)
    if (found !== 0) store.hit(found)
    store.unlock(hash)
    return found !== 0
  }

  set(item: number, valueBytes: number): void {
    const { store } = this
    const hash = this.#hash(item)
    store.lockForWrite(hash, store.recordBytes(KEY_BYTES, valueBytes, 0))
    const old = store.find(hash, this.#key, 0, KEY_BYTES)
    store.nextCas()
    const { draft } = store
    draft.hash = hash
    draft.key = this.#key
    draft.keyStart = 0
    draft.keyLength = KEY_BYTES
    draft.clientFlags = 0
    draft.exptime = 0
    draft.valueLength = valueBytes
    draft.casHigh = store.casNextHigh
    draft.casLow = store.casNextLow
    draft.binaryKey = false
    draft.stale = false
    draft.won = false
    draft.chain = 0
    store.writeValue(store.replace(old, draft), 0, this.#value, 0, valueBytes)
    store.unlock(hash)
  }

  #hash(item: number): number {
    this.#key.write(`key:${String(item).padStart(KEY_BYTES - 4, '0')}`, 'latin1')
    return hashBytes(this.store.hashSeed, this.#key, 0, KEY_BYTES)
  }
}

/** Items of one size that stay in 64 MiB when twice as many bytes were written. */
export function heldItems(policy: PolicyName, valueBytes: number): number {
  const { store } = fillTwice(policy, valueBytes)
  return store.figures().items
}

function fillTwice(policy: PolicyName, valueBytes: number): LoneStore {
  const lone = new LoneStore(policy, MEMORY_MIB)
  const items = Math.ceil((2 * MEMORY_MIB * 2 ** 20) / (valueBytes + KEY_BYTES))
  for (let item = 0; item < items; item++) lone.set(item, valueBytes)
  lone.store.check()
  return lone
}

/** Misses of a look-aside cache of 16 MiB over a Zipf-like trace with a fixed seed. */
export function missesOfFixedTrace(policy: PolicyName): number {
  const lone = new LoneStore(policy, 16)
  const random = new Random(4711)
  const popularity = cumulatedZipf()
  let misses = 0
  for (let request = 0; request < ZIPF_REQUESTS; request++) {
    const item = drawItem(popularity, random)
    if (lone.get(item)) continue
    misses++
    lone.set(item, VALUE_BYTES_MIN + ((item * 7919) % (VALUE_BYTES_MAX - VALUE_BYTES_MIN)))
  }
  return misses
}

function cumulatedZipf(): Float64Array {
  const cumulated = new Float64Array(ZIPF_ITEMS)
  let total = 0
  for (let rank = 0; rank < ZIPF_ITEMS; rank++) {
    total += (rank + 1) ** -ZIPF_SKEW
    cumulated[rank] = total
  }
  return cumulated
}

/** The first rank whose sum is above a random point. */
function drawItem(cumulated: Float64Array, random: Random): number {
  const point = (random.below(2 ** 30) / 2 ** 30) * cumulated[cumulated.length - 1]!
  let low = 0
  let high = cumulated.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (cumulated[middle]! > point) high = middle
    else low = middle + 1
  }
  return low
}
