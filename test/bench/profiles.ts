import type { LoadPlan } from './generator/plan.ts'

/** One kind of load, and the server it is put on. */
export interface Profile {
  readonly name: string
  readonly says: string
  readonly plan: LoadPlan
  readonly workers: number
  readonly memoryMib: number
  readonly extra: readonly string[]
  /** What CPU is counted by: a multiget of 50 keys is 50. */
  readonly unit: 'command' | 'key'
  /** The ratio of CPU per operation that the design asks for; 1 where it names none. */
  readonly goal: number
  /** Whether a curve over several rates is drawn. */
  readonly curve: boolean
  /** Part of --quick. */
  readonly quick: boolean
  /** Its arguments, when memtier_benchmark makes this load instead of our own generator. */
  readonly memtier: readonly string[] | null
}

/** As the load the project began with: memtier, 4 sets to 8 gets, 32 to 500 bytes, 100,000 keys. */
export const SEED_PLAN: LoadPlan = {
  dialect: 'classic',
  connections: 40,
  connectionsActive: 40,
  pipeline: 1,
  keys: 100_000,
  keysPerGet: 1,
  gets: 8,
  sets: 4,
  increments: 0,
  valueBytesMin: 32,
  valueBytesMax: 500,
  exptimeMin: 10,
  exptimeMax: 3600,
}

const BASE: Omit<Profile, 'name' | 'says' | 'plan'> = {
  workers: 1,
  memoryMib: 64,
  extra: [],
  unit: 'command',
  goal: 1,
  curve: false,
  quick: false,
  memtier: null,
}

const MIB = 2 ** 20
const VALUE_16K = { valueBytesMin: 16_000, valueBytesMax: 16_000 }
const MEMTIER_SEED = ['--ratio=4:8', '--data-size-range=32-500', '--expiry-range=10-3600']
const MEMTIER_CLIENTS = ['--clients=10', '--threads=4']

/** Files that this process has open besides the idle connections. */
const DESCRIPTORS_KEPT = 500

/**
 * `descriptors` is how many files this process may open: it bounds the idle connections, which are open
 * to all servers at once.
 */
export function profiles(descriptors: number, servers: number): Profile[] {
  const most = Math.floor((descriptors - DESCRIPTORS_KEPT) / servers)
  const idle = Math.min(10_000, Math.max(100, most))
  return [
    profile('seed', '4 sets to 8 gets, 32–500 B, 40 connections', {}, { quick: true, curve: true }),
    profile(
      'pipeline',
      'the same, 32 commands on the way on each connection',
      { pipeline: 32 },
      { quick: true, curve: true, goal: 0.7 },
    ),
    profile('multiget', 'gets of 50 keys, 32–500 B, all hits, CPU per key', gets(50), {
      unit: 'key',
      goal: 0.7,
    }),
    profile('get', 'gets only, 100 B, all hits', {
      ...gets(1),
      valueBytesMin: 100,
      valueBytesMax: 100,
    }),
    profile(
      '16kb',
      '1 set to 9 gets, 16,000 B, all hits',
      { ...VALUE_16K, gets: 9, sets: 1, keys: 2000 },
      { memoryMib: 256 },
    ),
    profile(
      '1mb',
      '1 set to 9 gets, 1 MiB, all hits, 8 connections, -I 2m',
      {
        ...{ valueBytesMin: MIB, valueBytesMax: MIB, keys: 20, gets: 9, sets: 1 },
        ...{ connections: 8, connectionsActive: 8 },
      },
      { memoryMib: 256, extra: ['-I', '2m'] },
    ),
    profile('evict', 'sets only, 32–500 B, twice as many as fit: each evicts', {
      gets: 0,
      sets: 1,
      keys: 400_000,
      exptimeMin: 0,
      exptimeMax: 0,
    }),
    profile('counters', 'incr of 10,000 counters', {
      gets: 0,
      sets: 0,
      increments: 1,
      keys: 10_000,
    }),
    profile('ttl', '4 sets to 8 gets, 32–500 B, 1–2 s to live', { exptimeMin: 1, exptimeMax: 2 }),
    profile('meta', 'the seed mix in meta commands: ms and mg', { dialect: 'meta' }),
    profile(
      '1000',
      'the seed mix on 1000 connections',
      { connections: 1000, connectionsActive: 1000 },
      { goal: 1.1 },
    ),
    profile(
      'idle',
      `the seed mix on 40 connections beside ${(idle - 40).toLocaleString('en-US')} idle ones`,
      { connections: idle },
      { goal: 1.1 },
    ),
    profile('seed-2', 'the seed mix, 2 workers', {}, { workers: 2 }),
    profile('seed-4', 'the seed mix, 4 workers', {}, { workers: 4 }),
    profile('pipeline-2', 'pipeline 32, 2 workers', { pipeline: 32 }, { workers: 2, goal: 0.7 }),
    profile('pipeline-4', 'pipeline 32, 4 workers', { pipeline: 32 }, { workers: 4, goal: 0.7 }),
    profile(
      'memtier-seed',
      'the seed mix by memtier_benchmark',
      {},
      { memtier: [...MEMTIER_SEED, ...MEMTIER_CLIENTS, '--requests=10000'] },
    ),
    profile(
      'memtier-pipeline',
      'pipeline 32 by memtier_benchmark',
      { pipeline: 32 },
      {
        goal: 0.7,
        memtier: [...MEMTIER_SEED, ...MEMTIER_CLIENTS, '--requests=30000', '--pipeline=32'],
      },
    ),
  ]
}

function profile(
  name: string,
  says: string,
  plan: Partial<LoadPlan>,
  rest: Partial<Profile> = {},
): Profile {
  return { ...BASE, ...rest, name, says, plan: { ...SEED_PLAN, ...plan } }
}

function gets(keysPerGet: number): Partial<LoadPlan> {
  return { keysPerGet, gets: 1, sets: 0 }
}
