import type { PrefixReader } from '../telemetry/prefix-stats.ts'
import type { StatsSource } from '../telemetry/stats.ts'
import type { Authenticator } from './auth.ts'
import type { CommandContext } from './context.ts'

/**
 * What the administrative commands need beyond what data commands do. One object per worker, made
 * like this (all of it from WorkerStart):
 *
 *   const { baseline, tunables } = attachStatsMemory(start.statsBaseline)   // createStatsMemory(compat)
 *   const admin: AdminContext = {
 *     stats: {
 *       config, version: protocolVersion, workers: start.count,
 *       counters: one counterBlock per worker, and the control thread's,
 *       baseline, tunables, runtime, clock: new CoarseClock(start.clock, start.runtime),
 *       figures: () => store.figures(),
 *     },
 *     prefixes: new PrefixReader(start.prefixTables, start.count),
 *     authenticator: new Authenticator(start.users ?? []),   // later: authenticator.replace(users)
 *   }
 */
export interface AdminContext {
  readonly stats: StatsSource
  /** Sums of all workers' prefix tables. */
  readonly prefixes: PrefixReader
  readonly authenticator: Authenticator
}

/** The context as the administrative handlers see it. */
export interface AdminCommandContext extends CommandContext {
  readonly admin: AdminContext
}
