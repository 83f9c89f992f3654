import { CoarseClock, startClock } from '../../../src/base/clock.ts'
import type { Config } from '../../../src/base/config.ts'
import { createRuntime, RUNTIME } from '../../../src/base/runtime.ts'
import type { StoreMemory } from '../../../src/store/store.ts'
import { createStoreMemory, Store } from '../../../src/store/store.ts'
import { counterBlock, createCounters } from '../../../src/telemetry/counters.ts'
import { createLatency, LatencyReader, LatencyRecorder } from '../../../src/telemetry/latency.ts'
import type {
  Exemplars,
  MetricsFigures,
  MetricsSource,
  SpanCounts,
} from '../../../src/telemetry/metrics/source.ts'
import { attachStatsMemory, createStatsMemory } from '../../../src/telemetry/stats-memory.ts'
import { createThreadFigures, ThreadReader } from '../../../src/telemetry/thread-figures.ts'
import { testConfig } from '../stats-source.ts'

export const TEST_WORKERS = 2

/** Two workers and the control thread over a real store, without the threads themselves. */
export interface TestMetricsSource extends MetricsSource {
  readonly store: Store
  readonly storeMemory: StoreMemory
  /** Of each worker. */
  readonly recorders: readonly LatencyRecorder[]
  readonly threadMemory: SharedArrayBuffer
  /** What is set here takes the place of the store's own figures. */
  readonly figuresSet: Partial<MetricsFigures>
  spansNow: SpanCounts
  exemplarsNow: Exemplars
  logLevelNow: number
}

export async function metricsSource(argv: readonly string[] = []): Promise<TestMetricsSource> {
  const config = await testConfig(argv)
  const storeMemory = storeMemoryFor(config)
  const store = new Store(storeMemory)
  const runtime = createRuntime()
  runtime[RUNTIME.connectionsMax] = config.connections.max
  const counters = createCounters(TEST_WORKERS + 1)
  const latency = createLatency(TEST_WORKERS)
  const threadMemory = createThreadFigures(TEST_WORKERS)
  const figuresSet: Partial<MetricsFigures> = {}
  const figures = (): MetricsFigures => ({ ...store.figures(), ...figuresSet })
  const source: TestMetricsSource = {
    stats: {
      config,
      version: '1.6.45',
      workers: TEST_WORKERS,
      counters: [0, 1, 2].map((index) => counterBlock(counters, index)),
      ...attachStatsMemory(createStatsMemory(config.compat)),
      runtime,
      clock: new CoarseClock(startClock(), runtime),
      figures,
    },
    figures,
    latency: new LatencyReader(latency, TEST_WORKERS),
    threads: new ThreadReader(threadMemory, TEST_WORKERS),
    logLevel: () => source.logLevelNow,
    spans: () => source.spansNow,
    exemplars: () => source.exemplarsNow,
    certificates: () => [
      {
        port: 'data',
        notAfterSeconds: 3,
        notBeforeSeconds: 1,
        lastReloadOk: true,
        lastReloadSeconds: 2,
      },
    ],
    version: '0.1.0',
    commit: '',
    store,
    storeMemory,
    recorders: [0, 1].map((worker) => new LatencyRecorder(latency, worker)),
    threadMemory,
    figuresSet,
    spansNow: { sent: 0, dropped: 0, limited: 0 },
    exemplarsNow: new Map(),
    logLevelNow: 30,
  }
  return source
}

function storeMemoryFor({ memory, items }: Config): StoreMemory {
  return createStoreMemory({
    memoryBytes: memory.limit,
    evict: memory.evict,
    casEnabled: items.cas,
    policy: memory.policy,
    promoteThreshold: memory.promoteThreshold,
    itemBytesMax: items.maxSize,
    hashSeed: 1,
  })
}
