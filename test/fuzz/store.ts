import assert from 'node:assert/strict'
import type { ChainReader, ChainWriter, StoreOptions } from '../../src/store/store.ts'
import { createStoreMemory, PAGE_BYTES, RECORD_BYTES_MAX, Store } from '../../src/store/store.ts'
import { MIB, patterned, tinyOptions } from '../store/tiny-store.ts'
import { createRandom, StoreModel } from './store-model.ts'

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

function chooseOptions(random: () => number, seed: number): StoreOptions {
  const below = (bound: number): number => Math.floor(random() * bound)
  const memoryBytes = (1 + below(4)) * MIB
  return tinyOptions({
    memoryBytes,
    memoryBytesMax: 8 * MIB,
    evict: below(4) !== 0,
    casEnabled: below(4) !== 0,
    policy: below(2) === 0 ? 'lru' : 's3-fifo',
    promoteThreshold: 1 + below(3),
    shardCount: [1, 1, 2, 4][below(memoryBytes > 2 * MIB ? 4 : 3)]!,
    hashSeed: seed,
  })
}

class StoreFuzz extends StoreModel {
  readonly #keyCount: number
  readonly #weights: [number, () => void][]
  readonly #weightSum: number
  readonly #downloads: Download[] = []
  readonly #uploads: Upload[] = []
  #memoryBytes: number
  #sizeBase = 0
  #paused = 0

  constructor(seed: number) {
    const random = createRandom(seed)
    const options = chooseOptions(random, seed)
    super(new Store(createStoreMemory(options)), random, options.evict)
    this.store.now = 2
    this.#memoryBytes = options.memoryBytes
    this.#keyCount = [20, 300, 5000, 40000][this.below(4)]!
    // Swarm testing: each run leaves some kinds of events out and stresses others.
    const weight = (): number => [0, 1, 4, 16][this.below(4)]!
    this.#weights = [
      [10 + weight() * 8, () => this.#set(this.below(300))],
      [weight() * 2, () => this.#set(this.#sizeBase + this.below(64))],
      [weight(), () => this.#set(this.below(PAGE_BYTES))],
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
    let pick = this.random() * this.#weightSum
    for (const [share, event] of this.#weights) {
      pick -= share
      if (pick >= 0) continue
      event()
      break
    }
    if (++this.steps % STEPS_PER_CHECK === 0) this.#check()
  }

  finish(): void {
    while (this.#downloads.length > 0) this.#closeDownload(0)
    for (const upload of this.#uploads) upload.writer.abort()
    this.held = 0
    this.#uploads.length = 0
    this.#dump()
    assert.equal(this.store.check(), 0, 'no page is left behind')
    for (const key of [...this.items.keys()]) this.#getKey(key)
    for (const key of [...this.items.keys()]) this.#removeKey(key)
    while (this.#paused > 0) this.#togglePause()
    // What is left is expired or flushed, and the sweep takes all of it back.
    this.store.now += 1000
    while (this.store.sweep.run(1e6) > 0) {}
    const { items, segmentsTemp, segmentsSmall, segmentsMain } = this.store.figures()
    assert.equal(items, 0)
    assert.ok(segmentsTemp + segmentsSmall + segmentsMain <= this.store.shardCount * 3)
    this.store.check()
  }

  #anyKey(): string {
    // Skewed: some keys are hot.
    const rank = Math.floor(this.random() ** 2 * this.#keyCount)
    return `key-${rank}-${'x'.repeat(rank % 17)}`
  }

  #largeLength(): number {
    const most = Math.floor(this.#memoryBytes / (this.below(8) === 0 ? 2 : 16))
    return PAGE_BYTES + this.below(Math.max(1, most - PAGE_BYTES))
  }

  #set(length: number): void {
    const key = this.#anyKey()
    const value = patterned(length, this.steps)
    if (length < PAGE_BYTES) {
      this.put(key, value, null)
      return
    }
    const writer = this.store.createWriter()
    if (!writer.begin(length)) {
      this.refused(false)
      return
    }
    for (let at = 0; at < length; ) {
      const part = Math.min(length - at, 1 + this.below(40000))
      if (!writer.write(value, at, at + part)) {
        this.refused(false)
        return
      }
      at += part
    }
    this.put(key, value, writer)
  }

  #get(): void {
    this.#getKey(this.#anyKey())
  }

  #getKey(key: string): void {
    const store = this.store
    const hash = this.hash(key)
    store.lock(hash)
    const item = this.find(hash, key)
    const expected = this.live(key)
    assert.equal(item !== 0, expected !== null, `find of ${key}`)
    if (expected !== null) {
      this.compare(item, expected)
      if (this.below(2) === 0) store.hit(item)
    }
    store.unlock(hash)
  }

  #remove(): void {
    this.#removeKey(this.#anyKey())
  }

  #removeKey(key: string): void {
    const hash = this.hash(key)
    this.store.lock(hash)
    const item = this.find(hash, key)
    assert.equal(item !== 0, this.live(key) !== null)
    if (item !== 0) this.store.remove(item)
    this.store.unlock(hash)
    this.items.delete(key)
  }

  #touch(): void {
    const key = this.#anyKey()
    const hash = this.hash(key)
    this.store.lock(hash)
    const item = this.find(hash, key)
    const expected = this.live(key)
    if (item !== 0 && expected !== null) {
      expected.exptime = this.exptime()
      this.store.setExptime(item, expected.exptime)
    }
    this.store.unlock(hash)
  }

  #setCas(): void {
    const store = this.store
    const key = this.#anyKey()
    const hash = this.hash(key)
    const room = store.lockForWrite(hash, RECORD_BYTES_MAX)
    const item = this.find(hash, key)
    const expected = this.live(key)
    if (item !== 0 && expected !== null) {
      const high = this.below(2) === 0 ? 0x80000001 : 0x8001
      const moved = store.setCas(item, high, 0xfffffffe)
      assert.ok(moved !== 0 || (!room && high > 0xffff), 'a CAS finds room when it was reserved')
      if (moved !== 0) {
        expected.casHigh = high
        expected.casLow = 0xfffffffe
        this.compare(moved, expected)
      }
    }
    store.unlock(hash)
  }

  /** As incr does: new bytes of the same length, into the record as it is. */
  #writeInPlace(): void {
    const key = this.#anyKey()
    const hash = this.hash(key)
    this.store.lock(hash)
    const item = this.find(hash, key)
    const expected = this.live(key)
    if (item !== 0 && expected !== null && expected.length < PAGE_BYTES) {
      expected.seed = this.steps
      const value = patterned(expected.length, expected.seed)
      this.store.writeValue(item, 0, value, 0, value.length)
    }
    this.store.unlock(hash)
  }

  #advance(): void {
    this.store.now += 1 + this.below(20)
  }

  #flush(): void {
    this.store.flush()
    this.items.clear()
  }

  #resize(): void {
    const bytes = [1, 2, 3, 5, 7][this.below(5)]! * MIB
    assert.ok(this.store.resize(bytes))
    this.#memoryBytes = bytes
    const freed = this.store.shrink(1e9)
    assert.ok(freed || !this.evicts || this.held > 0, 'there is something to evict')
    assert.equal(this.store.isOverLimit, !freed, 'the new limit holds')
  }

  #sweep(): void {
    this.store.sweep.run(1e6)
    // Twice round: the first may have stopped in the middle of a segment.
    this.store.sweep.run(1e6)
  }

  #download(): void {
    const index = this.below(6)
    if (index < this.#downloads.length) {
      const download = this.#downloads[index]!
      this.#read(download, this.below(30000))
      if (this.below(4) === 0) this.#closeDownload(index)
      return
    }
    const key = this.#anyKey()
    const hash = this.hash(key)
    this.store.lock(hash)
    const item = this.find(hash, key)
    const expected = this.live(key)
    if (item !== 0 && expected !== null) {
      const reader = this.store.createReader()
      reader.open(this.store, item)
      this.held++
      this.#downloads.push({ reader, expected: patterned(expected.length, expected.seed), at: 0 })
    }
    this.store.unlock(hash)
  }

  #read(download: Download, max: number): void {
    const length = download.reader.read(this.scratch, 0, max)
    const expected = download.expected.subarray(download.at, download.at + length)
    assert.ok(this.scratch.subarray(0, length).equals(expected), 'a download is a snapshot')
    download.at += length
    assert.equal(download.reader.remaining, download.expected.length - download.at)
  }

  #closeDownload(index: number): void {
    const [download] = this.#downloads.splice(index, 1)
    this.held--
    if (this.below(2) === 0) this.#read(download!, MIB * 4)
    download!.reader.close()
  }

  #upload(): void {
    const index = this.below(3)
    const upload = this.#uploads[index]
    if (upload === undefined) {
      const value = patterned(PAGE_BYTES + this.below(this.#memoryBytes / 8), this.steps)
      const writer = this.store.createWriter()
      if (!writer.begin(value.length)) this.refused(false)
      else {
        this.held++
        this.#uploads.push({ writer, key: this.#anyKey(), seed: this.steps, value })
      }
      return
    }
    const { writer, value } = upload
    const left = value.length - writer.received
    if (left === 0 || this.below(8) === 0) {
      this.#dropUpload(index)
      if (left === 0) this.put(upload.key, value, writer, upload.seed)
      else writer.abort()
      return
    }
    const part = Math.min(left, 1 + this.below(60000))
    if (writer.write(value, writer.received, writer.received + part)) return
    this.#dropUpload(index)
    this.refused(false)
  }

  #dropUpload(index: number): void {
    this.#uploads.splice(index, 1)
    this.held--
  }

  #togglePause(): void {
    if (this.#paused > 0) this.store.pauseGrowth(-1)
    else this.store.pauseGrowth(1)
    this.#paused = 1 - this.#paused
  }

  #changeSizes(): void {
    this.#sizeBase = this.below(2) === 0 ? 0 : this.below(8000)
  }

  /** Walks all buckets; each item is in the model, and nothing of the model is missing. */
  #dump(): void {
    for (const key of [...this.items.keys()]) this.live(key)
    assert.equal(this.#dumpCount(), this.items.size, 'the dump has every live item')
  }

  #dumpCount(): number {
    let count = 0
    for (let shard = 0; shard < this.store.shardCount; shard++) {
      for (let bucket = 0; bucket !== -1; ) {
        bucket = this.store.dumpBuckets(shard, bucket, 100, (item) => {
          count++
          assert.ok(this.live(this.keyOf(item)) !== null, 'a dumped item is live')
        })
      }
    }
    return count
  }

  #check(): void {
    this.store.check()
    const { segmentsUsed, segmentsLimit, items } = this.store.figures()
    assert.ok(items >= this.items.size - this.#expiredInModel())
    assert.ok(!this.evicts || this.held > 0 || segmentsUsed <= segmentsLimit, 'the limit holds')
  }

  #expiredInModel(): number {
    let count = 0
    for (const item of this.items.values()) {
      if (item.exptime !== 0 && item.exptime <= this.store.now) count++
    }
    return count
  }
}
