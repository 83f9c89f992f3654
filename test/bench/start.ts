import { parseArgs } from 'node:util'
import { describeMachine } from './report/machine.ts'
import { textTable } from './report/statistics.ts'
import { buildIfOlder } from './servers/build.ts'
import type { Peer, ServerShape } from './servers/peers.ts'
import { findPeers, ourServer } from './servers/peers.ts'
import type { StartTimes } from './start/measure.ts'
import { measureStart } from './start/measure.ts'
import type { StartResult } from './start/report.ts'
import { startTable, startVerdict, writeStart } from './start/report.ts'
import { startSubjects } from './start/subjects.ts'

const USAGE = `npm run bench:start -- [options]

How long a server takes from the beginning of its process to its first reply and until it says that
it is ready: ours as it starts by itself and as in the image, and each peer, by turns.

  --quick           3 rounds instead of 15
  --rounds N
  --memory A,B      MiB (default 64,8192)
  --workers A,B     (default 1,2)
  --peer NAME=CMD   instead of the memcached on the PATH; may be given again; 'none' for none
  --write           also put the result into docs/performance.md
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    memory: { type: 'string', default: '64,8192' },
    workers: { type: 'string', default: '1,2' },
    peer: { type: 'string', multiple: true, default: [] },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  buildIfOlder()
  const rounds = Number(options.rounds ?? (options.quick ? 3 : 15))
  const peers = findPeers(options.peer).filter(
    ({ dialect, meta }) => dialect === 'memcached' && meta,
  )
  const results: StartResult[] = []
  for (const memoryMib of options.memory.split(',').map(Number)) {
    for (const workers of options.workers.split(',').map(Number)) {
      results.push(...(await measured(peers, { memoryMib, workers }, rounds)))
    }
  }
  const machine = describeMachine([ourServer(), ...peers])
  console.log(`${machine.join('\n')}\n`)
  console.log(textTable(startTable(results)))
  console.log(`\n${startVerdict(results)}`)
  const command = `npm run bench:start -- --rounds ${rounds} --memory ${options.memory} --workers ${options.workers}`
  if (options.write) writeStart({ results, machine, command })
}

/** The servers of one shape by turns. The first round fills caches, of files and of compiled code. */
async function measured(
  peers: readonly Peer[],
  shape: ServerShape,
  rounds: number,
): Promise<StartResult[]> {
  const runs = startSubjects(peers, shape).map((subject) => ({
    subject,
    times: [] as StartTimes[],
  }))
  for (let round = 0; round <= rounds; round++) {
    console.error(`-m ${shape.memoryMib} -t ${shape.workers}: round ${round} of ${rounds}`)
    for (const { subject, times } of runs) {
      const found = await measureStart(subject)
      if (round > 0) times.push(found)
    }
  }
  return runs.map(({ subject, times }) => ({ ...shape, name: subject.name, rounds: times }))
}
