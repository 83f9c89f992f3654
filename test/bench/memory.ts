import { parseArgs } from 'node:util'
import type { MemoryCase } from './memory/cases.ts'
import { CASES } from './memory/cases.ts'
import type { MemoryResult, MemorySubject } from './memory/measure.ts'
import { measureMemory } from './memory/measure.ts'
import { memoryTable, memoryVerdict, writeMemory } from './memory/report.ts'
import { describeMachine } from './report/machine.ts'
import { textTable } from './report/statistics.ts'
import { buildIfOlder } from './servers/build.ts'
import type { Peer } from './servers/peers.ts'
import { findPeers, ourServer } from './servers/peers.ts'
import { Probe } from './stalls/probe-client.ts'

const USAGE = `npm run bench:memory -- [options]

How much is held in a given -m: fills memc-kv and each peer with items of one size after another,
counts what is there by asking for all of it, overwrites at random with other sizes, counts again.

  --quick           32 MiB, values of 250 and 1000 bytes, dead bytes are not counted
  --memory A,B      MiB (default 64,256)
  --sizes A,B       bytes of the values, 'mixed' for 10 to 10,000 (default all of
                    10, 50, 100, 250, 1000, 10000, mixed; above 128 MiB 100, 1000, mixed)
  --workers N       (default 1)
  --peer NAME=CMD   instead of the memcached on the PATH; may be given again; 'none' for none
  --seed N          of the overwriting (default 1)
  --write           also put the result into docs/performance.md
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    memory: { type: 'string' },
    sizes: { type: 'string' },
    workers: { type: 'string', default: '1' },
    peer: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const QUICK_SIZES = '250,1000'
/** The time is that of the operations: in more memory only these. */
const LARGE_SIZES = '100,1000,mixed'
const LARGE_MIB = 128

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  buildIfOlder()
  const { quick } = options
  const memories = (options.memory ?? (quick ? '32' : '64,256')).split(',').map(Number)
  const servers = [ourServer(), ...findPeers(options.peer).filter(canBeMeasured)]
  const workers = Number(options.workers)
  const results: MemoryResult[] = []
  for (const memoryMib of memories) {
    for (const memoryCase of casesFor(memoryMib)) {
      for (const subject of subjects(servers, memoryMib, workers)) {
        console.error(`${subject.name}: values of ${memoryCase.name} bytes in ${memoryMib} MiB`)
        results.push(await measureMemory(subject, memoryCase, memoryMib, Number(options.seed)))
      }
    }
  }
  const machine = describeMachine(servers)
  console.log(`${machine.join('\n')}\n`)
  console.log(textTable(memoryTable(results)))
  console.log(`\n${memoryVerdict(results, workers)}`)
  const sizes = options.sizes === undefined ? '' : ` --sizes ${options.sizes}`
  const command = `npm run bench:memory --${quick ? ' --quick' : ''} --memory ${memories.join(',')}${sizes} --workers ${workers} --seed ${options.seed}`
  if (options.write) writeMemory({ results, workers, machine, command })
}

function casesFor(memoryMib: number): readonly MemoryCase[] {
  const usual = options.quick ? QUICK_SIZES : memoryMib > LARGE_MIB ? LARGE_SIZES : undefined
  const sizes = (options.sizes ?? usual)?.split(',')
  if (sizes === undefined) return CASES
  return CASES.filter(({ name }) =>
    sizes.some((size) => name === size || name.endsWith(` ${size}`)),
  )
}

/** Items are written and read in memcached's words, with a meta command to tell where they end. */
function canBeMeasured({ dialect, meta }: Peer): boolean {
  return dialect === 'memcached' && meta
}

function subjects(servers: readonly Peer[], memoryMib: number, workers: number): MemorySubject[] {
  return servers.map(({ name, commandLine }, at) => ({
    name,
    commandLine: commandLine({ memoryMib, workers }),
    probe: at === 0 && !options.quick ? new Probe('counts', workers) : null,
  }))
}
