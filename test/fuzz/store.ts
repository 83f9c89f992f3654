import assert from 'node:assert/strict'
import { hashBytes } from '../../src/base/hash.ts'
import type { ChainReader, ChainWriter } from '../../src/store/store.ts'
import { createStoreMemory, PAGE_BYTES, RECORD_BYTES_MAX, Store } from '../../src/store/store.ts'
import { MIB, patterned, tinyOptions } from '../store/tiny-store.ts'

/**
 * A model-based fuzzer of the store. The model is a Map; the store tells it through onEvict what it
 * forgets, so the model is exact: whatever it holds and has not expired must be found, with exactly
 * the bytes stored last, and nothing else may be. check() walks the store every so often.
 */
export function run(seed: number, events: number): void {
  const fuzz = new StoreFuzz(seed)
  for (let event = 0; event < events; event++) fuzz.step()
  fuzz.finish()
}

interface ModelItem {
  length: number
  seed: number
  flags: number
  exptime: number
  casHigh: number
  casLow: number
}

interface Download {
  reader: ChainReader
  expected: Buffer
  at: number
}

interface Upload {
  writer: ChainWriter
  key: string
  seed: number
  value: Buffer
}

const STEPS_PER_CHECK = 500

/** A small generator (mulberry32): the same seed, the same run. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

class StoreFuzz {
  readonly #random: () => number
  readonly #store: Store
  readonly #model = new Map<string, ModelItem>()
  readonly #key = Buffer.alloc(250)
  readonly #scratch = Buffer.alloc(4 * MIB)
  readonly #evicts: boolean
  readonly #keyCount: number
  readonly #weights: [number, () => void][]
  readonly #weightSum: number
  readonly #downloads: Download[] = []
  readonly #uploads: Upload[] = []
  #memoryBytes: number
  #steps = 0
  #sizeBase = 0
  #paused = 0

  constructor(seed: number) {
    this.#random = createRandom(seed)
    this.#evicts = this.#below(4) !== 0
    this.#memoryBytes = [1, 2, 3, 4][this.#below(4)]! * MIB
    this.#keyCount = [20, 300, 5000, 40000][this.#below(4)]!
    const options = tinyOptions({
      memoryBytes: this.#memoryBytes,
      memoryBytesMax: 8 * MIB,
      evict: this.#evicts,
      casEnabled: this.#below(4) !== 0,
      policy: this.#below(2) === 0 ? 'lru' : 's3-fifo',
      promoteThreshold: 1 + this.#below(3),
      shardCount: [1, 1, 2, 4][this.#below(this.#memoryBytes > 2 * MIB ? 4 : 3)]!,
      hashSeed: seed,
    })
    this.#store = new Store(createStoreMemory(options))
    this.#store.now = 2
    this.#store.onEvict = (item) => this.#evicted(item)
    // Swarm testing: each run leaves some kinds of events out and stresses others.
    const weight = (): number => [0, 1, 4, 16][this.#below(4)]!
    this.#weights = [
      [10 + weight() * 8, () => this.#set(this.#below(300))],
      [weight() * 2, () => this.#set(this.#sizeBase + this.#below(64))],
      [weight(), () => this.#set(this.#below(PAGE_BYTES))],
      [weight(), () => this.#set(this.#largeLength())],
      [10 + weight() * 8, () => this.#get()],
      [weight() * 2, () => this.#remove()],
      [weight(), () => this.#touch()],
      [weight(), () => this.#setCas()],
      [weight(), () => this.#writeInPlace()],
      [weight() / 4, () => this.#advance()],
      [weight() / 16, () => this.#flush()],
      [weight() / 16, () => this.#resize()],
      [weight() / 2, () => this.#sweep()],
      [weight(), () => this.#download()],
      [weight(), () => this.#upload()],
      [weight() / 16, () => this.#togglePause()],
      [0.2, () => this.#dump()],
      [0.2, () => this.#changeSizes()],
    ]
    this.#weightSum = this.#weights.reduce((sum, [share]) => sum + share, 0)
  }

  step(): void {
    let pick = this.#random() * this.#weightSum
    for (const [share, event] of this.#weights) {
      pick -= share
      if (pick >= 0) continue
      event()
      break
    }
    if (++this.#steps % STEPS_PER_CHECK === 0) this.#check()
  }

  finish(): void {
    while (this.#downloads.length > 0) this.#closeDownload(0)
    for (const upload of this.#uploads) upload.writer.abort()
    this.#uploads.length = 0
    this.#dump()
    assert.equal(this.#store.check(), 0, 'no page is left behind')
    for (const key of [...this.#model.keys()]) this.#getKey(key)
    for (const key of [...this.#model.keys()]) this.#removeKey(key)
    while (this.#paused > 0) this.#togglePause()
    // What is left is expired or flushed, and the sweep takes all of it back.
    this.#store.now += 1000
    while (this.#store.sweep(1e6) > 0) {}
    const { items, segmentsTemp, segmentsSmall, segmentsMain } = this.#store.figures()
    assert.equal(items, 0)
    assert.ok(segmentsTemp + segmentsSmall + segmentsMain <= this.#store.shardCount * 3)
    this.#store.check()
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound)
  }

  #anyKey(): string {
    // Skewed: some keys are hot.
    const rank = Math.floor(this.#random() ** 2 * this.#keyCount)
    return `key-${rank}-${'x'.repeat(rank % 17)}`
  }

  #hash(key: string): number {
    return hashBytes(this.#store.hashSeed, this.#key, 0, this.#key.write(key, 'latin1'))
  }

  #find(hash: number, key: string): number {
    return this.#store.find(hash, this.#key, 0, key.length)
  }

  #largeLength(): number {
    const most = Math.floor(this.#memoryBytes / (this.#below(8) === 0 ? 2 : 16))
    return PAGE_BYTES + this.#below(Math.max(1, most - PAGE_BYTES))
  }

  #exptime(): number {
    const kind = this.#below(8)
    if (kind < 4) return 0
    if (kind === 4) return 1
    return this.#store.now + 1 + this.#below(kind === 5 ? 500 : 60)
  }

  /** Live by the model; forgets what is over. */
  #live(key: string): ModelItem | null {
    const item = this.#model.get(key)
    if (item === undefined) return null
    if (item.exptime === 0 || item.exptime > this.#store.now) return item
    this.#model.delete(key)
    return null
  }

  #evicted(item: number): void {
    const key = this.#keyOf(item)
    assert.ok(this.#evicts, 'nothing is evicted when evictions are off')
    assert.ok(this.#live(key) !== null, `what is evicted was live: ${key}`)
    this.#model.delete(key)
  }

  #keyOf(item: number): string {
    const key = Buffer.alloc(250)
    this.#store.copyKey(item, key, 0)
    return key.toString('latin1', 0, this.#store.keyLength(item))
  }

  #set(length: number): void {
    const key = this.#anyKey()
    const value = patterned(length, this.#steps)
    if (length < PAGE_BYTES) {
      this.#store_(key, value, null)
      return
    }
    const writer = this.#store.createWriter()
    if (!writer.begin(length)) {
      this.#refused(false)
      return
    }
    for (let at = 0; at < length; ) {
      const part = Math.min(length - at, 1 + this.#below(40000))
      if (!writer.write(value, at, at + part)) {
        this.#refused(false)
        return
      }
      at += part
    }
    this.#store_(key, value, writer)
  }

  /** No memory: only when evictions are off, or others hold what cannot be evicted. */
  #refused(small: boolean): void {
    const held = this.#downloads.length + this.#uploads.length > 0
    assert.ok(!this.#evicts || held, 'no memory although there was something to evict')
    // A refused upload has given its pages back already.
    if (!small) return
    const { segmentsUsed, segmentsLimit } = this.#store.figures()
    assert.ok(segmentsUsed >= segmentsLimit, 'no memory although the limit is not reached')
  }

  #store_(key: string, value: Buffer, writer: ChainWriter | null, seed = this.#steps): void {
    const store = this.#store
    const hash = this.#hash(key)
    const flags = this.#below(3) === 0 ? 0xfffffff0 : 0
    const room = store.lockForWrite(hash, store.recordBytes(key.length, value.length, flags))
    const old = this.#find(hash, key)
    assert.equal(old !== 0, this.#live(key) !== null, `find before set of ${key}`)
    if (!room) {
      store.unlock(hash)
      writer?.abort()
      this.#refused(writer === null)
      return
    }
    const wide = this.#below(8) === 0
    store.nextCas()
    const { draft } = store
    draft.hash = hash
    draft.key = this.#key
    draft.keyStart = 0
    draft.keyLength = key.length
    draft.clientFlags = flags
    draft.exptime = this.#exptime()
    draft.valueLength = value.length
    draft.casHigh = wide ? 0xffffffff : store.casNextHigh
    draft.casLow = store.casNextLow
    draft.binaryKey = false
    draft.stale = this.#below(8) === 0
    draft.won = false
    draft.chain = writer === null ? 0 : writer.chain
    const item = store.replace(old, draft)
    if (writer === null) store.writeValue(item, 0, value, 0, value.length)
    else writer.finish(item)
    assert.equal(store.isStale(item), draft.stale)
    store.unlock(hash)
    this.#model.set(key, {
      length: value.length,
      seed,
      flags,
      exptime: draft.exptime,
      casHigh: draft.casHigh,
      casLow: draft.casLow,
    })
  }

  #get(): void {
    this.#getKey(this.#anyKey())
  }

  #getKey(key: string): void {
    const store = this.#store
    const hash = this.#hash(key)
    store.lock(hash)
    const item = this.#find(hash, key)
    const expected = this.#live(key)
    assert.equal(item !== 0, expected !== null, `find of ${key}`)
    if (expected !== null) {
      this.#compare(item, expected)
      if (this.#below(2) === 0) store.hit(item)
    }
    store.unlock(hash)
  }

  #compare(item: number, expected: ModelItem): void {
    const store = this.#store
    assert.equal(store.valueLength(item), expected.length)
    assert.equal(store.clientFlags(item), expected.flags)
    assert.equal(store.exptime(item), expected.exptime)
    assert.equal(store.casHigh(item), expected.casHigh)
    assert.equal(store.casLow(item), expected.casLow)
    assert.equal(store.isLarge(item), expected.length >= PAGE_BYTES)
    const value = patterned(expected.length, expected.seed)
    store.copyValue(item, this.#scratch, 5)
    assert.ok(value.equals(this.#scratch.subarray(5, 5 + expected.length)), 'the bytes stored last')
    const from = this.#below(expected.length + 1)
    const length = this.#below(expected.length - from + 1)
    store.copyValueRange(item, from, length, this.#scratch, 0)
    assert.ok(value.subarray(from, from + length).equals(this.#scratch.subarray(0, length)))
  }

  #remove(): void {
    this.#removeKey(this.#anyKey())
  }

  #removeKey(key: string): void {
    const hash = this.#hash(key)
    this.#store.lock(hash)
    const item = this.#find(hash, key)
    assert.equal(item !== 0, this.#live(key) !== null)
    if (item !== 0) this.#store.remove(item)
    this.#store.unlock(hash)
    this.#model.delete(key)
  }

  #touch(): void {
    const key = this.#anyKey()
    const hash = this.#hash(key)
    this.#store.lock(hash)
    const item = this.#find(hash, key)
    const expected = this.#live(key)
    if (item !== 0 && expected !== null) {
      expected.exptime = this.#exptime()
      this.#store.setExptime(item, expected.exptime)
    }
    this.#store.unlock(hash)
  }

  #setCas(): void {
    const store = this.#store
    const key = this.#anyKey()
    const hash = this.#hash(key)
    const room = store.lockForWrite(hash, RECORD_BYTES_MAX)
    const item = this.#find(hash, key)
    const expected = this.#live(key)
    if (item !== 0 && expected !== null) {
      const high = this.#below(2) === 0 ? 0x80000001 : 0x8001
      const moved = store.setCas(item, high, 0xfffffffe)
      assert.ok(moved !== 0 || (!room && high > 0xffff), 'a CAS finds room when it was reserved')
      if (moved !== 0) {
        expected.casHigh = high
        expected.casLow = 0xfffffffe
        this.#compare(moved, expected)
      }
    }
    store.unlock(hash)
  }

  /** As incr does: new bytes of the same length, into the record as it is. */
  #writeInPlace(): void {
    const key = this.#anyKey()
    const hash = this.#hash(key)
    this.#store.lock(hash)
    const item = this.#find(hash, key)
    const expected = this.#live(key)
    if (item !== 0 && expected !== null && expected.length < PAGE_BYTES) {
      expected.seed = this.#steps
      const value = patterned(expected.length, expected.seed)
      this.#store.writeValue(item, 0, value, 0, value.length)
    }
    this.#store.unlock(hash)
  }

  #advance(): void {
    this.#store.now += 1 + this.#below(20)
  }

  #flush(): void {
    this.#store.flush()
    this.#model.clear()
  }

  #resize(): void {
    const bytes = [1, 2, 3, 5, 7][this.#below(5)]! * MIB
    assert.ok(this.#store.resize(bytes))
    this.#memoryBytes = bytes
    const { segmentsUsed, segmentsLimit } = this.#store.figures()
    const held = this.#downloads.length + this.#uploads.length > 0
    assert.ok(!this.#evicts || held || segmentsUsed <= segmentsLimit, 'the new limit holds')
  }

  #sweep(): void {
    this.#store.sweep(1e6)
    // Twice round: the first may have stopped in the middle of a segment.
    this.#store.sweep(1e6)
  }

  #download(): void {
    const index = this.#below(6)
    if (index < this.#downloads.length) {
      const download = this.#downloads[index]!
      this.#read(download, this.#below(30000))
      if (this.#below(4) === 0) this.#closeDownload(index)
      return
    }
    const key = this.#anyKey()
    const hash = this.#hash(key)
    this.#store.lock(hash)
    const item = this.#find(hash, key)
    const expected = this.#live(key)
    if (item !== 0 && expected !== null) {
      const reader = this.#store.createReader()
      reader.open(this.#store, item)
      this.#downloads.push({ reader, expected: patterned(expected.length, expected.seed), at: 0 })
    }
    this.#store.unlock(hash)
  }

  #read(download: Download, max: number): void {
    const length = download.reader.read(this.#scratch, 0, max)
    const expected = download.expected.subarray(download.at, download.at + length)
    assert.ok(this.#scratch.subarray(0, length).equals(expected), 'a download is a snapshot')
    download.at += length
    assert.equal(download.reader.remaining, download.expected.length - download.at)
  }

  #closeDownload(index: number): void {
    const [download] = this.#downloads.splice(index, 1)
    if (this.#below(2) === 0) this.#read(download!, MIB * 4)
    download!.reader.close()
  }

  #upload(): void {
    const index = this.#below(3)
    const upload = this.#uploads[index]
    if (upload === undefined) {
      const value = patterned(PAGE_BYTES + this.#below(this.#memoryBytes / 8), this.#steps)
      const writer = this.#store.createWriter()
      if (!writer.begin(value.length)) this.#refused(false)
      else this.#uploads.push({ writer, key: this.#anyKey(), seed: this.#steps, value })
      return
    }
    const { writer, value } = upload
    const left = value.length - writer.received
    if (left === 0 || this.#below(8) === 0) {
      this.#uploads.splice(index, 1)
      if (left === 0) this.#store_(upload.key, value, writer, upload.seed)
      else writer.abort()
      return
    }
    const part = Math.min(left, 1 + this.#below(60000))
    if (writer.write(value, writer.received, writer.received + part)) return
    this.#uploads.splice(index, 1)
    this.#refused(false)
  }

  #togglePause(): void {
    if (this.#paused > 0) this.#store.resumeGrowth()
    else this.#store.pauseGrowth()
    this.#paused = 1 - this.#paused
  }

  #changeSizes(): void {
    this.#sizeBase = this.#below(2) === 0 ? 0 : this.#below(8000)
  }

  /** Walks all buckets; each item is in the model, and nothing of the model is missing. */
  #dump(): void {
    for (const key of [...this.#model.keys()]) this.#live(key)
    assert.equal(this.#dumpCount(), this.#model.size, 'the dump has every live item')
  }

  #dumpCount(): number {
    let count = 0
    for (let shard = 0; shard < this.#store.shardCount; shard++) {
      for (let bucket = 0; bucket !== -1; ) {
        bucket = this.#store.dumpBuckets(shard, bucket, 100, (item) => {
          count++
          assert.ok(this.#live(this.#keyOf(item)) !== null, 'a dumped item is live')
        })
      }
    }
    return count
  }

  #check(): void {
    this.#store.check()
    const { segmentsUsed, segmentsLimit, items } = this.#store.figures()
    assert.ok(items >= this.#model.size - this.#expiredInModel())
    const held = this.#downloads.length + this.#uploads.length > 0
    assert.ok(!this.#evicts || held || segmentsUsed <= segmentsLimit, 'the limit holds')
  }

  #expiredInModel(): number {
    let count = 0
    for (const item of this.#model.values()) {
      if (item.exptime !== 0 && item.exptime <= this.#store.now) count++
    }
    return count
  }
}
