import { parseArgs } from 'node:util'
import { describeMachine } from './report/machine.ts'
import { buildIfOlder } from './servers/build.ts'
import { ourServer } from './servers/peers.ts'
import { measureStalls } from './stalls/measure.ts'
import { printStalls, writeStalls } from './stalls/report.ts'

const USAGE = `npm run bench:stalls -- [options]

How long anything in a memc-kv at full memory keeps a worker from its other clients, in steady
state: eviction, items that expire, large values, and a read of all stats every second. Watches the
built server from inside its threads, by a module loaded before it; it is a little slower for that.

  --quick           64 MiB, 2 workers, 5 seconds instead of 35
  --memory MIB      (default 1024, quick 64)
  --workers N       (default 2)
  --rate N          commands per second, well below saturation (default 20000)
  --connections N   (default 16)
  --warm-up N       seconds of the same traffic before the measurement (default 10, quick 2)
  --seconds N       of measurement, twice: loops and collector, then reads and locks
  --seed N          of the traffic (default 1)
  --write           also put the result into docs/performance.md
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    memory: { type: 'string' },
    workers: { type: 'string', default: '2' },
    rate: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '16' },
    'warm-up': { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  const { quick } = options
  buildIfOlder()
  const result = await measureStalls({
    memoryMib: Number(options.memory ?? (quick ? 64 : 1024)),
    workers: Number(options.workers),
    commandsPerSecond: Number(options.rate),
    connections: Number(options.connections),
    warmUpSeconds: Number(options['warm-up'] ?? (quick ? 2 : 10)),
    seconds: Number(options.seconds ?? (quick ? 5 : 35)),
    seed: Number(options.seed),
  })
  const machine = describeMachine([ourServer()])
  console.log(machine.join('\n'))
  printStalls(result)
  if (options.write) writeStalls(result, machine)
}
