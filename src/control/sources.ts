import { CoarseClock } from '../base/clock.ts'
import type { Settings } from '../config/load.ts'
import type { Store } from '../store/store.ts'
import { counterBlock } from '../telemetry/counters.ts'
import { LatencyReader } from '../telemetry/latency.ts'
import type { MetricsSource } from '../telemetry/metrics/source.ts'
import type { StatsSource } from '../telemetry/stats.ts'
import { attachStatsMemory } from '../telemetry/stats-memory.ts'
import { ThreadReader } from '../telemetry/thread-figures.ts'
import { commit, protocolVersion, version } from '../version.ts'
import type { SharedMemory } from './shared-memory.ts'

/** What `stats` is made from, here as in a worker. */
export function statsSource(settings: Settings, shared: SharedMemory, store: Store): StatsSource {
  const workers = settings.derived.workerCount
  const { baseline, tunables } = attachStatsMemory(shared.stats)
  return {
    config: settings.config,
    version: protocolVersion,
    workers,
    counters: Array.from({ length: workers + 1 }, (_, index) =>
      counterBlock(shared.counters, index),
    ),
    baseline,
    tunables,
    runtime: shared.runtime,
    clock: new CoarseClock(shared.clock, shared.runtime),
    figures: () => store.figures(),
  }
}

/** What the parts of the control thread answer by themselves. */
export type MetricsAnswers = Pick<
  MetricsSource,
  'logLevel' | 'spans' | 'exemplars' | 'certificates'
>

/** What /metrics is made from. */
export function metricsSource(
  stats: StatsSource,
  shared: SharedMemory,
  store: Store,
  answers: MetricsAnswers,
): MetricsSource {
  return {
    stats,
    figures: () => store.figures(),
    latency: new LatencyReader(shared.latency, stats.workers),
    threads: new ThreadReader(shared.threadFigures, stats.workers),
    version,
    commit,
    ...answers,
  }
}
