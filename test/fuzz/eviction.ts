import assert from 'node:assert/strict'
import * as L from '../../src/store/layout.ts'
import { createStoreMemory, PAGE_BYTES, Store } from '../../src/store/store.ts'
import { MIB, patterned, TinyStore, tinyOptions } from '../store/tiny-store.ts'
import { createRandom } from './store-model.ts'

/** Ranks are below it, so that no two writes of a key on both sides of a flush are of the same bytes. */
const WRITTEN_STEP = 1_000_003

/**
 * Fuzzes eviction alone: workloads that change their sizes, lives and skew, always at full memory.
 * Whatever comes, a set succeeds while there is something to evict, the limit holds, what is read
 * is what was written since the last flush. Flushes come where they are hardest: while segments are being evicted.
 */
export function run(seed: number, events: number): void {
  const random = createRandom(seed)
  const below = (bound: number): number => Math.floor(random() * bound)
  const memoryBytes = (1 + below(4)) * MIB
  const store = new Store(
    createStoreMemory(
      tinyOptions({
        memoryBytes,
        policy: below(2) === 0 ? 'lru' : 's3-fifo',
        promoteThreshold: 1 + below(3),
        shardCount: 2 ** below(3),
      }),
    ),
  )
  store.now = 10
  const tiny = new TinyStore(store)
  const phaseEvents = Math.max(50, Math.floor(events / 6))
  const flushes = below(2) === 0
  /** What was written since the last flush has other bytes than what was written before. */
  let written = 0
  let phase = choosePhase(below, memoryBytes)
  for (let event = 0; event < events; event++) {
    if (event % phaseEvents === phaseEvents - 1) {
      assert.equal(store.check(), 0)
      const { segmentsUsed, segmentsLimit } = store.figures()
      assert.ok(segmentsUsed <= segmentsLimit, 'the limit holds')
      phase = choosePhase(below, memoryBytes)
    }
    const rank = Math.floor(random() ** phase.skew * phase.keys)
    const key = `${phase.name}${rank}`
    const length = sizeOf(rank, phase)
    const value = tiny.get(key)
    if (value !== null) {
      assert.ok(value.equals(patterned(length, rank + written)), 'what was written')
      continue
    }
    const exptime = phase.seconds === 0 ? 0 : store.now + 1 + below(phase.seconds)
    assert.ok(
      tiny.set(key, patterned(length, rank + written), 0, exptime),
      `set of ${length} bytes succeeds`,
    )
    if (below(200) === 0) store.now++
    if (below(500) === 0) store.sweep.run(10_000)
    if (flushes && isPacking(store) && below(8) === 0) {
      store.flush()
      written += WRITTEN_STEP
    }
  }
  store.check()
}

/** Survivors of some segment are being packed: those that are have been judged already. */
function isPacking(store: Store): boolean {
  const { tables } = store.views
  for (let shard = 0; shard < store.shardCount; shard++) {
    for (let log = 0; log < L.LOG_COUNT; log++) {
      const logAt = L.SHARDS_AT + shard * L.SHARD_WORDS + L.SHARD_LOGS + (log << L.LOG_SHIFT)
      const at = L.SEGMENTS_AT + tables[logAt + L.LOG_HEAD]! * L.SEGMENT_WORDS
      if (tables[at + L.SEGMENT_PHASE] === L.PHASE_PACK && tables[at + L.SEGMENT_PACK]! > 0)
        return true
    }
  }
  return false
}

interface Phase {
  name: string
  keys: number
  skew: number
  least: number
  most: number
  /** Longest life; 0: for ever. */
  seconds: number
}

function choosePhase(below: (bound: number) => number, memoryBytes: number): Phase {
  const shape = below(5)
  const sizes = [
    [1, 40],
    [100, 400],
    [1000, PAGE_BYTES + 1000],
    [PAGE_BYTES, 100_000],
    [1, memoryBytes / 2 - 9000],
  ][shape]!
  return {
    name: `p${below(1e9)}-`,
    keys: [100_000, 20_000, 2000, 300, 12][shape]!,
    skew: 1 + below(3),
    least: sizes[0]!,
    most: sizes[1]!,
    seconds: below(2) * (1 + below(100)),
  }
}

function sizeOf(rank: number, phase: Phase): number {
  const spread = phase.most - phase.least
  return phase.least + Math.floor((((rank * 7919) % 1009) / 1009) * spread)
}
