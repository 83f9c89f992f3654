import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { LoadPlan, LoadResult } from './load-client.ts'
import { runLoad } from './load-client.ts'
import { ServerProcess } from './server-process.ts'

const USAGE = `npm run load -- [options]

Puts a bounded load on a server and prints throughput and latency; when it starts the servers
itself (no --server), also server CPU per operation and, where a memcached is found, the ratio.

  --server HOST:PORT   a running server; otherwise memc-kv is started, and --peer beside it
  --peer PATH          memcached to compare with (default: memcached from the PATH, 'none' for none)
  --workers N          threads of both servers (default 1)
  --profile NAME       seed (set:get 4:8, 32-500 bytes), pipeline (the same, 32 at a time),
                       multiget (50 keys), big (16 kB, 1:11), small (get only, 100 bytes)
  --operations N       commands per round (default 200000)
  --connections N      (default 40)
  --rounds N           rounds, the servers by turns (default 3)
`

const PROFILES: Record<string, Partial<LoadPlan>> = {
  seed: {},
  pipeline: { pipeline: 32 },
  multiget: { keysPerGet: 50, setsOfTwelve: 1, pipeline: 1 },
  big: { valueBytesMin: 16000, valueBytesMax: 16000, setsOfTwelve: 1, keys: 2000 },
  small: { valueBytesMin: 100, valueBytesMax: 100, setsOfTwelve: 0 },
}

const { values: options } = parseArgs({
  options: {
    server: { type: 'string' },
    peer: { type: 'string' },
    workers: { type: 'string', default: '1' },
    profile: { type: 'string', default: 'seed' },
    operations: { type: 'string', default: '200000' },
    connections: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '3' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else if (PROFILES[options.profile] === undefined) fail(`no profile ${options.profile}`)
else if (options.server !== undefined) await loadOne(options.server)
else await compare()

function plan(host: string, port: number): LoadPlan {
  return {
    host,
    port,
    connections: Number(options.connections),
    pipeline: 1,
    operations: Number(options.operations),
    keys: 100_000,
    valueBytesMin: 32,
    valueBytesMax: 500,
    setsOfTwelve: 4,
    keysPerGet: 1,
    ...PROFILES[options.profile],
  }
}

/** Fill the cache first, so that gets hit. */
function fillPlan(host: string, port: number): LoadPlan {
  const base = plan(host, port)
  return { ...base, setsOfTwelve: 12, operations: base.keys * 2, pipeline: 32 }
}

async function loadOne(address: string): Promise<void> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon)
  const port = Number(address.slice(colon + 1))
  await runLoad(fillPlan(host, port))
  for (let round = 1; round <= Number(options.rounds); round++) {
    console.log(describe(`round ${round}`, await runLoad(plan(host, port))))
  }
}

async function compare(): Promise<void> {
  const { workers } = options
  const ours = [process.execPath, 'src/main.ts', '-p', '{port}', '-l', '127.0.0.1', '-t', workers]
  const servers = [await ServerProcess.start('memc-kv', ours)]
  const peer = options.peer ?? findMemcached()
  if (peer !== 'none') {
    const line = [peer, '-p', '{port}', '-l', '127.0.0.1', '-U', '0', '-t', workers, '-u', 'root']
    servers.push(await ServerProcess.start('memcached', line))
  }
  const costs = servers.map((): number[] => [])
  try {
    for (const server of servers) await runLoad(fillPlan('127.0.0.1', server.port))
    for (let round = 1; round <= Number(options.rounds); round++) {
      for (const [index, server] of servers.entries()) {
        costs[index]?.push(await measure(server, round))
      }
    }
  } finally {
    for (const server of servers) await server.stop()
  }
  report(costs)
}

async function measure(server: ServerProcess, round: number): Promise<number> {
  const before = server.cpuSeconds()
  const result = await runLoad(plan('127.0.0.1', server.port))
  const after = server.cpuSeconds()
  const user = ((after.user - before.user) / result.operations) * 1e6
  const system = ((after.system - before.system) / result.operations) * 1e6
  const cpu = `cpu ${(user + system).toFixed(2)} us/op (user ${user.toFixed(2)}, system ${system.toFixed(2)})`
  const resident = `resident ${server.residentMebibytes().toFixed(0)} MiB`
  console.log(`${describe(`round ${round} ${server.name.padEnd(9)}`, result)}  ${cpu}  ${resident}`)
  return user + system
}

function report(costs: readonly number[][]): void {
  const [ours, theirs] = costs.map(median)
  if (ours === undefined) return
  const cores = `${availableParallelism()} cores, profile ${options.profile}`
  if (theirs === undefined) console.log(`median cpu ${ours.toFixed(2)} us/op (${cores})`)
  else {
    const ratio = (ours / theirs).toFixed(2)
    console.log(
      `median cpu memc-kv ${ours.toFixed(2)}, memcached ${theirs.toFixed(2)} us/op: ratio ${ratio} (${cores})`,
    )
  }
}

function describe(label: string, result: LoadResult): string {
  const rate = (result.operations / result.seconds / 1000).toFixed(1)
  const { p50, p99, p999, errors } = result
  const latency = `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} p99.9 ${p999.toFixed(2)} ms`
  return `${label}: ${rate} kop/s  ${latency}  hits ${result.hits}  errors ${errors}`
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

function findMemcached(): string {
  const found = ['/usr/bin/memcached', '/usr/local/bin/memcached'].find((path) => existsSync(path))
  return found ?? 'none'
}

function fail(message: string): void {
  console.error(`load: ${message}`)
  process.exitCode = 64
}
