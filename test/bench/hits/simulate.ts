import { hashBytes } from '../../../src/base/hash.ts'
import type { StoreOptions } from '../../../src/store/store.ts'
import { createStoreMemory, PAGE_BYTES, Store } from '../../../src/store/store.ts'
import type { Trace } from './trace.ts'

/** Requests of one multiget; on the wire the misses of a window are set after all of its gets. */
export const WINDOW = 50
const VALUE_BYTES_MAX = 1_000_000

/** Keys `k<id>`, side by side in one buffer. */
export class Keys {
  readonly bytes: Buffer
  readonly starts: Int32Array

  constructor(distinct: number) {
    this.bytes = Buffer.alloc(distinct * 9 + 9)
    this.starts = new Int32Array(distinct + 1)
    let at = 0
    for (let id = 0; id < distinct; id++) {
      this.starts[id] = at
      at += this.bytes.write(`k${id}`, at, 'latin1')
    }
    this.starts[distinct] = at
  }
}

export interface Outcome {
  hits: number
  requests: number
  items: number
  store: Store
}

/** Replays a trace look-aside on a store in this process. */
export class Simulation {
  readonly #store: Store
  readonly #keys: Keys
  readonly #value: Buffer
  readonly #writer: ReturnType<Store['createWriter']>

  constructor(keys: Keys, options: StoreOptions) {
    this.#store = new Store(createStoreMemory(options))
    this.#store.now = 100
    this.#keys = keys
    this.#value = Buffer.alloc(VALUE_BYTES_MAX, 120)
    this.#writer = this.#store.createWriter()
  }

  run(trace: Trace): Outcome {
    const { ids, sizes } = trace
    const seen = new Int32Array(trace.distinct)
    const misses = new Int32Array(WINDOW)
    let hits = 0
    for (let from = 0; from < ids.length; from += WINDOW) {
      const end = Math.min(ids.length, from + WINDOW)
      const window = from + 1
      let missed = 0
      for (let at = from; at < end; at++) {
        const id = ids[at]!
        if (this.#get(id)) hits++
        else if (seen[id] === window) hits++
        else {
          seen[id] = window
          misses[missed++] = at
        }
      }
      for (let at = 0; at < missed; at++) {
        const request = misses[at]!
        this.#set(ids[request]!, sizes[request]!)
      }
    }
    const { items } = this.#store.figures()
    return { hits, requests: ids.length, items, store: this.#store }
  }

  #get(id: number): boolean {
    const store = this.#store
    const { bytes, starts } = this.#keys
    const start = starts[id]!
    const length = starts[id + 1]! - start
    const hash = hashBytes(store.hashSeed, bytes, start, start + length)
    store.lock(hash)
    const item = store.find(hash, bytes, start, length)
    if (item !== 0) store.hit(item)
    store.unlock(hash)
    return item !== 0
  }

  #set(id: number, size: number): void {
    const store = this.#store
    const { bytes, starts } = this.#keys
    const start = starts[id]!
    const length = starts[id + 1]! - start
    const hash = hashBytes(store.hashSeed, bytes, start, start + length)
    const large = size >= PAGE_BYTES
    const writer = this.#writer
    if (large && !(writer.begin(size) && writer.write(this.#value, 0, size))) {
      writer.abort()
      return
    }
    const room = store.lockForWrite(hash, store.recordBytes(length, size, 0))
    const old = store.find(hash, bytes, start, length)
    if (!room) {
      store.unlock(hash)
      if (large) writer.abort()
      return
    }
    const { draft } = store
    store.nextCas()
    draft.hash = hash
    draft.key = bytes
    draft.keyStart = start
    draft.keyLength = length
    draft.clientFlags = 0
    draft.exptime = 0
    draft.valueLength = size
    draft.casHigh = store.casNextHigh
    draft.casLow = store.casNextLow
    draft.binaryKey = false
    draft.stale = false
    draft.won = false
    draft.chain = large ? writer.chain : 0
    const item = store.replace(old, draft)
    if (large) writer.finish(item)
    else store.writeValue(item, 0, this.#value, 0, size)
    store.unlock(hash)
  }
}
