import { Cleaner } from '../../src/store/cleaner.ts'
import { createPolicy } from '../../src/store/eviction/create-policy.ts'
import { Eviction } from '../../src/store/eviction/eviction.ts'
import { HashIndex } from '../../src/store/hash-index.ts'
import * as L from '../../src/store/layout.ts'
import { Pages } from '../../src/store/pages.ts'
import { Pool } from '../../src/store/pool.ts'
import { Records } from '../../src/store/records.ts'
import { Segments } from '../../src/store/segments.ts'
import type { Store } from '../../src/store/store.ts'

/** Parts of a store's insides over its memory, for what no caller of the store can bring about at will. */
export function partsOf(store: Store): {
  readonly segments: Segments
  readonly eviction: Eviction
  readonly cleaner: Cleaner
} {
  const { views } = store
  const lru = views.memory.options.policy === 'lru'
  const segments = new Segments(views, lru ? L.LOG_MAIN : L.LOG_SMALL)
  const index = new HashIndex(store, segments)
  const policy = createPolicy(store, index)
  const pages = new Pages(views, new Pool(views))
  const records = new Records(store, index, segments, pages, policy)
  const eviction = new Eviction(store, index, segments, records, policy)
  return { segments, eviction, cleaner: new Cleaner(views, segments, records, eviction) }
}

/** Where the table has a segment. */
export function segmentAt(segment: number): number {
  return L.SEGMENTS_AT + segment * L.SEGMENT_WORDS
}
