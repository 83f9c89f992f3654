import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const USAGE = `npm run bench:all -- [options]

Every part of docs/performance.md, measured and written, one after another: some forty minutes on two
cores with one peer. Goes on when a part fails, and exits 1 at the end.

  --only A,B          only these of bench, hits, memory, stalls, growth, start
  --peer NAME=CMD     passed on, may be given again
  --memtier PATH      passed on to bench
  --traces DIR        passed on to hits
  --quick             quick runs, to see whether all works; writes nothing
`

type Passed = 'peer' | 'memtier' | 'traces'

/** What each part takes of the options. */
const PARTS: readonly { readonly name: string; readonly takes: readonly Passed[] }[] = [
  { name: 'bench', takes: ['peer', 'memtier'] },
  { name: 'hits', takes: ['peer', 'traces'] },
  { name: 'memory', takes: ['peer'] },
  { name: 'stalls', takes: [] },
  { name: 'growth', takes: ['peer'] },
  { name: 'start', takes: ['peer'] },
]

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    peer: { type: 'string', multiple: true, default: [] },
    memtier: { type: 'string' },
    traces: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  const wanted = options.only?.split(',')
  const unknown = wanted?.find((name) => !PARTS.some((part) => part.name === name))
  if (unknown !== undefined) throw new Error(`no part ${unknown}`)
  const parts = PARTS.filter(({ name }) => wanted === undefined || wanted.includes(name))
  const lines: string[] = []
  for (const [at, { name, takes }] of parts.entries()) {
    console.error(`\n== ${name} (${at + 1} of ${parts.length})`)
    const started = performance.now()
    const failure = await run(name, takes)
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    lines.push(`${name}: ${failure === '' ? 'done' : failure}, ${seconds} s`)
    console.error(lines.at(-1))
    if (failure !== '') process.exitCode = 1
  }
  console.error(`\n${lines.join('\n')}`)
}

/** How it failed, or nothing. */
function run(name: string, takes: readonly Passed[]): Promise<string> {
  const passed = takes.flatMap((option) =>
    [options[option] ?? []].flat().flatMap((value) => [`--${option}`, value]),
  )
  const args = [join(import.meta.dirname, `${name}.ts`), options.quick ? '--quick' : '--write']
  const child = spawn(process.execPath, [...args, ...passed], { stdio: 'inherit' })
  return new Promise((settle) => {
    child.once('error', (error) => settle(`failed: ${error.message}`))
    child.once('exit', (status, signal) => {
      settle(status === 0 ? '' : `failed with ${signal ?? `status ${status}`}`)
    })
  })
}
