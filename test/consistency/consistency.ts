import { parseArgs } from 'node:util'
import { WIRES } from '../fuzz/server-process.ts'
import { Random, testSeed } from '../support/seed.ts'
import type { Shape } from './campaign.ts'
import { runShape } from './campaign.ts'
import { readHistory } from './history-file.ts'
import { judgeHistory } from './judge.ts'

const USAGE = `npm run test:consistency -- [--seconds 60]
npm run test:consistency -- --judge FILE    a history that was kept, once more

MEMCKV_TEST_SEED=N plays the same commands again; threads and sockets meet in their own order.
`

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    judge: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) process.stdout.write(USAGE)
else if (options.judge !== undefined) judgeKept(options.judge)
else await runAll(Number(options.seconds) * 1000)

function judgeKept(file: string): void {
  const { history, keys } = readHistory(file)
  process.stdout.write(`${JSON.stringify(judgeHistory(history, keys))}\n`)
}

async function runAll(milliseconds: number): Promise<void> {
  const seed = testSeed()
  process.stdout.write(`seed ${seed}\n`)
  const random = new Random(seed)
  const shapes = [false, true].flatMap((lossy) =>
    WIRES.map((wire): Shape => ({ wire, lossy, policy: random.pick(['lru', 's3-fifo']) })),
  )
  for (const shape of shapes) {
    const { wire, lossy, policy } = shape
    const outcome = await runShape(shape, random, milliseconds / shapes.length)
    const figures = Object.entries(outcome).map(([name, figure]) => `${figure} ${name}`)
    const eviction = lossy ? `evictions by ${policy}` : 'no evictions'
    process.stdout.write(`${wire}, ${eviction}: ${figures.join(', ')}\n`)
  }
}
