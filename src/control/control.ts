import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { UsersFileError } from '../auth/users-file.ts'
import type { Config } from '../base/config.ts'
import { HANDOVER_WORKERS_MAX } from '../base/config.ts'
import { EXIT, fatal } from '../base/fatal.ts'
import type { BoundAddress, HandoverStart, ListenPlace, WorkerStart } from '../base/messages.ts'
import type { Settings } from '../config/load.ts'
import { ConfigError, loadSettings } from '../config/load.ts'
import { AuthFileError } from './auth-file.ts'
import { isDaemon, startDaemon } from './daemon.ts'
import { exitOnEarlySignals } from './lifecycle.ts'
import { findListenPlaces, ListenError } from './listen-places.ts'
import type { KnownUsers } from './logins.ts'
import { readUsers } from './logins.ts'
import type { Server } from './server.ts'
import type { SharedMemory } from './shared-memory.ts'
import { createSharedMemory } from './shared-memory.ts'
import { dataPortFiles, loadOrEnd } from './tls-files.ts'
import { Workers } from './workers.ts'

const HANDOVER_NAME_BYTES = 12
const HANDOVER_SECRET_BYTES = 32

/**
 * The control thread up to the moment when the server is ready. It reads the settings, finds out
 * whether it can listen, makes the shared memory and starts the workers; while they load their
 * code, it loads the rest of its own (server.ts), which takes over. Whatever goes wrong before
 * `ready` is one line on standard error and an exit status, with nothing left behind.
 *
 * @returns the server, which runs
 * @param entry the file that each worker runs
 */
export async function runControl(entry: URL): Promise<Server> {
  process.on('uncaughtException', (error) => fatal('internal', error.stack ?? String(error)))
  const endEarlySignals = exitOnEarlySignals()
  leaveDeletedFolder()
  const settings = await readSettings()
  const { config } = settings
  if (config.process.daemon && !isDaemon()) await startDaemon()
  const known = await readKnownUsers(config)
  const certificates = config.tls.enabled ? loadOrEnd(dataPortFiles(config.tls)) : null
  const places = await findPlaces(config)
  const shared = reserveMemory(settings)
  const workers = new Workers({
    entry,
    starts: workerStarts(settings, shared, places, {
      users: known.plain,
      access: known.users?.table ?? null,
      tls: certificates?.material ?? null,
    }),
    heartbeat: shared.heartbeat,
    heartbeatTimeoutMilliseconds: config.workers.heartbeatTimeout,
  })
  const listening = startWorkers(workers, config)
  const loaded = await import('./server.ts')
  const server = await loaded.Server.create({ settings, shared, workers, known, certificates })
  const addresses = await listening
  server.run(addresses)
  // After the server's own handlers are there: a signal that comes between an end and a beginning is lost.
  endEarlySignals()
  return server
}

/** No thread can be started in a folder that is no longer there. */
function leaveDeletedFolder(): void {
  try {
    process.cwd()
  } catch {
    process.chdir('/')
  }
}

async function readSettings(): Promise<Settings> {
  try {
    const loaded = await loadSettings()
    if (loaded.kind === 'settings') return loaded
    writeSync(1, `${loaded.text}\n`)
  } catch (error) {
    if (error instanceof ConfigError) fatal(error.reason, error.message)
    // Whoever asked for the help stopped reading it.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
  process.exit(EXIT.ok.status)
}

async function readKnownUsers(config: Config): Promise<KnownUsers> {
  try {
    return await readUsers(config.auth)
  } catch (error) {
    if (error instanceof AuthFileError || error instanceof UsersFileError) {
      fatal('authFile', error.message)
    }
    throw error
  }
}

async function findPlaces(config: Config): Promise<ListenPlace[]> {
  try {
    return await findListenPlaces(config)
  } catch (error) {
    if (error instanceof ListenError) fatal('noListen', error.message)
    throw error
  }
}

function reserveMemory(settings: Settings): SharedMemory {
  try {
    return createSharedMemory(settings.config, settings.derived)
  } catch (error) {
    if (error instanceof RangeError) {
      const { limit } = settings.config.memory
      fatal('outOfMemory', `cannot reserve ${limit} bytes for items: ${error.message}`)
    }
    throw error
  }
}

/** A socket file gets its permissions from the umask, which only this thread may set. */
async function startWorkers(workers: Workers, config: Config): Promise<readonly BoundAddress[]> {
  const { unixSocket, unixMask } = config.listen
  if (unixSocket === '') return await workers.start()
  const before = process.umask(~unixMask & 0o777)
  const addresses = await workers.start()
  process.umask(before)
  return addresses
}

function workerStarts(
  settings: Settings,
  shared: SharedMemory,
  places: readonly ListenPlace[],
  secrets: Pick<WorkerStart, 'users' | 'access' | 'tls'>,
): WorkerStart[] {
  const { config, derived } = settings
  const startedUnixMilliseconds = Date.now()
  const handover = handoverStart(config, derived.workerCount)
  return Array.from({ length: derived.workerCount }, (_, index) => ({
    kind: 'memc-kv-worker',
    index,
    count: derived.workerCount,
    config,
    memory: shared.store,
    runtime: shared.runtime,
    counters: shared.counters,
    heartbeat: shared.heartbeat,
    eventRings: shared.eventRings,
    eventRingBytes: shared.eventRingBytes,
    prefixTables: shared.prefixTables,
    statsBaseline: shared.stats,
    latency: shared.latency,
    threadFigures: shared.threadFigures,
    traceRings: shared.traceRings,
    sampling: settings.tracing.sampling,
    clock: shared.clock,
    startedUnixMilliseconds,
    listen: places,
    handover,
    rawSockets: config.listen.rawSockets,
    ...secrets,
  }))
}

/** A worker that is alone has nobody to hand a client to. */
function handoverStart(config: Config, workers: number): HandoverStart | null {
  if (!config.listen.rawSockets || workers === 1 || workers > HANDOVER_WORKERS_MAX) return null
  return {
    name: `memc-kv-${randomBytes(HANDOVER_NAME_BYTES).toString('hex')}`,
    secret: randomBytes(HANDOVER_SECRET_BYTES),
    coming: new Int32Array(new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT)),
  }
}
