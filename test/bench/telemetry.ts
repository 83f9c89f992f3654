import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import type { LoadTarget } from './generator/generator.ts'
import { LoadGenerator } from './generator/generator.ts'
import { profiles } from './profiles.ts'
import { describeMachine } from './report/machine.ts'
import { ratios, spread, spreadText, textTable } from './report/statistics.ts'
import { buildIfOlder } from './servers/build.ts'
import { ourServer } from './servers/peers.ts'
import { ServerProcess } from './servers/server-process.ts'

const USAGE = `npm run bench:telemetry -- [options]

What it costs that the server tells about itself: CPU of the whole process for each operation, of
servers that run side by side and take the same load by turns.

  off      no latencies, no slow log, no sidecar, no traces
  default  as it starts: latencies and slow log; /metrics read every second
  traces   the same, and one command in a hundred becomes a span, as far as traces.rateLimit lets it
  all      the same without a limit

  --rounds N     (default 9)
  --seconds S    of each server's turn (default 1.5)
  --seed N       of the traffic (default 1)
`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1.5' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const PROFILES = ['seed', 'pipeline']
const WARM_MILLISECONDS = 2000
const SCRAPE_MILLISECONDS = 1000

type Environment = Readonly<Record<string, string>>

const OFF: Environment = {
  MEMCKV_METRICS_LATENCY: 'false',
  MEMCKV_LOG_SLOW_THRESHOLD: '0',
  MEMCKV_SIDECAR_PORT: '0',
}

interface Candidate {
  readonly name: string
  readonly server: ServerProcess
  readonly target: LoadTarget
  readonly sidecar: string
  readonly microseconds: number[]
}

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  buildIfOlder()
  const collector = await startCollector()
  const rows = [['µs of CPU per command', 'off', 'default ÷ off', 'traces ÷ off', 'all ÷ off']]
  for (const name of PROFILES) rows.push(await measure(name, collector.endpoint))
  collector.close()
  console.log(describeMachine([ourServer()]).join('\n'))
  console.log(textTable(rows))
}

async function measure(profileName: string, endpoint: string): Promise<string[]> {
  const profile = profiles(1000, 4).find(({ name }) => name === profileName)
  if (profile === undefined) throw new Error(`there is no profile ${profileName}`)
  const traces = {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
  }
  const environments: readonly (readonly [name: string, Environment])[] = [
    ['off', OFF],
    ['default', {}],
    ['traces', traces],
    ['all', { ...traces, MEMCKV_TRACES_RATE_LIMIT: '100000' }],
  ]
  const generator = new LoadGenerator(1, Number(options.seed))
  const candidates: Candidate[] = []
  try {
    for (const [name, environment] of environments) {
      const sidecarPort = name === 'off' ? 0 : await freePort()
      const server = await ServerProcess.start(
        name,
        ourServer().commandLine({ memoryMib: profile.memoryMib, workers: 1 }),
        { environment: { MEMCKV_SIDECAR_PORT: String(sidecarPort), ...environment } },
      )
      const target = await generator.open(profile.plan, server.port)
      const sidecar = sidecarPort === 0 ? '' : `http://127.0.0.1:${sidecarPort}/metrics`
      candidates.push({ name, server, target, sidecar, microseconds: [] })
      await target.fill()
      await target.saturate(WARM_MILLISECONDS)
    }
    for (let round = 1; round <= Number(options.rounds); round++) {
      for (const candidate of candidates) await turn(candidate, `${profileName}: round ${round}`)
    }
    for (const { target } of candidates) await target.close()
  } finally {
    await generator.stop()
    for (const { server } of candidates) await server.stop()
  }
  const [off, ...others] = candidates.map(({ microseconds }) => microseconds)
  return [
    profileName,
    spreadText(spread(off ?? [])),
    ...others.map((other) => spreadText(ratios(other, off ?? []))),
  ]
}

async function turn({ name, server, target, sidecar, microseconds }: Candidate, step: string) {
  const before = server.cpuSeconds()
  const timer = setInterval(() => void scrape(sidecar), SCRAPE_MILLISECONDS)
  await scrape(sidecar)
  const { tally } = await target.saturate(Number(options.seconds) * 1000)
  clearInterval(timer)
  const after = server.cpuSeconds()
  const seconds = after.user + after.system - before.user - before.system
  microseconds.push((seconds / tally.replies) * 1e6)
  console.error(`${step}: ${name} ${microseconds.at(-1)?.toFixed(2)} µs per command`)
}

async function scrape(sidecar: string): Promise<void> {
  if (sidecar === '') return
  const response = await fetch(sidecar)
  await response.text()
}

/** Takes what comes and says that it was good. */
async function startCollector(): Promise<{ endpoint: string; close: () => void }> {
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  return port
}
