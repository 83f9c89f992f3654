import type { Store } from '../store/store.ts'

/** What dumps say about an item. */
export interface ItemFacts {
  readonly key: Buffer
  readonly binaryKey: boolean
  /** Relative seconds, 0 for never. */
  readonly exptime: number
  readonly lastAccess: number
  readonly cas: bigint
  readonly fetched: boolean
  readonly sizeClass: number
  readonly itemBytes: number
  readonly valueLength: number
  readonly clientFlags: number
}

/** Buckets looked at under one lock: some 80 items, well below 100 µs. */
const BUCKETS_PER_STEP = 64

/**
 * A walk may keep the index from growing for this long. A client that reads its dump slower may get
 * some items twice, or miss some, but cannot slow down everybody else by long hash chains.
 */
const PAUSE_MILLISECONDS_MAX = 60_000

const KEY_BYTES_MAX = 256
const FIELD = {
  keyLength: 0,
  binaryKey: 1,
  exptime: 2,
  lastAccess: 3,
  casHigh: 4,
  casLow: 5,
  fetched: 6,
  sizeClass: 7,
  itemBytes: 8,
  valueLength: 9,
  clientFlags: 10,
  count: 11,
} as const

/**
 * Goes through all items of the store in small steps, for commands that list them. Under the lock an
 * item's facts are only copied, without garbage; what is made of them is made afterwards.
 */
export class ItemWalk {
  readonly #store: Store
  readonly #timer: NodeJS.Timeout
  readonly #visit: (item: number) => void
  #paused = true
  #shard = 0
  #bucket = 0
  #count = 0
  #keys = Buffer.alloc(KEY_BYTES_MAX * 2 * BUCKETS_PER_STEP)
  #fields = new Float64Array(FIELD.count * 2 * BUCKETS_PER_STEP)

  constructor(store: Store) {
    this.#store = store
    this.#visit = (item) => this.#copy(item)
    store.pauseGrowth(1)
    this.#timer = setTimeout(() => this.#resumeGrowth(), PAUSE_MILLISECONDS_MAX).unref()
  }

  get finished(): boolean {
    return this.#shard >= this.#store.shardCount
  }

  /** The items of the next few buckets; often none. Call until finished. */
  step(): ItemFacts[] {
    this.#count = 0
    const next = this.#store.dumpBuckets(this.#shard, this.#bucket, BUCKETS_PER_STEP, this.#visit)
    if (next < 0) this.#shard++
    this.#bucket = Math.max(0, next)
    return Array.from({ length: this.#count }, (_, index) => this.#facts(index))
  }

  /** Call when done, or when the rest is not wanted. */
  end(): void {
    clearTimeout(this.#timer)
    this.#resumeGrowth()
  }

  #resumeGrowth(): void {
    if (this.#paused) this.#store.pauseGrowth(-1)
    this.#paused = false
  }

  #copy(item: number): void {
    const store = this.#store
    this.#makeRoom()
    const fields = this.#fields
    const at = this.#count * FIELD.count
    fields[at + FIELD.keyLength] = store.keyLength(item)
    fields[at + FIELD.binaryKey] = store.isBinaryKey(item) ? 1 : 0
    fields[at + FIELD.exptime] = store.exptime(item)
    fields[at + FIELD.lastAccess] = store.lastAccess(item)
    fields[at + FIELD.casHigh] = store.casHigh(item) >>> 0
    fields[at + FIELD.casLow] = store.casLow(item) >>> 0
    fields[at + FIELD.fetched] = store.isFetched(item) ? 1 : 0
    fields[at + FIELD.sizeClass] = store.sizeClass(item)
    fields[at + FIELD.itemBytes] = store.itemBytes(item)
    fields[at + FIELD.valueLength] = store.valueLength(item)
    fields[at + FIELD.clientFlags] = store.clientFlags(item) >>> 0
    store.copyKey(item, this.#keys, this.#count * KEY_BYTES_MAX)
    this.#count++
  }

  /** Chains may be longer than usual while the index catches up with a burst of new items. */
  #makeRoom(): void {
    if ((this.#count + 1) * FIELD.count <= this.#fields.length) return
    const fields = new Float64Array(this.#fields.length * 2)
    fields.set(this.#fields)
    this.#fields = fields
    this.#keys = Buffer.concat([this.#keys, Buffer.alloc(this.#keys.length)])
  }

  #facts(index: number): ItemFacts {
    const field = (name: number): number => this.#fields[index * FIELD.count + name]!
    const keyStart = index * KEY_BYTES_MAX
    return {
      key: this.#keys.subarray(keyStart, keyStart + field(FIELD.keyLength)),
      binaryKey: field(FIELD.binaryKey) === 1,
      exptime: field(FIELD.exptime),
      lastAccess: field(FIELD.lastAccess),
      cas: (BigInt(field(FIELD.casHigh)) << 32n) | BigInt(field(FIELD.casLow)),
      fetched: field(FIELD.fetched) === 1,
      sizeClass: field(FIELD.sizeClass),
      itemBytes: field(FIELD.itemBytes),
      valueLength: field(FIELD.valueLength),
      clientFlags: field(FIELD.clientFlags),
    }
  }
}
