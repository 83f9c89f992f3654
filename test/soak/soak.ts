import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIfOlder } from '../bench/servers/build.ts'
import { judgeHistory } from '../consistency/judge.ts'
import { recordRound } from '../consistency/round.ts'
import { checkStore, complaints, hookedBuild } from '../fuzz/server-process.ts'
import type { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import { Random, testSeed } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'
import type { Sample } from './figures.ts'
import { descriptors, residentBytes, SAMPLE_HEAD, Scrapes, sampleLine } from './figures.ts'
import type { Finding } from './judge.ts'
import { findingLine, judgeSamples, judgeStats } from './judge.ts'
import type { Surroundings, Tally } from './load.ts'
import { emptyTally, idle, startLoad } from './load.ts'
import { Pace } from './pace.ts'
import { soakPlot } from './plot.ts'
import { Probe } from './probe.ts'

const USAGE = `npm run soak -- [--minutes 10] [--memory 256] [--share 0.2] [--seed N] [--samples FILE] [--plot]
npm run soak -- --from FILE [--plot]     the verdict on samples that were kept

  --share    of one core, for server and load together
  --samples  keep each sample as a line of JSON
  --plot     draw docs/reliability/soak.svg
`

const SAMPLE_MILLISECONDS = 10_000
const SCRAPE_MILLISECONDS = 5000
const FILL_SHARE = 0.7
const FILL_MILLISECONDS_MAX = 240_000
const CHECK_PAUSE_MILLISECONDS = 20_000
/** Memory is full again one or two minutes after a flush_all. */
const FLUSHES_PER_RUN = 5
const FLUSH_PAUSE_MILLISECONDS_MIN = 240_000
const LOAD_PRIORITY = 10
const PROBE_CONNECTIONS = 1
/** On a busy machine some turn is always slow; the lines are counted. */
const SLOW_LINE = '"part":"slow"'
const BUILT_MAIN = resolve(import.meta.dirname, '../../dist/main.js')
const PLOT_FILE = resolve(import.meta.dirname, '../../docs/reliability/soak.svg')

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    memory: { type: 'string', default: '256' },
    share: { type: 'string', default: '0.2' },
    seed: { type: 'string' },
    samples: { type: 'string' },
    from: { type: 'string' },
    plot: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

function judgeKept(file: string): void {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const samples = lines.map((line) => JSON.parse(line) as Sample)
  for (const finding of judgeSamples(samples)) say(findingLine(finding))
  if (options.plot) writeFileSync(PLOT_FILE, soakPlot(samples))
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** @returns whether all is well */
async function soak(): Promise<boolean> {
  const seed = options.seed === undefined ? testSeed() : Number(options.seed)
  say(`seed ${seed}, ${options.minutes} minutes, began ${new Date().toISOString()}`)
  const scope = new SuiteScope()
  try {
    const run = await SoakRun.start(scope, new Random(seed))
    const findings = await run.run(Number(options.minutes) * 60_000)
    say('')
    for (const finding of findings) say(findingLine(finding))
    const bad = findings.filter(({ ok }) => !ok).length
    say(bad === 0 ? 'verdict: sound' : `verdict: ${bad} WRONG`)
    if (options.plot) writeFileSync(PLOT_FILE, soakPlot(run.samples))
    return bad === 0
  } finally {
    await scope.close()
  }
}

class SoakRun {
  readonly samples: Sample[] = []
  readonly #random: Random
  readonly #server: Server
  readonly #probe: Probe
  readonly #monitor: Client
  readonly #scrapes: Scrapes
  readonly #pace: Pace
  readonly #around: Surroundings
  readonly #stop = new AbortController()
  readonly #tally: Tally = emptyTally()
  #descriptorsBefore = 0
  #checkedOperations = 0
  #flushes = 0
  /** A flush_all that a sample of histories knows nothing of would look like a fault. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(random: Random, server: Server, probe: Probe, monitor: Client) {
    this.#random = random
    this.#probe = probe
    this.#server = server
    this.#monitor = monitor
    this.#scrapes = new Scrapes(`${server.sidecar}/metrics`)
    this.#pace = new Pace(server.pid, FILL_SHARE)
    const { signal } = this.#stop
    this.#around = { address: server.address, pace: this.#pace, tally: this.#tally, signal }
  }

  static async start(scope: SuiteScope, random: Random): Promise<SoakRun> {
    buildIfOlder()
    const server = await Server.start(scope, {
      flags: ['-t', '2', '-m', options.memory],
      sidecar: true,
      main: BUILT_MAIN,
      environment: { ...hookedBuild(), MEMCKV_LOG_SLOW_THRESHOLD: '50ms' },
    })
    const probe = await Probe.start(server.address)
    // Only this thread, which makes the load; the one that measures has begun before.
    setPriority(LOAD_PRIORITY)
    return new SoakRun(random, server, probe, await server.connect())
  }

  async run(milliseconds: number): Promise<Finding[]> {
    await this.#scrapes.read()
    await pause(1000)
    this.#descriptorsBefore = descriptors(this.#server.pid) - PROBE_CONNECTIONS
    this.#pace.begin()
    this.#scrapes.begin(SCRAPE_MILLISECONDS)
    const load = startLoad(this.#around, this.#random)
    try {
      await Promise.race([load, this.#measure(milliseconds)])
    } finally {
      this.#stop.abort()
    }
    await load
    await this.#turn
    await this.#probe.end()
    this.#scrapes.end()
    this.#pace.end()
    return [...judgeSamples(this.samples), ...(await this.#judgeEnd())]
  }

  async #measure(milliseconds: number): Promise<void> {
    await this.#fill()
    this.#pace.share = Number(options.share)
    say(SAMPLE_HEAD)
    const start = performance.now()
    const checks = this.#checks()
    const flushes = this.#flushNowAndThen(milliseconds)
    await this.#probe.take()
    let stats = await this.#monitor.stats()
    let commands = this.#tally.commands
    let at = start
    while (performance.now() < start + milliseconds) {
      await Promise.race([pause(SAMPLE_MILLISECONDS), checks, flushes])
      const [now, time] = [await this.#monitor.stats(), performance.now()]
      const rate = (name: string): number =>
        ((Number(now.get(name)) - Number(stats.get(name))) * 1000) / (time - at)
      const sample: Sample = {
        at: (time - start) / 1000,
        operationsPerSecond: ((this.#tally.commands - commands) * 1000) / (time - at),
        share: this.#pace.used,
        residentBytes: residentBytes(this.#server.pid),
        heapBytes: this.#scrapes.heapBytes(),
        descriptors: descriptors(this.#server.pid),
        connections: Number(now.get('curr_connections')),
        items: Number(now.get('curr_items')),
        itemBytes: Number(now.get('bytes')),
        evictionsPerSecond: rate('evictions'),
        hitRatio: rate('get_hits') / Math.max(1e-9, rate('cmd_get')),
        histogram: await this.#probe.take(),
        serverP99Microseconds: this.#scrapes.p99Microseconds(),
      }
      ;[stats, at, commands] = [now, time, this.#tally.commands]
      this.samples.push(sample)
      say(sampleLine(sample))
      if (options.samples !== undefined)
        appendFileSync(options.samples, `${JSON.stringify(sample)}\n`)
    }
  }

  /** Faster than later, until something has been evicted. */
  async #fill(): Promise<void> {
    const end = performance.now() + FILL_MILLISECONDS_MAX
    while (performance.now() < end) {
      const stats = await this.#monitor.stats()
      if (Number(stats.get('evictions')) > 0) break
      say(`filling: ${Math.round(Number(stats.get('bytes')) / 1048576)} MiB`)
      await pause(5000)
    }
  }

  /** Histories of a few keys, recorded in the midst of everything else and put in order. */
  async #checks(): Promise<void> {
    const { signal } = this.#stop
    let id = 0
    for (let round = 0; !signal.aborted; round++) {
      const keys = ['text', 'number', 'large'].map((kind) => `${kind}-check.${round}`)
      const plan = {
        address: this.#server.address,
        keys,
        batches: 8,
        batchCommandsMax: 6,
        onlyTelling: false,
        leisurely: true,
        flushChance: 0,
        cutChance: 0.05,
        lossy: true,
        nextId: () => id++,
      }
      await this.#exclusively(async () => {
        const history = await recordRound(plan, 5, `check${round}.`, this.#random)
        this.#checkedOperations += judgeHistory(history, keys).operations
      })
      await idle(this.#around, CHECK_PAUSE_MILLISECONDS)
    }
  }

  async #flushNowAndThen(milliseconds: number): Promise<void> {
    const between = Math.max(FLUSH_PAUSE_MILLISECONDS_MIN, milliseconds / (FLUSHES_PER_RUN + 1))
    for (;;) {
      await idle(this.#around, between)
      if (this.#stop.signal.aborted) return
      await this.#exclusively(async () => {
        const client = await this.#server.connect()
        client.send('flush_all\r\n')
        await client.expect('OK\r\n')
        client.close()
        this.#flushes++
      })
    }
  }

  #exclusively(body: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(body)
    this.#turn = done
    return done
  }

  async #judgeEnd(): Promise<Finding[]> {
    const server = this.#server
    const tally = this.#tally
    const stats = await until(
      async () => {
        const found = await this.#monitor.stats()
        return found.get('curr_connections') === '1' ? found : null
      },
      () => 'connections are left behind',
    )
    await pause(1000)
    const after = descriptors(server.pid)
    const pagesLeft = await checkStore(server)
    const findings: Finding[] = [
      ...judgeStats(stats, {
        total_items: tally.stored,
        total_connections: tally.connections,
        cmd_flush: this.#flushes,
      }),
      {
        what: 'descriptors with all clients gone',
        figure: `${after}, ${this.#descriptorsBefore} before`,
        ok: after <= this.#descriptorsBefore,
      },
      { what: 'wrong values', figure: `0 of ${tally.hits} that were read`, ok: tally.hits > 0 },
      {
        what: 'histories put in order',
        figure: `${this.#checkedOperations} operations`,
        ok: this.#checkedOperations > 0,
      },
      { what: 'connections cut by the server', figure: `${tally.cut}`, ok: tally.cut === 0 },
      { what: 'pages of the store that nobody has', figure: `${pagesLeft}`, ok: pagesLeft === 0 },
    ]
    this.#monitor.close()
    const exit = await server.stop()
    findings.push({ what: 'exit status', figure: `${exit.code}`, ok: exit.code === 0 })
    const lines = complaints(server)
    const said = lines.filter((line) => !line.includes(SLOW_LINE))
    findings.push({
      what: 'warnings and errors in the log',
      figure: said.length === 0 ? 'none' : `${said.length}, the first: ${said[0]}`,
      ok: said.length === 0,
    })
    say(
      JSON.stringify({
        ...tally,
        flushes: this.#flushes,
        scrapes: this.#scrapes.count,
        slowLines: lines.length - said.length,
      }),
    )
    return findings
  }
}

if (options.help) process.stdout.write(USAGE)
else if (options.from !== undefined) judgeKept(options.from)
else process.exitCode = (await soak()) ? 0 : 1
