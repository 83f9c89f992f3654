import { parseArgs } from 'node:util'
import { describeMachine } from './report/machine.ts'
import { measureScrapes } from './scrape/measure.ts'
import { printScrapes } from './scrape/report.ts'
import { buildIfOlder } from './servers/build.ts'
import { ourServer } from './servers/peers.ts'

const USAGE = `npm run bench:scrape -- [options]

What a Prometheus that reads /metrics costs the clients: rounds with and without scrapes by turns, at
a fixed rate and as fast as the server goes, and the cost of one scrape to the control thread. The
rounds without scrapes are compared with each other, too: that is the noise of the machine.

  --quick         2 rounds instead of 12
  --rounds N
  --seconds S     of each part of a round; there are six (default 1)
  --interval S    between scrapes (default 1)
  --workers N     (default 1)
  --seed N        of the traffic (default 1)
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '1' },
    interval: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  const { quick } = options
  buildIfOlder()
  const result = await measureScrapes({
    rounds: Number(options.rounds ?? (quick ? 2 : 12)),
    seconds: Number(options.seconds),
    intervalSeconds: Number(options.interval),
    workers: Number(options.workers),
    seed: Number(options.seed),
  })
  console.log(describeMachine([ourServer()]).join('\n'))
  printScrapes(result)
}
