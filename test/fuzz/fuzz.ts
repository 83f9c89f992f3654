import { testSeed } from '../support/seed.ts'

interface Program {
  /** Throws when it finds something. */
  run(seed: number, events: number): void | Promise<void>
}

export interface Fuzzer {
  readonly load: () => Promise<Program>
  /** What it does in less than 20 seconds. */
  readonly events: number
  /** What it does in a second or two, for the smoke test. */
  readonly smokeEvents: number
  readonly about: string
}

/**
 * `npm run fuzz -- <name>|all [seed] [events]`
 *
 * Each fuzzer does the same for the same seed and number of events (the server's as far as the
 * machine's timing lets it), so a failure is run again by the numbers that were printed.
 */
export const FUZZERS: Readonly<Record<string, Fuzzer>> = {
  parser: {
    load: () => import('./parser.ts'),
    events: 300_000,
    smokeEvents: 6_000,
    about: 'bytes and lines, whole and in pieces, give the same commands',
  },
  store: {
    load: () => import('./store.ts'),
    events: 60_000,
    smokeEvents: 4_000,
    about: 'the store against a map that is told of evictions',
  },
  eviction: {
    load: () => import('./eviction.ts'),
    events: 60_000,
    smokeEvents: 4_000,
    about: 'memory that is always full, with loads that change',
  },
  server: {
    load: () => import('./server.ts'),
    events: 8_000,
    smokeEvents: 800,
    about: 'the real server under clients that know what they may be told',
  },
  users: {
    load: () => import('./users.ts'),
    events: 20_000,
    smokeEvents: 800,
    about: 'users with few rights beside the keys of others',
  },
  coverage: {
    load: () => import('./coverage.ts'),
    events: 120_000,
    smokeEvents: 2_000,
    about: 'parser and worker under inputs that are kept when they run new code',
  },
}

/** Fails on purpose; not part of `all`. */
export const CANARY: Fuzzer = {
  load: () => import('./canary.ts'),
  events: 10_000,
  smokeEvents: 10_000,
  about: 'fails, to show that a failure is seen (not part of all)',
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))

async function main([name, seedText, eventsText]: readonly string[]): Promise<number> {
  const chosen = name === undefined ? [] : chooseFuzzers(name)
  const seed = seedText === undefined ? testSeed() : Number(seedText)
  const events = eventsText === undefined ? null : Number(eventsText)
  const areNumbers = Number.isInteger(seed) && (events === null || events > 0)
  if (chosen.length === 0 || !areNumbers) {
    say(usage())
    return 64
  }
  for (const [title, fuzzer] of chosen) {
    const count = events ?? fuzzer.events
    say(`${title}: seed ${seed}, ${count} events`)
    const start = performance.now()
    try {
      const { run } = await fuzzer.load()
      await run(seed, count)
    } catch (error) {
      say(`${error instanceof Error ? error.stack : String(error)}`)
      say(`${title}: FAILED; again with: npm run fuzz -- ${title} ${seed} ${count}`)
      return 1
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    say(`${title}: passed in ${seconds} s, seed ${seed}`)
  }
  return 0
}

function chooseFuzzers(name: string): (readonly [string, Fuzzer])[] {
  if (name === 'all') return Object.entries(FUZZERS)
  if (name === 'canary') return [['canary', CANARY]]
  const fuzzer = FUZZERS[name]
  return fuzzer === undefined ? [] : [[name, fuzzer]]
}

function usage(): string {
  const all = { ...FUZZERS, canary: CANARY }
  const lines = Object.entries(all).map(([title, { about }]) => `  ${title.padEnd(9)} ${about}`)
  return `npm run fuzz -- <name>|all [seed] [events]\n${lines.join('\n')}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
