import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { HitCase } from './hits/cases.ts'
import { generatedCases, recordedCases } from './hits/cases.ts'
import type { Curve, HitRow } from './hits/hit-report.ts'
import { hitLine, hitTable, writeHits } from './hits/hit-report.ts'
import type { Contender } from './hits/measure.ts'
import { POLICIES, served, simulated } from './hits/measure.ts'
import { describeMachine } from './report/machine.ts'
import { markdownTable } from './report/sections.ts'
import { buildIfOlder } from './servers/build.ts'
import type { Peer } from './servers/peers.ts'
import { findPeers, ourServer } from './servers/peers.ts'

const USAGE = `npm run bench:hits -- [options]

Misses of memc-kv with each eviction policy and of memcached, at equal memory: look-aside replay of
recorded traces, whose values are scaled so that they do not fit, and of seeded workloads.

  --servers         only against running servers, --simulate only on the store in this process
  --simulate        (default: both)
  --traces DIR      *.trace.gz, one "id size" a line, and kvcache/ (default ../shared/traces)
  --memory MIB      (default 64)
  --ratios LIST     distinct bytes as multiples of the memory (default 1.5,2,4,10)
  --only WORDS      only cases whose name has one of these words, by comma
  --threshold N     simulated s3-fifo: memory.promoteThreshold (default 1)
  --requests N      of each generated workload (default 1000000)
  --seed N          of the generated workloads (default 1)
  --peer NAME=CMD   the reference, 'none' for none (default: memcached on the PATH)
  --ours CMD        another build, with {port}, {memory} and {workers} in the command line
  --quick           one ratio, few requests, for CI
  --write           also put the result into docs/performance.md
`

const { values: options } = parseArgs({
  options: {
    servers: { type: 'boolean', default: false },
    simulate: { type: 'boolean', default: false },
    traces: { type: 'string', default: '../shared/traces' },
    memory: { type: 'string', default: '64' },
    ratios: { type: 'string' },
    only: { type: 'string', default: '' },
    threshold: { type: 'string', default: '1' },
    requests: { type: 'string' },
    seed: { type: 'string', default: '1' },
    peer: { type: 'string', multiple: true },
    ours: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const QUICK_CASES = 3
const CURVE_RATIOS = [1, 1.25, 1.5, 2, 3, 4, 6, 10, 20]

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  const cases = chooseCases()
  const servers = chooseServers()
  const contenders = chooseContenders(servers)
  const names = contenders.map(({ name }) => name)
  const rows: HitRow[] = []
  for (const hitCase of cases) {
    const measured = []
    for (const contender of contenders) {
      process.stderr.write(`${hitCase.name}: ${contender.name}\n`)
      measured.push(await contender.run(hitCase))
    }
    const row = { hitCase, measured }
    rows.push(row)
    process.stdout.write(`${hitLine(names, row)}\n`)
  }
  const machine = describeMachine(servers)
  process.stdout.write(`\n${machine.join('\n')}\nseed ${options.seed}, -m ${options.memory}\n\n`)
  process.stdout.write(`${markdownTable(hitTable(names, rows))}\n`)
  if (!options.write) return
  const policies = POLICIES.map((policy) => simulated(policy, Number(options.threshold)))
  const curves = await makeCurves(policies)
  writeHits({ names, rows, curves, machine, command: repeatable() })
}

function chooseCases(): HitCase[] {
  const { quick } = options
  const folder = resolve(options.traces)
  const memoryMib = Number(options.memory)
  const ratios = (options.ratios ?? (quick ? '4' : '1.5,2,4,10')).split(',').map(Number)
  const requests = Number(options.requests ?? (quick ? 100_000 : 1_000_000))
  const words = options.only.split(',')
  const wanted = (name: string): boolean => words.some((word) => name.includes(word))
  const recorded = existsSync(folder) ? recordedCases(folder, ratios, memoryMib, wanted) : []
  if (!existsSync(folder)) process.stderr.write(`no traces in ${folder}: generated ones only\n`)
  const enough = quick && options.only === '' && recorded.length >= QUICK_CASES
  if (enough) return recorded.slice(0, QUICK_CASES)
  const seed = Number(options.seed)
  const all = [...recorded, ...generatedCases(folder, requests, memoryMib, seed, wanted)]
  return quick && options.only === '' ? all.slice(0, QUICK_CASES) : all
}

/** Ours and the reference; none of them when only the store in this process is asked for. */
function chooseServers(): Peer[] {
  if (options.simulate && !options.servers) return []
  const peers = findPeers(options.peer)
  const reference = peers.find(({ dialect }) => dialect === 'memcached')
  return [ourServer(options.ours), ...(reference === undefined ? [] : [reference])]
}

/** Simulated rules first, then our server with each rule, and the reference last. */
function chooseContenders([ours, reference]: readonly Peer[]): Contender[] {
  const both = options.servers === options.simulate
  const contenders: Contender[] = []
  if (both || options.simulate) {
    for (const policy of POLICIES) contenders.push(simulated(policy, Number(options.threshold)))
  }
  if (ours === undefined) return contenders
  if (options.ours === undefined) buildIfOlder()
  for (const policy of POLICIES) {
    contenders.push(served(policy, ours, 1, { MEMCKV_MEMORY_POLICY: policy }))
  }
  if (reference !== undefined) contenders.push(served(reference.name, reference, 1))
  return contenders
}

/** Each trace at many sizes, simulated: a size is the memory over the distinct bytes. */
async function makeCurves(contenders: readonly Contender[]): Promise<Curve[]> {
  const folder = resolve(options.traces)
  if (!existsSync(folder)) return []
  const curves = new Map<string, Curve>()
  for (const ratio of CURVE_RATIOS) {
    for (const hitCase of recordedCases(folder, [ratio], Number(options.memory))) {
      const trace = hitCase.trace.name
      process.stderr.write(`curve of ${hitCase.name}\n`)
      const curve = curves.get(trace) ?? { trace, series: contenders.map(emptySeries) }
      curves.set(trace, curve)
      for (const [at, contender] of contenders.entries()) {
        const { missRatio } = await contender.run(hitCase)
        curve.series[at]!.points.unshift([1 / ratio, missRatio])
      }
    }
  }
  return [...curves.values()]
}

/** Without what names places of this machine. */
function repeatable(): string {
  const words = process.argv
    .slice(2)
    .map((word) => word.replace(/^\/\S*\//, '').replace(/=\/\S*\//, '='))
  return ['npm run bench:hits --', ...words].join(' ')
}

function emptySeries({ name }: Contender): { name: string; points: [number, number][] } {
  return { name, points: [] }
}
