import type { Latency, LoadGenerator, LoadTarget, RunResult } from './generator/generator.ts'
import { runMemtier } from './generator/memtier.ts'
import type { LoadPlan } from './generator/plan.ts'
import type { Profile } from './profiles.ts'
import { separateCores } from './servers/cores.ts'
import type { Peer } from './servers/peers.ts'
import { ServerProcess } from './servers/server-process.ts'

/** Of the slower server's saturating rate. */
const HALF = 0.5
const CURVE_SHARES = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9]

/** What memc-kv and memcached take when they are not told. */
const CONNECTIONS_DEFAULT = 1024

/** For a look at the server by hand while it is measured. */
const CONNECTIONS_SPARE = 50

export interface LoadSettings {
  readonly rounds: number
  readonly milliseconds: number
  /** Before the first round of each server: caches, and the compiler of a language that has one. */
  readonly warmMilliseconds: number
  /** Rounds at half load; 0 leaves the latency out. */
  readonly latencyRounds: number
  readonly memtier: string | undefined
  readonly progress: (line: string) => void
}

/** One round of one server. CPU is in microseconds per operation. */
export interface RoundSample {
  readonly user: number
  readonly system: number
  readonly perSecond: number
  readonly generatorCpu: number
  readonly hitShare: number | null
}

export interface SteadySample {
  readonly perSecond: number
  readonly latency: Latency
  /** p99 of each window of time, in microseconds. */
  readonly windowP99s: readonly number[]
  readonly lateness: Latency
  readonly overruns: number
}

export interface ServerFigures {
  readonly name: string
  readonly rounds: RoundSample[]
  readonly half: SteadySample[]
  readonly curve: SteadySample[]
  residentMib: number
  /** Resident bytes that each connection added which then did nothing. */
  idleBytes: number | null
  errors: number
}

export interface ProfileResult {
  readonly profile: Profile
  readonly servers: readonly ServerFigures[]
}

/** What is open to one server while a profile is measured. */
interface Bench {
  readonly server: ServerProcess
  readonly plan: LoadPlan
  readonly figures: ServerFigures
  closed: LoadTarget | null
}

/** All servers of a profile run at once, and are measured by turns: A B A B. The first is ours. */
export async function measureProfile(
  profile: Profile,
  peers: readonly Peer[],
  generator: LoadGenerator,
  settings: LoadSettings,
): Promise<ProfileResult> {
  const benches: Bench[] = []
  try {
    for (const peer of peers) benches.push(await prepare(profile, peer, generator, settings))
    // A round of memtier is several times as long as one of ours.
    const rounds = profile.memtier === null ? settings.rounds : Math.min(settings.rounds, 3)
    for (let round = 1; round <= rounds; round++) {
      for (const bench of benches) await saturate(profile, bench, settings, round)
    }
    for (const bench of benches) bench.figures.residentMib = bench.server.residentMebibytes()
    if (settings.latencyRounds > 0 && profile.memtier === null) {
      await measureLatency(profile, benches, generator, settings)
    }
  } finally {
    for (const bench of benches) {
      await bench.closed?.close().catch(() => {})
      await bench.server.stop()
    }
  }
  return { profile, servers: benches.map((bench) => bench.figures) }
}

/** Whether a server can be given this load at all. */
export function canTake(peer: Peer, profile: Profile): boolean {
  if (peer.dialect === 'redis') return profile.memtier === null && profile.plan.dialect !== 'meta'
  return peer.meta || profile.plan.dialect !== 'meta'
}

async function prepare(
  profile: Profile,
  peer: Peer,
  generator: LoadGenerator,
  settings: LoadSettings,
): Promise<Bench> {
  const { workers, memoryMib, extra } = profile
  const redis = peer.dialect === 'redis'
  const plan = redis ? { ...profile.plan, dialect: 'redis' as const } : profile.plan
  // Those of the closed loop stay open beside those of the open loop.
  const connections = plan.connections + plan.connectionsActive + CONNECTIONS_SPARE
  const line = peer.commandLine({
    workers,
    memoryMib,
    extra: redis ? [] : extra,
    ...(connections > CONNECTIONS_DEFAULT ? { connections } : {}),
  })
  const server = await ServerProcess.start(peer.name, line)
  const figures: ServerFigures = {
    ...{ name: peer.name, rounds: [], half: [], curve: [] },
    ...{ residentMib: 0, idleBytes: null, errors: 0 },
  }
  try {
    settings.progress(`${profile.name}: ${peer.name}: filling and warming up`)
    if (profile.memtier !== null) {
      await runMemtier(settings.memtier ?? '', server.port, profile.memtier)
      return { server, plan, figures, closed: null }
    }
    const active = await generator.open(activePart(plan), server.port)
    figures.errors += (await active.fill()).tally.errors
    figures.errors += (await active.saturate(settings.warmMilliseconds)).tally.errors
    if (plan.connections === plan.connectionsActive) {
      return { server, plan, figures, closed: active }
    }
    await active.close()
    const before = server.residentMebibytes()
    const closed = await generator.open(plan, server.port)
    const added = (server.residentMebibytes() - before) * 2 ** 20
    figures.idleBytes = added / (plan.connections - plan.connectionsActive)
    return { server, plan, figures, closed }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function saturate(
  profile: Profile,
  bench: Bench,
  settings: LoadSettings,
  round: number,
): Promise<void> {
  const { server, figures } = bench
  const before = cpuOf(server)
  const run = await oneRun(profile, bench, settings)
  const after = cpuOf(server)
  const sample = sampleOf(run, before, after)
  figures.rounds.push(sample)
  figures.errors += run.errors
  const cpu = (sample.user + sample.system).toFixed(2)
  settings.progress(
    `${profile.name}: round ${round}: ${server.name} ${cpu} µs per ${profile.unit}, ` +
      `${(sample.perSecond / 1000).toFixed(1)} k/s`,
  )
}

interface Run {
  readonly operations: number
  readonly seconds: number
  readonly generatorCpuSeconds: number
  readonly hitShare: number | null
  readonly errors: number
}

async function oneRun(profile: Profile, bench: Bench, settings: LoadSettings): Promise<Run> {
  if (profile.memtier !== null) {
    const run = await runMemtier(settings.memtier ?? '', bench.server.port, profile.memtier)
    return { ...run, generatorCpuSeconds: Number.NaN, hitShare: null, errors: 0 }
  }
  if (bench.closed === null) throw new Error('no connections')
  const run: RunResult = await bench.closed.saturate(settings.milliseconds)
  const { tally } = run
  return {
    operations: profile.unit === 'key' ? tally.keysAsked : tally.replies,
    seconds: run.seconds,
    generatorCpuSeconds: run.generatorCpuSeconds,
    hitShare: tally.keysAsked === 0 ? null : tally.hits / tally.keysAsked,
    errors: tally.errors,
  }
}

interface Cpu {
  readonly total: number
  readonly user: number
  readonly system: number
}

/** The scheduler's own figure is exact; /proc tells user from system in steps of 10 ms. */
function cpuOf(server: ServerProcess): Cpu {
  const { user, system } = server.cpuSeconds()
  const total = server.threads().reduce((sum, thread) => sum + thread.cpuSeconds, 0)
  return { total, user, system }
}

function sampleOf(run: Run, before: Cpu, after: Cpu): RoundSample {
  const user = after.user - before.user
  const system = after.system - before.system
  const share = user + system > 0 ? user / (user + system) : 0.5
  const total = ((after.total - before.total) / run.operations) * 1e6
  return {
    user: total * share,
    system: total * (1 - share),
    perSecond: run.operations / run.seconds,
    generatorCpu: (run.generatorCpuSeconds / run.operations) * 1e6,
    hitShare: run.hitShare,
  }
}

interface LatencyTarget {
  readonly bench: Bench
  readonly target: LoadTarget
}

/**
 * At half of what the slower server can do, the same for all, and after as long a time of it that does not
 * count: reads with other numbers of commands take other paths through the code, and a compiler that has to
 * share the servers' core is at work on them for ten seconds. One generator thread: it never sleeps, and a
 * second one would only take a core from the server. Where there are cores enough each side has its own.
 */
async function measureLatency(
  profile: Profile,
  benches: readonly Bench[],
  generator: LoadGenerator,
  settings: LoadSettings,
): Promise<void> {
  const servers = benches.map(({ server }) => server.pid)
  const together = separateCores(servers, profile.workers)
  const targets: LatencyTarget[] = []
  try {
    for (const bench of benches) {
      const target = await generator.open(activePart(bench.plan), bench.server.port, 1)
      targets.push({ bench, target })
    }
    const slowest = await slowestRate(targets, settings)
    const rounds = Math.min(settings.rounds, settings.latencyRounds)
    for (const { bench, target } of targets) {
      settings.progress(`${profile.name}: latency, ${bench.server.name} gets used to half load`)
      const warm = { ...settings, milliseconds: rounds * settings.milliseconds }
      await steady(bench, target, slowest * HALF, warm)
    }
    for (let round = 0; round < rounds; round++) {
      for (const { bench, target } of targets) {
        bench.figures.half.push(await steady(bench, target, slowest * HALF, settings))
      }
      settings.progress(`${profile.name}: latency, round ${round + 1} of ${rounds}`)
    }
    for (const share of profile.curve ? CURVE_SHARES : []) {
      for (const { bench, target } of targets) {
        bench.figures.curve.push(await steady(bench, target, slowest * share, settings))
      }
      settings.progress(`${profile.name}: latency at ${(share * 100).toFixed(0)} % of saturation`)
    }
  } finally {
    for (const { target } of targets) await target.close().catch(() => {})
    together?.()
  }
}

/** Commands per second that the slower one answers in this setting, with this generator. */
async function slowestRate(
  targets: readonly LatencyTarget[],
  settings: LoadSettings,
): Promise<number> {
  const rates: number[] = []
  for (const { bench, target } of targets) {
    const run = await target.saturate(settings.milliseconds)
    bench.figures.errors += run.tally.errors
    rates.push(run.tally.replies / run.seconds)
  }
  return Math.min(...rates)
}

async function steady(
  bench: Bench,
  target: LoadTarget,
  perSecond: number,
  settings: LoadSettings,
): Promise<SteadySample> {
  const run = await target.steady(settings.milliseconds, perSecond)
  bench.figures.errors += run.tally.errors
  const { latency, lateness, windowP99s } = run
  if (latency === null || lateness === null) throw new Error('nothing was due in this time')
  return { perSecond, latency, windowP99s, lateness, overruns: run.tally.overruns }
}

function activePart(plan: LoadPlan): LoadPlan {
  return { ...plan, connections: plan.connectionsActive }
}
