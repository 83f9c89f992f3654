import { assert } from '../base/assert.ts'
import * as L from './layout.ts'
import { acquire, release } from './locks.ts'
import type { Views } from './memory.ts'

/**
 * The segments that belong to nobody, and the limit. One lock of its own, never taken while a
 * shard's lock is held: what is freed under a shard's lock is owed and given back afterwards.
 */
export class Pool {
  readonly #views: Views
  readonly #tables: Int32Array

  constructor(views: Views) {
    this.#views = views
    this.#tables = views.tables
  }

  /**
   * A new limit. A lower one takes what is not in use at once; for the rest see lowerLimit(), so that no
   * writer has to free all of it. False, and nothing changes, when there is no memory for so many segments.
   */
  setLimit(segments: number): boolean {
    const tables = this.#tables
    this.lock()
    const fits = segments <= tables[L.POOL_CAPACITY]!
    if (fits) {
      tables[L.POOL_TARGET] = segments
      tables[L.POOL_LIMIT] = Math.max(segments, tables[L.POOL_IN_USE]!)
    }
    this.unlock()
    return fits
  }

  /** What is not in use any more is not to be used again, as far as the limit is to be lower. */
  lowerLimit(): void {
    const tables = this.#tables
    this.lock()
    const used = Math.min(tables[L.POOL_LIMIT]!, tables[L.POOL_IN_USE]!)
    tables[L.POOL_LIMIT] = Math.max(tables[L.POOL_TARGET]!, used)
    this.unlock()
  }

  /** More arenas are there; another thread may have said so already. */
  raiseCapacity(segments: number): void {
    this.lock()
    this.#tables[L.POOL_CAPACITY] = Math.max(segments, this.#tables[L.POOL_CAPACITY]!)
    this.unlock()
  }

  lock(): void {
    assert(this.#views.held === 0, 'the pool lock is never taken under a shard lock')
    acquire(this.#tables, L.POOL_LOCK)
  }

  unlock(): void {
    release(this.#tables, L.POOL_LOCK)
  }

  /** A free segment, or 0 at the limit. */
  take(kind: number): number {
    this.lock()
    const segment = this.takeLocked(kind)
    this.unlock()
    return segment
  }

  takeLocked(kind: number): number {
    const tables = this.#tables
    const inUse = tables[L.POOL_IN_USE]!
    if (inUse >= tables[L.POOL_LIMIT]!) return 0
    let segment = tables[L.POOL_FREE_HEAD]!
    if (segment !== 0) {
      tables[L.POOL_FREE_HEAD] = tables[this.#at(segment) + L.SEGMENT_NEXT]!
    } else {
      segment = tables[L.POOL_FRESH]!
      if (segment > tables[L.POOL_CAPACITY]!) return 0
      tables[L.POOL_FRESH] = segment + 1
    }
    tables[L.POOL_IN_USE] = inUse + 1
    tables[this.#at(segment) + L.SEGMENT_KIND] = kind
    return segment
  }

  give(segment: number): void {
    this.lock()
    this.giveLocked(segment)
    this.unlock()
  }

  giveLocked(segment: number): void {
    const tables = this.#tables
    const at = this.#at(segment)
    assert(tables[at + L.SEGMENT_KIND] !== L.KIND_FREE, 'a segment is freed once')
    tables[at + L.SEGMENT_KIND] = L.KIND_FREE
    tables[at + L.SEGMENT_NEXT] = tables[L.POOL_FREE_HEAD]!
    tables[L.POOL_FREE_HEAD] = segment
    tables[L.POOL_IN_USE] = tables[L.POOL_IN_USE]! - 1
  }

  /** Gives back what this thread owes. No lock may be held. */
  settleSegments(): void {
    const views = this.#views
    if (views.owedSegments === 0) return
    this.lock()
    let segment = views.owedSegments
    views.owedSegments = 0
    while (segment !== 0) {
      const next = this.#tables[this.#at(segment) + L.SEGMENT_NEXT]!
      this.giveLocked(segment)
      segment = next
    }
    this.unlock()
  }

  #at(segment: number): number {
    return L.SEGMENTS_AT + (segment << L.SEGMENT_WORD_SHIFT)
  }
}
