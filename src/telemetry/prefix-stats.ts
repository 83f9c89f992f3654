import { hashBytes } from '../base/hash.ts'

/** Prefixes one worker can count; what comes later is not counted. */
export const PREFIX_COUNT_MAX = 4096

/**
 * `stats detail`: commands by key prefix, that is by what stands before the first delimiter.
 *
 * One table per worker in shared memory. Only its worker writes it and any thread may read it, so a
 * dump needs no messages: it adds up all tables (PrefixReader). A reset raises the epoch in the head
 * of the region; each worker empties its own table when it next counts, and until then readers pass
 * over the tables of an older epoch.
 *
 *   region: words 0 epoch, to 63 bytes | table of worker 0 | table of worker 1 | …
 *   table:  words 0 epoch · 1 entries, to 64 bytes | entries
 *   entry:  doubles 0 gets · 1 hits · 2 sets · 3 deletes | byte 32 length | bytes 33… prefix
 *
 * Call the record methods only while context.prefixStatsOn.
 */
export class PrefixStats {
  readonly #delimiter: number
  readonly #epoch: Int32Array
  readonly #head: Int32Array
  readonly #counts: Float64Array
  readonly #bytes: Uint8Array
  /** Entry number + 1 by hash, 0 for none: open addressing, at most half full. */
  readonly #index: Uint16Array

  /** @param delimiter byte that ends a prefix (-D) */
  constructor(shared: SharedArrayBuffer, worker: number, delimiter: number) {
    const start = HEAD_BYTES + worker * TABLE_BYTES
    const entries = start + HEAD_BYTES
    this.#delimiter = delimiter
    this.#epoch = new Int32Array(shared, 0, 1)
    this.#head = new Int32Array(shared, start, 2)
    this.#counts = new Float64Array(shared, entries, (PREFIX_COUNT_MAX * ENTRY_BYTES) / 8)
    this.#bytes = new Uint8Array(shared, entries, PREFIX_COUNT_MAX * ENTRY_BYTES)
    this.#index = new Uint16Array(INDEX_LENGTH)
  }

  /** One key of get, gets, gat or gats. */
  recordGet(buffer: Uint8Array, keyStart: number, keyLength: number, hit: boolean): void {
    const entry = this.#entry(buffer, keyStart, keyLength)
    if (entry < 0) return
    this.#add(entry, COUNT.gets)
    if (hit) this.#add(entry, COUNT.hits)
  }

  /** A storage command, whatever came of it. */
  recordSet(buffer: Uint8Array, keyStart: number, keyLength: number): void {
    const entry = this.#entry(buffer, keyStart, keyLength)
    if (entry >= 0) this.#add(entry, COUNT.sets)
  }

  /** A delete, whether or not there was an item. */
  recordDelete(buffer: Uint8Array, keyStart: number, keyLength: number): void {
    const entry = this.#entry(buffer, keyStart, keyLength)
    if (entry >= 0) this.#add(entry, COUNT.deletes)
  }

  #add(entry: number, count: number): void {
    const at = (entry * ENTRY_BYTES) / 8 + count
    this.#counts[at] = (this.#counts[at] as number) + 1
  }

  /** The entry of the key's prefix, made if need be; -1 without delimiter or without room. */
  #entry(buffer: Uint8Array, keyStart: number, keyLength: number): number {
    const keyEnd = keyStart + keyLength
    let end = keyStart
    while (end < keyEnd && buffer[end] !== this.#delimiter) end++
    if (end === keyEnd) return -1
    if (this.#head[HEAD.epoch] !== this.#epoch[0]) this.#empty()
    const index = this.#index
    let slot = hashBytes(0, buffer, keyStart, end) & (INDEX_LENGTH - 1)
    while (index[slot] !== 0) {
      const entry = (index[slot] as number) - 1
      if (this.#holds(entry, buffer, keyStart, end)) return entry
      slot = (slot + 1) & (INDEX_LENGTH - 1)
    }
    const entry = this.#head[HEAD.entries] as number
    if (entry === PREFIX_COUNT_MAX) return -1
    this.#write(entry, buffer, keyStart, end)
    index[slot] = entry + 1
    return entry
  }

  #holds(entry: number, buffer: Uint8Array, start: number, end: number): boolean {
    const bytes = this.#bytes
    const at = entry * ENTRY_BYTES + LENGTH_OFFSET
    if (bytes[at] !== end - start) return false
    for (let offset = start; offset < end; offset++) {
      if (bytes[at + 1 + offset - start] !== buffer[offset]) return false
    }
    return true
  }

  /** Fills a new entry and publishes it: the count of entries is raised last. */
  #write(entry: number, buffer: Uint8Array, start: number, end: number): void {
    const at = entry * ENTRY_BYTES
    for (let count = 0; count < COUNT.total; count++) this.#counts[at / 8 + count] = 0
    this.#bytes[at + LENGTH_OFFSET] = end - start
    for (let offset = start; offset < end; offset++) {
      this.#bytes[at + LENGTH_OFFSET + 1 + offset - start] = buffer[offset] as number
    }
    Atomics.store(this.#head, HEAD.entries, entry + 1)
  }

  #empty(): void {
    this.#index.fill(0)
    Atomics.store(this.#head, HEAD.entries, 0)
    Atomics.store(this.#head, HEAD.epoch, this.#epoch[0] as number)
  }
}

export interface PrefixFigures {
  readonly prefix: Buffer
  gets: number
  hits: number
  sets: number
  deletes: number
}

/** Reads and resets the tables of all workers, from any thread. */
export class PrefixReader {
  readonly #shared: SharedArrayBuffer
  readonly #workers: number

  constructor(shared: SharedArrayBuffer, workers: number) {
    this.#shared = shared
    this.#workers = workers
  }

  /** Sums over all workers, in the order in which the prefixes were first seen. */
  read(): PrefixFigures[] {
    const merged = new Map<string, PrefixFigures>()
    for (let worker = 0; worker < this.#workers; worker++) this.#readTable(worker, merged)
    return [...merged.values()]
  }

  reset(): void {
    Atomics.add(new Int32Array(this.#shared, 0, 1), 0, 1)
  }

  #readTable(worker: number, merged: Map<string, PrefixFigures>): void {
    const start = HEAD_BYTES + worker * TABLE_BYTES
    const head = new Int32Array(this.#shared, start, 2)
    const epoch = Atomics.load(new Int32Array(this.#shared, 0, 1), 0)
    if (Atomics.load(head, HEAD.epoch) !== epoch) return
    const entries = Atomics.load(head, HEAD.entries)
    for (let entry = 0; entry < entries; entry++) {
      const at = start + HEAD_BYTES + entry * ENTRY_BYTES
      const counts = new Float64Array(this.#shared, at, COUNT.total)
      const bytes = new Uint8Array(this.#shared, at + LENGTH_OFFSET, ENTRY_BYTES - LENGTH_OFFSET)
      const prefix = Buffer.from(bytes.slice(1, 1 + (bytes[0] as number)))
      const name = prefix.toString('latin1')
      const figures = merged.get(name) ?? { prefix, gets: 0, hits: 0, sets: 0, deletes: 0 }
      merged.set(name, figures)
      figures.gets += counts[COUNT.gets] as number
      figures.hits += counts[COUNT.hits] as number
      figures.sets += counts[COUNT.sets] as number
      figures.deletes += counts[COUNT.deletes] as number
    }
  }
}

export function createPrefixTables(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + workers * TABLE_BYTES)
}

const COUNT = { gets: 0, hits: 1, sets: 2, deletes: 3, total: 4 } as const
const HEAD = { epoch: 0, entries: 1 } as const
const HEAD_BYTES = 64
const LENGTH_OFFSET = 32
/** The counts, the length, and a prefix of up to 249 bytes, in whole doubles. */
const ENTRY_BYTES = 288
const TABLE_BYTES = HEAD_BYTES + PREFIX_COUNT_MAX * ENTRY_BYTES
const INDEX_LENGTH = 2 * PREFIX_COUNT_MAX
