import { randomInt } from 'node:crypto'
import type { ClockStart } from '../base/clock.ts'
import { startClock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import { createRuntime, RUNTIME } from '../base/runtime.ts'
import type { Derived } from '../config/load.ts'
import type { StoreMemory } from '../store/store.ts'
import { createStoreMemory } from '../store/store.ts'
import { createCounters } from '../telemetry/counters.ts'
import { createEventRings } from '../telemetry/event-ring.ts'
import { createLatency } from '../telemetry/latency.ts'
import { createPrefixTables } from '../telemetry/prefix-stats.ts'
import { createStatsMemory } from '../telemetry/stats-memory.ts'
import { createThreadFigures } from '../telemetry/thread-figures.ts'
import { createTraceRings } from '../telemetry/trace-ring.ts'

/** Everything that all threads share, made once at start by the control thread. */
export interface SharedMemory {
  readonly store: StoreMemory
  readonly runtime: Int32Array
  /** A block for each worker, then one for the control thread. */
  readonly counters: SharedArrayBuffer
  readonly heartbeat: Int32Array
  readonly eventRings: SharedArrayBuffer
  readonly eventRingBytes: number
  readonly prefixTables: SharedArrayBuffer
  /** The baseline of `stats reset` and the tunables. */
  readonly stats: SharedArrayBuffer
  readonly latency: SharedArrayBuffer
  readonly threadFigures: SharedArrayBuffer
  readonly traceRings: SharedArrayBuffer
  readonly clock: ClockStart
}

/** Throws a RangeError when the machine does not grant the memory. */
export function createSharedMemory(config: Config, derived: Derived): SharedMemory {
  const workers = derived.workerCount
  const eventRingBytes = config.compat.workerLogBufferSize
  const runtime = createRuntime()
  runtime[RUNTIME.verbosity] = config.log.verbosity
  runtime[RUNTIME.connectionsMax] = derived.connectionsMax
  runtime[RUNTIME.prefixStats] = config.stats.detail ? 1 : 0
  return {
    store: createStoreMemory({
      memoryBytes: config.memory.limit,
      evict: config.memory.evict,
      casEnabled: config.items.cas,
      policy: config.memory.policy,
      promoteThreshold: config.memory.promoteThreshold,
      itemBytesMax: config.items.maxSize,
      // Nobody outside may know which keys share a bucket.
      hashSeed: randomInt(2 ** 32) | 0,
    }),
    runtime,
    counters: createCounters(workers + 1),
    heartbeat: new Int32Array(new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT)),
    eventRings: createEventRings(workers, eventRingBytes),
    eventRingBytes,
    prefixTables: createPrefixTables(workers),
    stats: createStatsMemory(config.compat),
    latency: createLatency(workers),
    threadFigures: createThreadFigures(workers),
    traceRings: createTraceRings(workers),
    clock: startClock(),
  }
}
