import type { CompatConfig } from '../base/config.ts'
import { BASELINE_LENGTH, StatsBaseline } from './stats-baseline.ts'
import { fillTunables, TUNABLE } from './tunables.ts'

/** What the stats commands keep for all threads: the baseline of the last reset, and the tunables. */
export interface StatsMemory {
  readonly baseline: StatsBaseline
  readonly tunables: Int32Array
}

const BASELINE_BYTES = BASELINE_LENGTH * Float64Array.BYTES_PER_ELEMENT

/** Called once, by the control thread. */
export function createStatsMemory(compat: CompatConfig): SharedArrayBuffer {
  const bytes = BASELINE_BYTES + TUNABLE.words * Int32Array.BYTES_PER_ELEMENT
  const shared = new SharedArrayBuffer(bytes)
  fillTunables(attachStatsMemory(shared).tunables, compat)
  return shared
}

/** Called in every thread that answers stats commands. */
export function attachStatsMemory(shared: SharedArrayBuffer): StatsMemory {
  return {
    baseline: new StatsBaseline(new Float64Array(shared, 0, BASELINE_LENGTH)),
    tunables: new Int32Array(shared, BASELINE_BYTES, TUNABLE.words),
  }
}
