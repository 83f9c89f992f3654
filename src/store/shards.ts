import { assert } from '../base/assert.ts'
import * as L from './layout.ts'
import { acquire, release } from './locks.ts'
import type { Views } from './memory.ts'
import type { Pages } from './pages.ts'
import type { Pool } from './pool.ts'

/** Entering and leaving a shard; what was freed inside goes back to the pool on the way out. */
export class Shards {
  readonly #views: Views
  readonly #tables: Int32Array
  readonly #pool: Pool
  readonly #pages: Pages

  constructor(views: Views, pool: Pool, pages: Pages) {
    this.#views = views
    this.#tables = views.tables
    this.#pool = pool
    this.#pages = pages
  }

  enter(base: number): void {
    assert(this.#views.held === 0, 'one lock at a time')
    acquire(this.#tables, base + L.SHARD_LOCK)
    this.#views.held = 1
  }

  leave(base: number): void {
    const views = this.#views
    assert(views.held === 1, 'a lock is given back by its holder')
    views.held = 0
    release(this.#tables, base + L.SHARD_LOCK)
    if ((views.owedSegments | views.owedChains | views.owedPages) !== 0) this.#settle()
  }

  #settle(): void {
    this.#pool.settleSegments()
    this.#pages.settlePages()
  }
}
