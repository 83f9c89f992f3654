import { parseArgs } from 'node:util'
import type { GrowthCase, GrowthResult } from './growth/measure.ts'
import { chaseFor, measureGrowth } from './growth/measure.ts'
import { growthTable, writeGrowth } from './growth/report.ts'
import { describeMachine } from './report/machine.ts'
import { textTable } from './report/statistics.ts'
import { buildIfOlder } from './servers/build.ts'
import { findPeers, ourServer } from './servers/peers.ts'

const USAGE = `npm run bench:growth -- [options]

Server CPU of a get and of a set as the cache grows, and what a cache miss costs this machine at
each size. The largest size takes some 8 GiB of memory with one peer, and a few minutes.

  --quick           up to 1,000,000 items in 1 GiB, fewer operations
  --cases A:B,…     items:MiB (default 10000:64,1000000:1024,20000000:8192)
  --operations N    of each kind in a round (default 1000000, quick 200000)
  --rounds N        the servers by turns (default 5, quick 2)
  --workers N       (default 1)
  --ours CMD        another build of memc-kv, with {port} {memory} {workers} in it
  --peer NAME=CMD   instead of those on the PATH; may be given again; 'none' for none
  --seed N          (default 1)
  --write           also put the result into docs/performance.md
`

const CASES = '10000:64,1000000:1024,20000000:8192'
const QUICK_CASES = '10000:64,1000000:1024'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cases: { type: 'string' },
    operations: { type: 'string' },
    rounds: { type: 'string' },
    workers: { type: 'string', default: '1' },
    ours: { type: 'string' },
    peer: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  if (options.ours === undefined) buildIfOlder()
  const { quick } = options
  const cases = (options.cases ?? (quick ? QUICK_CASES : CASES)).split(',').map(readCase)
  const peers = findPeers(options.peer).filter(({ dialect }) => dialect === 'memcached')
  const plan = {
    servers: [ourServer(options.ours), ...peers],
    workers: Number(options.workers),
    operations: Number(options.operations ?? (quick ? 200_000 : 1_000_000)),
    rounds: Number(options.rounds ?? (quick ? 2 : 5)),
    seed: Number(options.seed),
  }
  const results: GrowthResult[] = []
  const chase = new Map<GrowthCase, number>()
  for (const growthCase of cases) {
    results.push(...(await measureGrowth(plan, growthCase)))
    chase.set(growthCase, chaseFor(growthCase))
  }
  results.sort((a, b) => a.growthCase.items - b.growthCase.items)
  const machine = describeMachine(plan.servers)
  const run = { results, chase, machine }
  console.log(`${machine.join('\n')}\n`)
  console.log(textTable(growthTable(run)))
  const shape = cases.map(({ items, memoryMib }) => `${items}:${memoryMib}`).join(',')
  const command = `npm run bench:growth -- --cases ${shape} --operations ${plan.operations} --rounds ${plan.rounds} --workers ${plan.workers} --seed ${plan.seed}`
  if (options.write) writeGrowth(run, command)
}

function readCase(text: string): GrowthCase {
  const [items, memoryMib] = text.split(':').map(Number)
  if (!(Number(items) > 0 && Number(memoryMib) > 0)) throw new Error(`no case: ${text}`)
  return { items: Number(items), memoryMib: Number(memoryMib) }
}
