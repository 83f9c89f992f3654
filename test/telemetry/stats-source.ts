import { CoarseClock, startClock } from '../../src/base/clock.ts'
import type { Config } from '../../src/base/config.ts'
import { createRuntime, RUNTIME } from '../../src/base/runtime.ts'
import { loadSettings } from '../../src/config/load.ts'
import { CLASS_COUNT, counterBlock, createCounters } from '../../src/telemetry/counters.ts'
import type { StatsSource, StoreClassFigures, StoreFigures } from '../../src/telemetry/stats.ts'
import { attachStatsMemory, createStatsMemory } from '../../src/telemetry/stats-memory.ts'

/** Two workers and the control thread, as in a real process, over figures that a test may set. */
export interface TestSource extends StatsSource {
  readonly figuresNow: TestFigures
}

type TestFigures = StoreFigures & { readonly classes: StoreClassFigures[] }

const WORKERS = 2

export async function testConfig(argv: readonly string[] = []): Promise<Config> {
  const settings = await loadSettings({ argv, environment: {} })
  if (settings.kind !== 'settings') throw new Error('the command line only asked for words')
  return settings.config
}

export async function testSource(argv: readonly string[] = []): Promise<TestSource> {
  const config = await testConfig(argv)
  const runtime = createRuntime()
  runtime[RUNTIME.connectionsMax] = config.connections.max
  const counters = createCounters(WORKERS + 1)
  const figuresNow = noFigures(config.memory.limit)
  return {
    config,
    version: '1.6.45',
    workers: WORKERS,
    counters: [0, 1, 2].map((index) => counterBlock(counters, index)),
    ...attachStatsMemory(createStatsMemory(config.compat)),
    runtime,
    clock: new CoarseClock(startClock(), runtime),
    figures: () => figuresNow,
    figuresNow,
  }
}

function noFigures(limitBytes: number): TestFigures {
  return {
    limitBytes,
    segmentsUsed: 0,
    segmentsIndex: 0,
    segmentsSpare: 0,
    items: 0,
    itemBytes: 0,
    itemsTotal: 0,
    evictions: 0,
    evictedActive: 0,
    evictedUnfetched: 0,
    reclaimed: 0,
    swept: 0,
    expiredUnfetched: 0,
    moved: 0,
    directReclaims: 0,
    classes: Array.from({ length: CLASS_COUNT }, noClassFigures),
  }
}

function noClassFigures(): StoreClassFigures {
  return {
    items: 0,
    bytes: 0,
    evicted: 0,
    evictedNonzero: 0,
    evictedUnfetched: 0,
    evictedActive: 0,
    expiredUnfetched: 0,
    reclaimed: 0,
    swept: 0,
    outOfMemory: 0,
    evictedTime: 0,
  }
}

/** The lines of a stats reply as names and values; the END is checked and left out. */
export function readStats(reply: string | Buffer): Map<string, string> {
  const text = reply.toString('latin1')
  const lines = text.split('\r\n')
  if (lines.pop() !== '' || lines.pop() !== 'END') throw new Error(`no END in ${text}`)
  return new Map(
    lines.map((line) => {
      const [stat, name = '', ...value] = line.split(' ')
      if (stat !== 'STAT') throw new Error(`not a STAT line: ${line}`)
      return [name, value.join(' ')] as const
    }),
  )
}
