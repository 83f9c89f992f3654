import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { LoadGenerator } from './generator/generator.ts'
import { loadSection, loadTables } from './load-report.ts'
import type { LoadSettings, ProfileResult } from './load-rounds.ts'
import { canTake, measureProfile } from './load-rounds.ts'
import type { Profile } from './profiles.ts'
import { profiles } from './profiles.ts'
import { describeMachine } from './report/machine.ts'
import { writeSection } from './report/sections.ts'
import { textTable } from './report/statistics.ts'
import { buildIfOlder } from './servers/build.ts'
import type { Peer } from './servers/peers.ts'
import { findPeers, ourServer, programOnPath } from './servers/peers.ts'

const USAGE = `npm run bench -- [options]

Starts memc-kv (from dist) and every peer it finds, puts the same load on them by turns, and prints
server CPU per operation, throughput, latency at half load, resident memory, and the ratios.

  --quick              two profiles, short rounds: under 30 s
  --profile A,B        only these; 'list' prints all of them (default: all)
  --rounds N           rounds of each server (default 5; quick 3)
  --seconds S          length of a round (default 1.5; quick 0.8)
  --no-latency         leave the latency out
  --peer NAME=CMD      a server to compare with, repeatable: the path of a memcached, or a command line
                       with {port}, {memory}, {workers}; 'none' for none (default: memcached, yrmcdsd
                       and redis-server from the PATH)
  --ours CMD           another build of memc-kv in place of this one: a command line with {port},
                       {memory}, {workers}; with --peer this=CMD two builds are compared
  --memtier PATH       memtier_benchmark (default: from the PATH; 'none' leaves its profiles out)
  --threads N          threads of the load generator (default: 2, or 1 on a machine with one core)
  --seed N             of keys, lengths and arrivals (default: 1)
  --no-build           measure dist as it is, although src may be newer
  --json FILE          write the raw rounds
  --write              update docs/performance.md
  --help
`

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  profile: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  'no-latency': { type: 'boolean', default: false },
  peer: { type: 'string', multiple: true },
  ours: { type: 'string' },
  memtier: { type: 'string' },
  threads: { type: 'string' },
  seed: { type: 'string', default: '1' },
  'no-build': { type: 'boolean', default: false },
  json: { type: 'string' },
  write: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Options = ReturnType<typeof options>

try {
  if (!(await main())) process.exitCode = 1
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}

/** Whether every reply was what it should be. */
async function main(): Promise<boolean> {
  const given = options()
  if (given.help) {
    console.log(USAGE)
    return true
  }
  const memtier = memtierProgram(given.memtier)
  const servers = [ourServer(given.ours), ...findPeers(given.peer)]
  const known = profiles(openFilesMax(), servers.length)
  if (given.profile === 'list') {
    console.log(textTable(known.map(({ name, says }) => [name, says])).replace(/ {2,}/g, '  '))
    return true
  }
  const chosen = choose(known, given, memtier)
  if (!given['no-build'] && given.ours === undefined) buildIfOlder()
  const results = await measureAll(chosen, servers, given, memtier)
  report(results, servers, given)
  return results.every((result) => result.servers.every((one) => one.errors === 0))
}

function options() {
  const { values } = parseArgs({ options: OPTIONS })
  const number = (text: string | undefined, or: number): number => {
    const value = text === undefined ? or : Number(text)
    if (!(value > 0)) throw new Error(`${text} is not a number above 0`)
    return value
  }
  return {
    ...values,
    rounds: number(values.rounds, values.quick ? 3 : 5),
    seconds: number(values.seconds, values.quick ? 0.8 : 1.5),
    threads: number(values.threads, Math.min(2, availableParallelism())),
    seed: number(values.seed, 1),
  }
}

function choose(
  known: readonly Profile[],
  given: Options,
  memtier: string | undefined,
): readonly Profile[] {
  if (given.profile === undefined) {
    return known.filter(
      (profile) =>
        (!given.quick || profile.quick) && (profile.memtier === null || memtier !== undefined),
    )
  }
  return given.profile.split(',').map((name) => {
    const profile = known.find((one) => one.name === name)
    if (profile === undefined) throw new Error(`no profile ${name}: try --profile list`)
    if (profile.memtier !== null && memtier === undefined) {
      throw new Error(`${name} needs memtier_benchmark on the PATH or --memtier PATH`)
    }
    return profile
  })
}

async function measureAll(
  chosen: readonly Profile[],
  servers: readonly Peer[],
  given: Options,
  memtier: string | undefined,
): Promise<ProfileResult[]> {
  const milliseconds = given.seconds * 1000
  const settings: LoadSettings = {
    rounds: given.rounds,
    milliseconds,
    warmMilliseconds: milliseconds,
    latencyRounds: given['no-latency'] ? 0 : given.quick ? 2 : 5,
    memtier,
    progress: (line) => process.stderr.write(`${line}\n`),
  }
  const generator = new LoadGenerator(given.threads, given.seed)
  const results: ProfileResult[] = []
  try {
    for (const profile of chosen) {
      const able = servers.filter((server) => canTake(server, profile))
      const shape = given.quick ? { ...profile, curve: false } : profile
      try {
        results.push(await measureProfile(shape, able, generator, settings))
      } catch (error) {
        // What the other profiles found is not to be lost for it.
        process.exitCode = 1
        console.error(
          `bench: ${profile.name} failed: ${error instanceof Error ? error.message : error}`,
        )
      }
    }
  } finally {
    await generator.stop()
  }
  return results
}

function report(results: readonly ProfileResult[], servers: readonly Peer[], given: Options): void {
  const machine = describeMachine(servers)
  const tables = loadTables(results)
  const command = repeatable(given)
  console.log(machine.join('\n'))
  console.log(`${command}\n`)
  for (const [title, rows] of [
    ['server CPU, µs per operation: total (user + system); ratio: median (low–high)', tables.cpu],
    ['operations per second', tables.throughput],
    ['latency at half of the slower server’s rate, open loop, µs', tables.latency],
    ['resident MiB after the rounds; hits and errors of each server', tables.memory],
  ] as const) {
    if (rows.length > 1) console.log(`${title}\n${textTable(rows)}\n`)
  }
  if (given.json !== undefined) {
    writeFileSync(given.json, `${JSON.stringify({ machine, command, results }, null, 2)}\n`)
  }
  if (given.write) {
    const { markdown, plots } = loadSection(results, machine, command)
    writeSection('throughput', markdown, plots)
    process.stderr.write('wrote docs/performance.md\n')
  }
}

/** Without what names places of this machine. */
function repeatable(given: Options): string {
  const words = ['npm run bench --', ...(given.quick ? ['--quick'] : []), '--seed', given.seed]
  words.push('--rounds', given.rounds)
  words.push('--seconds', given.seconds, '--threads', given.threads)
  if (given.profile !== undefined) words.push('--profile', given.profile)
  for (const peer of given.peer ?? []) words.push('--peer', peer.replace(/=\/\S*\//, '='))
  return words.join(' ')
}

function memtierProgram(given: string | undefined): string | undefined {
  if (given === 'none') return undefined
  return given ?? programOnPath('memtier_benchmark')
}

/** Node raises the soft limit to the hard one when it starts, so this is what there is. */
function openFilesMax(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1')
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? 1024 : Number(soft)
}
