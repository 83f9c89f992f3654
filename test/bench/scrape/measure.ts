import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { LoadTarget } from '../generator/generator.ts'
import { LoadGenerator } from '../generator/generator.ts'
import { SEED_PLAN } from '../profiles.ts'
import { ourServer } from '../servers/peers.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { Scraper } from './scraper.ts'

export interface ScrapeSettings {
  readonly rounds: number
  readonly seconds: number
  readonly intervalSeconds: number
  readonly workers: number
  readonly seed: number
}

/** One part of a round: the same load at a fixed rate, then as fast as it goes. Times in microseconds. */
export interface PartSample {
  readonly clientP50: number
  readonly clientP99: number
  readonly serverP99: number
  readonly perSecond: number
  /** Processor time of the control thread. */
  readonly controlMilliseconds: number
  readonly seconds: number
  readonly scrapes: number
}

/** Quiet rounds come in two, before and after the one with scrapes or the other way round. */
export interface ScrapeResult {
  readonly quiet: PartSample[]
  readonly scraped: PartSample[]
  readonly quietAgain: PartSample[]
  /** As the client of the sidecar sees it. */
  readonly scrapeMilliseconds: number[]
  readonly pageBytes: number
}

/** Of what the server did in its warm-up: low enough that a neighbour's work does not make a queue. */
const STEADY_SHARE = 0.3
const WARM_MILLISECONDS = 4000
const MEMORY_MIB = 64

export async function measureScrapes(settings: ScrapeSettings): Promise<ScrapeResult> {
  const { workers, seed, rounds } = settings
  const sidecarPort = await freePort()
  const server = await ServerProcess.start(
    'memc-kv',
    ourServer().commandLine({ memoryMib: MEMORY_MIB, workers }),
    { environment: { MEMCKV_SIDECAR_PORT: String(sidecarPort) } },
  )
  const generator = new LoadGenerator(1, seed)
  const scraper = new Scraper(`http://127.0.0.1:${sidecarPort}/metrics`)
  try {
    const target = await generator.open(SEED_PLAN, server.port)
    await target.fill()
    const warm = await target.saturate(WARM_MILLISECONDS)
    const perSecond = (warm.tally.replies / warm.seconds) * STEADY_SHARE
    await scraper.warmUp()
    const part = (scrapes: boolean): Promise<PartSample> =>
      measurePart({ server, target, scraper, perSecond, scrapes, settings })
    const result = { quiet: [], scraped: [], quietAgain: [] } as Pick<
      ScrapeResult,
      'quiet' | 'scraped' | 'quietAgain'
    >
    for (let round = 0; round < rounds; round++) {
      result.quiet.push(await part(false))
      result.scraped.push(await part(true))
      result.quietAgain.push(await part(false))
    }
    await target.close()
    return {
      ...result,
      scrapeMilliseconds: scraper.milliseconds,
      pageBytes: scraper.pageBytes,
    }
  } finally {
    await generator.stop()
    await server.stop()
  }
}

interface Part {
  readonly server: ServerProcess
  readonly target: LoadTarget
  readonly scraper: Scraper
  readonly perSecond: number
  readonly scrapes: boolean
  readonly settings: ScrapeSettings
}

async function measurePart(part: Part): Promise<PartSample> {
  const { server, target, scraper, settings } = part
  const milliseconds = settings.seconds * 1000
  // Read at the ends of every part alike; what a part is charged with lies in between.
  const before = await scraper.commandBuckets()
  const controlBefore = controlSeconds(server)
  const scrapesBefore = scraper.milliseconds.length
  if (part.scrapes) scraper.begin(settings.intervalSeconds * 1000)
  const steady = await target.steady(milliseconds, part.perSecond)
  const full = await target.saturate(milliseconds)
  await scraper.end()
  const control = controlSeconds(server) - controlBefore
  const after = await scraper.commandBuckets()
  if (steady.latency === null) throw new Error('no latency was measured')
  return {
    clientP50: steady.latency.p50,
    clientP99: steady.latency.p99,
    serverP99: quantile(0.99, before, after) * 1e6,
    perSecond: full.tally.replies / full.seconds,
    controlMilliseconds: control * 1000,
    seconds: steady.seconds + full.seconds,
    scrapes: scraper.milliseconds.length - scrapesBefore,
  }
}

/** The thread that the process began with. */
function controlSeconds(server: ServerProcess): number {
  const { pid } = server
  return server.threads().find(({ id }) => id === pid)?.cpuSeconds ?? Number.NaN
}

/** As Prometheus' histogram_quantile: linear within a bucket. */
function quantile(
  share: number,
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): number {
  const bounds = [...after.keys()].sort((a, b) => a - b)
  const grown = bounds.map((bound) => (after.get(bound) ?? 0) - (before.get(bound) ?? 0))
  const rank = share * (grown.at(-1) ?? 0)
  const at = grown.findIndex((count) => count >= rank)
  const [low, under] = at > 0 ? [bounds[at - 1] ?? 0, grown[at - 1] ?? 0] : [0, 0]
  const [high, upTo] = [bounds[at] ?? Number.NaN, grown[at] ?? Number.NaN]
  return Number.isFinite(high) ? low + ((high - low) * (rank - under)) / (upTo - under) : low
}

function freePort(): Promise<number> {
  return new Promise((settle) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => settle(port))
    })
  })
}
