import { assert } from '../base/assert.ts'
import * as L from './layout.ts'

export interface StoreOptions {
  readonly memoryBytes: number
  /** How far resize() may go without growStoreMemory, rounded up to whole arenas of a GiB. */
  readonly memoryBytesMax?: number
  readonly evict: boolean
  readonly casEnabled: boolean
  readonly policy: 'lru' | 's3-fifo'
  /** s3-fifo: hits that promote out of the small log, 1..3. */
  readonly promoteThreshold: number
  readonly itemBytesMax: number
  /** Tests only: a power of two up to 32. */
  readonly shardCount?: number
  readonly hashSeed: number
}

/** Structured-cloneable: goes into workerData. */
export interface StoreMemory {
  readonly options: StoreOptions
  readonly shardCount: number
  readonly tables: SharedArrayBuffer
  readonly figures: SharedArrayBuffer
  readonly arenas: readonly SharedArrayBuffer[]
}

/** Below this a store cannot hold an index, its open segments and a spare for each log. */
const SEGMENTS_MIN = 16
/** A shard with less has no room for logs of a sensible length. */
const SHARD_SEGMENTS_MIN = 16
const SHARDS_SMALL = 8
const LARGE_STORE_BYTES = 2 ** 30

/**
 * Reserves everything. Shared memory is committed by the kernel when it is first touched, so the
 * tables are sized for the largest store there can be and cost nothing until used.
 */
export function createMemory(options: StoreOptions): StoreMemory {
  const limit = limitSegments(options.memoryBytes)
  const bytesMax = Math.max(limit * L.SEGMENT_BYTES, options.memoryBytesMax ?? L.ARENA_BYTES / 2)
  const shardCount = options.shardCount ?? shardCountFor(options.memoryBytes)
  assert(shardCount >= 1 && shardCount <= L.SHARD_COUNT_MAX, 'shard count')
  assert((shardCount & (shardCount - 1)) === 0, 'shard count is a power of two')
  const tables = sparseMemory(L.TABLE_WORDS * 4)
  const figures = new SharedArrayBuffer(shardCount * L.FIGURE_DOUBLES * 8)
  const arenas = withArenas([], bytesMax)
  const words = new Int32Array(tables)
  words[L.POOL_CAPACITY] = capacityOf(arenas)
  words[L.POOL_LIMIT] = Math.min(limit, capacityOf(arenas))
  words[L.POOL_TARGET] = words[L.POOL_LIMIT]
  words[L.POOL_FRESH] = 1
  words[L.POOL_CHAIN_FRESH] = 1
  const memory = { options, shardCount, tables, figures, arenas }
  for (let shard = 0; shard < shardCount; shard++) startShard(words, shard, options)
  return memory
}

/** The same memory with more arenas, for a limit of `bytes`. What exists stays where it is. */
export function growMemory(memory: StoreMemory, bytes: number): StoreMemory {
  return { ...memory, arenas: withArenas(memory.arenas, bytes) }
}

/** Segments that may be in use under a limit of `bytes`. */
export function limitSegments(bytes: number): number {
  const segments = Math.floor(bytes / L.SEGMENT_BYTES)
  return Math.min(Math.max(segments, SEGMENTS_MIN), L.SEGMENT_COUNT_MAX - 1)
}

/** Usable segments of these arenas: all but segment 0. */
export function capacityOf(arenas: readonly SharedArrayBuffer[]): number {
  let segments = 0
  for (const arena of arenas) segments += arena.byteLength / L.SEGMENT_BYTES
  return segments - 1
}

/** One thread's typed arrays over the memory; every part of the store holds the same one. */
export class Views {
  readonly memory: StoreMemory
  readonly tables: Int32Array
  readonly figures: Float64Array
  readonly words: Int32Array[]
  readonly bytes: Buffer[]
  readonly shardCount: number
  readonly shardMask: number
  readonly casEnabled: boolean
  /** The relative second; Store.now. */
  now: number
  /** 1 while this thread holds a shard's lock: then no other lock may be taken. */
  held: number
  /**
   * What this thread freed under a shard's lock and gives back to the pool after it: lists of
   * segments (SEGMENT_NEXT), chains (CHAIN_NEXT) and loose pages (PAGE_NEXT).
   */
  owedSegments: number
  owedChains: number
  owedPages: number

  constructor(memory: StoreMemory) {
    this.memory = memory
    this.tables = new Int32Array(memory.tables)
    this.figures = new Float64Array(memory.figures)
    this.words = []
    this.bytes = []
    this.shardCount = memory.shardCount
    this.shardMask = memory.shardCount - 1
    this.casEnabled = memory.options.casEnabled
    this.now = 0
    this.held = 0
    this.owedSegments = 0
    this.owedChains = 0
    this.owedPages = 0
    this.attach(memory)
  }

  /** Views over arenas that are new. The old ones are the same memory. */
  attach(memory: StoreMemory): void {
    for (let index = this.words.length; index < memory.arenas.length; index++) {
      const arena = memory.arenas[index] as SharedArrayBuffer
      this.words.push(new Int32Array(arena))
      this.bytes.push(Buffer.from(arena))
    }
  }
}

/**
 * Shared memory of which little is touched, here and there. A SharedArrayBuffer comes from malloc,
 * which may ask for huge pages (see launch.ts), and then each place that is touched costs 2 MiB;
 * WebAssembly's memory does not.
 */
function sparseMemory(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / WEB_ASSEMBLY_PAGE_BYTES)
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer
  } catch {
    // Switched off, or no address space for its guards.
    return new SharedArrayBuffer(bytes)
  }
}

const WEB_ASSEMBLY_PAGE_BYTES = 65536

/** Of the language's types only a browser's have this; so much of it is used here. */
declare const WebAssembly: {
  readonly Memory: new (size: {
    initial: number
    maximum: number
    shared: true
  }) => { readonly buffer: SharedArrayBuffer }
}

function withArenas(arenas: readonly SharedArrayBuffer[], bytes: number): SharedArrayBuffer[] {
  const grown = [...arenas]
  while (capacityOf(grown) < limitSegments(bytes)) {
    grown.push(new SharedArrayBuffer(L.ARENA_BYTES))
  }
  return grown
}

function shardCountFor(bytes: number): number {
  if (bytes >= LARGE_STORE_BYTES) return L.SHARD_COUNT_MAX
  let shards = SHARDS_SMALL
  while (shards > 1 && bytes / L.SEGMENT_BYTES / shards < SHARD_SEGMENTS_MIN) shards /= 2
  return shards
}

/** The first index chunk is taken here, so that a shard always has buckets. */
function startShard(words: Int32Array, shard: number, options: StoreOptions): void {
  const base = L.SHARDS_AT + shard * L.SHARD_WORDS
  const chunk = words[L.POOL_FRESH] as number
  words[L.POOL_FRESH] = chunk + 1
  words[L.POOL_IN_USE] = (words[L.POOL_IN_USE] as number) + 1
  words[L.SEGMENTS_AT + chunk * L.SEGMENT_WORDS] = L.KIND_INDEX | (shard << L.KIND_SHARD_SHIFT)
  words[L.DIRECTORIES_AT + shard * L.DIRECTORY_WORDS] = chunk
  words[base + L.SHARD_BUCKETS] = L.BUCKETS_AT_START
  words[base + L.SHARD_MASK] = L.BUCKETS_AT_START * 2 - 1
  words[base + L.SHARD_NUMBER] = shard
  const first = options.policy === 'lru' ? L.LOG_MAIN : L.LOG_SMALL
  words[base + L.SHARD_LOGS + first * L.LOG_WORDS + L.LOG_ACTIVE] = 1
}
