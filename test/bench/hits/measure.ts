import type { Peer } from '../servers/peers.ts'
import { ServerProcess } from '../servers/server-process.ts'
import type { HitCase } from './cases.ts'
import { replay } from './replay.ts'
import { Keys, Simulation } from './simulate.ts'

export const POLICIES = ['s3-fifo', 'lru'] as const

/** One column of the table: a server, or a rule on the store in this process. */
export interface Contender {
  readonly name: string
  readonly run: (hitCase: HitCase) => Promise<Measured>
}

export interface Measured {
  /** Misses of all requests. */
  readonly missRatio: number
  readonly items: number
  readonly residentMib: number | null
}

const MIB = 2 ** 20
const HASH_SEED = 12345

export function simulated(policy: (typeof POLICIES)[number], promoteThreshold: number): Contender {
  return {
    name: `${policy} (simulated)`,
    run: ({ trace, memoryMib }) => {
      const simulation = new Simulation(new Keys(trace.distinct), {
        memoryBytes: memoryMib * MIB,
        evict: true,
        casEnabled: true,
        policy,
        promoteThreshold,
        itemBytesMax: MIB,
        hashSeed: HASH_SEED,
      })
      const { hits, items } = simulation.run(trace)
      return Promise.resolve({
        missRatio: 1 - hits / trace.ids.length,
        items,
        residentMib: null,
      })
    },
  }
}

export function served(
  name: string,
  server: Peer,
  workers: number,
  environment: Readonly<Record<string, string>> = {},
): Contender {
  return {
    name,
    run: async ({ trace, memoryMib }) => {
      const command = server.commandLine({ memoryMib, workers })
      const process = await ServerProcess.start(name, command, { environment })
      try {
        const { hits, items } = await replay(process.port, trace, new Keys(trace.distinct))
        const residentMib = process.residentMebibytes()
        return { missRatio: 1 - hits / trace.ids.length, items, residentMib }
      } finally {
        await process.stop()
      }
    },
  }
}
