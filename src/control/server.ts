import { CoarseClock } from '../base/clock.ts'
import { collectStartGarbage, tuneEngine } from '../base/engine.ts'
import { EXIT, fatal, setFatalSink } from '../base/fatal.ts'
import type { BoundAddress, TlsMaterial } from '../base/messages.ts'
import { RUNTIME } from '../base/runtime.ts'
import type { Settings } from '../config/load.ts'
import { asksForCertificates } from '../config/load.ts'
import type { Sidecar, SidecarTls } from '../sidecar/sidecar.ts'
import { Store } from '../store/store.ts'
import { COUNTER, counterBlock } from '../telemetry/counters.ts'
import { Log } from '../telemetry/log.ts'
import type { CertificateFigures, MetricsSource } from '../telemetry/metrics/source.ts'
import { attachStatsMemory } from '../telemetry/stats-memory.ts'
import { ThreadObserver } from '../telemetry/thread-figures.ts'
import type { LoadedMaterial } from '../tls/material.ts'
import { protocolVersion, version } from '../version.ts'
import { Certificates } from './certificates.ts'
import { releaseCaller, removePidFile, writePidFile } from './daemon.ts'
import { Lifecycle } from './lifecycle.ts'
import { LogLevels } from './log-levels.ts'
import type { KnownUsers } from './logins.ts'
import { Logins } from './logins.ts'
import { Maintenance } from './maintenance.ts'
import { writePortFile } from './port-file.ts'
import { Requests } from './requests.ts'
import type { SharedMemory } from './shared-memory.ts'
import { openSidecar } from './sidecar-start.ts'
import { SidecarTokens } from './sidecar-tokens.ts'
import { SocketMemory } from './socket-memory.ts'
import { metricsSource, statsSource } from './sources.ts'
import { dataPortFiles, loadOrEnd, sidecarFiles } from './tls-files.ts'
import { Tracing } from './tracing.ts'
import type { Workers } from './workers.ts'

/** By then a probe and a scrape have been answered once, and what they need is loaded. */
const START_OVER_MILLISECONDS = 2000

export interface ServerParts {
  readonly settings: Settings
  readonly shared: SharedMemory
  readonly workers: Workers
  readonly known: KnownUsers
  /** Of the data port; null without TLS. */
  readonly certificates: LoadedMaterial | null
}

/** The control thread of a server that runs: its parts, and what each tells the others. */
export class Server {
  readonly #parts: ServerParts
  readonly #log: Log
  readonly #logLevels: LogLevels
  readonly #lifecycle: Lifecycle
  readonly #requests: Requests
  readonly #logins: Logins
  readonly #maintenance: Maintenance
  readonly #socketMemory: SocketMemory
  readonly #metrics: MetricsSource
  readonly #observer: ThreadObserver
  readonly #tracing: Tracing
  readonly #certificates: Certificates | null
  readonly #sidecarCertificates: Certificates | null
  #sidecar: Sidecar | null = null
  #tokens: SidecarTokens | null = null

  private constructor(parts: ServerParts, log: Log) {
    const { settings, shared, workers } = parts
    const { config, derived } = settings
    const store = new Store(shared.store)
    this.#parts = parts
    this.#log = log
    this.#logLevels = new LogLevels(log, shared.runtime)
    this.#lifecycle = new Lifecycle({
      shutdown: config.shutdown,
      log: log.part('lifecycle'),
      drain: (windowMilliseconds) => workers.drain(windowMilliseconds),
      announceDrain: () => Atomics.store(shared.runtime, RUNTIME.draining, 1),
      reload: () => void this.#reload(),
      finish: async () => {
        await this.#tracing.stop()
        await this.#sidecar?.close()
        await log.settled()
      },
      beforeExit: () => this.#end(),
    })
    this.#requests = new Requests({
      store,
      storeMemory: shared.store,
      runtime: shared.runtime,
      counters: counterBlock(shared.counters, derived.workerCount),
      eventRings: shared.eventRings,
      eventRingBytes: shared.eventRingBytes,
      workerCount: derived.workerCount,
      memoryUsers: derived.memoryUsers,
      watchBufferBytes: config.watch.bufferSize,
      post: (worker, message) => workers.post(worker, message),
      broadcast: (message) => workers.broadcast(message),
      stop: (cause) => void this.#lifecycle.stop(cause),
      refreshCertificates: () => this.#refreshCertificates(),
      log: log.part('requests'),
    })
    this.#logins = new Logins({
      auth: config.auth,
      known: parts.known,
      asksForCertificates: asksForCertificates(config),
      runtime: shared.runtime,
      counters: counterBlock(shared.counters, derived.workerCount),
      post: (worker, message) => workers.post(worker, message),
      broadcast: (message) => workers.broadcast(message),
      log: log.part('auth'),
    })
    this.#certificates = this.#keepCertificates()
    this.#sidecarCertificates = this.#keepSidecarCertificates()
    const stats = statsSource(settings, shared, store)
    this.#metrics = metricsSource(stats, shared, store, {
      logLevel: () => this.#logLevels.levelNumber(),
      spans: () => this.#tracing.figures,
      exemplars: () => this.#tracing.exemplars,
      certificates: () => this.#certificateFigures(),
    })
    this.#tracing = this.#createTracing(stats.counters)
    this.#observer = new ThreadObserver(shared.threadFigures, derived.workerCount)
    this.#socketMemory = SocketMemory.of(
      settings,
      () => store.figures().limitBytes,
      shared.runtime,
      log,
    )
    this.#maintenance = new Maintenance({
      store,
      clock: new CoarseClock(shared.clock, shared.runtime),
      runtime: shared.runtime,
      tunables: attachStatsMemory(shared.stats).tunables,
      setVerbosity: () => this.#logLevels.followVerbosity(),
      onTick: () => {
        this.#observer.tick()
        this.#tracing.tick()
        this.#socketMemory.tick()
      },
    })
  }

  #createTracing(counters: readonly Float64Array[]): Tracing {
    const { settings, shared } = this.#parts
    const log = this.#log
    const dropped = (sum: number, block: Float64Array): number =>
      sum + (block[COUNTER.connectionLinesDropped] ?? 0)
    return new Tracing({
      settings,
      traceRings: shared.traceRings,
      log: log.part('traces'),
      slowLog: log.part('slow'),
      connectionLog: log.part('connections'),
      connectionLinesDropped: () => counters.reduce(dropped, 0),
    })
  }

  static async create(parts: ServerParts): Promise<Server> {
    const { level, format, verbosity } = parts.settings.config.log
    const terminal = process.stdout.isTTY === true
    const server = new Server(parts, await Log.create({ level, format, verbosity, terminal }))
    await server.#openSidecar()
    return server
  }

  async #openSidecar(): Promise<void> {
    const { settings, workers, shared } = this.#parts
    const { port, tokenFile } = settings.config.sidecar
    this.#tokens = await SidecarTokens.open({
      path: port === 0 ? '' : tokenFile,
      counters: counterBlock(shared.counters, settings.derived.workerCount),
      log: this.#log.part('sidecar'),
    })
    this.#sidecar = await openSidecar(settings, this.#log, {
      health: {
        state: () => this.#lifecycle.state,
        workerSilences: () => workers.silences,
      },
      metrics: this.#metrics,
      connections: () => this.#requests.connections(),
      logLevel: this.#logLevels,
      tokens: this.#tokens,
      tls: this.#sidecarTls(),
    })
  }

  #sidecarTls(): SidecarTls | null {
    const certificates = this.#sidecarCertificates
    if (certificates === null) return null
    const settings = sidecarFiles(this.#parts.settings.config.sidecar)
    return { material: certificates.material, settings }
  }

  /** Everybody listens: say so, and go on until a signal or a fault ends it. */
  run(addresses: readonly BoundAddress[]): void {
    const { settings, workers } = this.#parts
    this.#lifecycle.listen()
    this.#requests.setListeners(addresses)
    workers.deliverTo((worker, message) => {
      if (!this.#logins.receive(worker, message)) this.#requests.receive(worker, message)
    })
    this.#logins.start()
    // The file that it keeps open is open when we say ready, as all others are.
    this.#socketMemory.tick()
    this.#maintenance.start()
    this.#tracing.start(addresses)
    this.#certificates?.start()
    this.#sidecarCertificates?.start()
    if (settings.portFile !== '') announcePorts(settings.portFile, addresses)
    setFatalSink((reason, detail) => {
      this.#log.part('control').fatal({ reason, exitStatus: EXIT[reason].status }, detail)
      this.#end()
    })
    this.#sayReady(addresses)
    if (settings.config.process.daemon) this.#becomeDaemon()
  }

  /** When this thread has loaded all that it loads for every server. */
  async settle(givenFlags: readonly string[]): Promise<void> {
    await this.#tracing.started
    tuneEngine(givenFlags)
    this.#parts.workers.broadcast({ type: 'started' })
    setTimeout(collectStartGarbage, START_OVER_MILLISECONDS).unref()
  }

  #sayReady(addresses: readonly BoundAddress[]): void {
    const { settings, workers } = this.#parts
    const { config, derived, notes } = settings
    const line = this.#log.part('control')
    for (const warning of derived.warnings) line.warn(warning)
    if (config.listen.rawSockets && !workers.raw) {
      line.warn(
        'this Node does not give access to socket handles: using net.Socket, which is slower',
      )
    }
    if (!workers.handover) {
      line.warn('connections stay with the worker that the kernel chooses, which may be uneven')
    }
    if (notes.length > 0) line.info({ notes }, 'some flags have no effect here')
    line.info(
      {
        addresses: addresses.map(printedAddress),
        sidecar: this.#sidecar?.address ?? null,
        memoryBytes: config.memory.limit,
        workers: workers.count,
        version,
        protocolVersion,
        pid: process.pid,
        startMilliseconds: Math.round(performance.now()),
      },
      'ready',
    )
  }

  #becomeDaemon(): void {
    const { pidFile } = this.#parts.settings.config.process
    if (pidFile !== '' && !writePidFile(pidFile)) {
      this.#log.part('control').warn({ path: pidFile }, 'the pid file cannot be written')
    }
    releaseCaller()
  }

  /** SIGHUP: what can change without a restart. A file that cannot be used changes nothing. */
  async #reload(): Promise<void> {
    this.#certificates?.reload('SIGHUP')
    this.#sidecarCertificates?.reload('SIGHUP')
    this.#tokens?.reload()
    const found = await this.#logins.reload()
    const files = [this.#certificates, this.#sidecarCertificates, this.#tokens]
    if (!found && files.every((file) => file === null))
      this.#log.part('control').info('nothing to reload')
  }

  #keepCertificates(): Certificates | null {
    const { certificates, settings, shared, workers } = this.#parts
    if (certificates === null) return null
    const clock = new CoarseClock(shared.clock, shared.runtime)
    const noteRefresh = (): void => {
      Atomics.store(shared.runtime, RUNTIME.tlsRefreshedAtSeconds, clock.seconds())
    }
    noteRefresh()
    const options = {
      port: 'data' as const,
      files: dataPortFiles(settings.config.tls),
      log: this.#log.part('tls'),
      deliver: (material: TlsMaterial): void => workers.broadcast({ type: 'tls', material }),
      onRefresh: noteRefresh,
    }
    return new Certificates(options, certificates)
  }

  #certificateFigures(): CertificateFigures[] {
    return [this.#certificates, this.#sidecarCertificates].flatMap(
      (certificates) => certificates?.figures ?? [],
    )
  }

  #keepSidecarCertificates(): Certificates | null {
    const { sidecar } = this.#parts.settings.config
    if (sidecar.port === 0 || sidecar.tlsCertFile === '') return null
    const files = sidecarFiles(sidecar)
    const options = {
      port: 'sidecar' as const,
      files,
      log: this.#log.part('tls'),
      deliver: (material: TlsMaterial): void =>
        this.#sidecar?.replaceCertificate({ material, settings: files }),
      onRefresh: (): void => {},
    }
    return new Certificates(options, loadOrEnd(files))
  }

  #refreshCertificates(): string {
    if (this.#certificates === null) return 'ERROR\r\n'
    const refused = this.#certificates.refresh()
    return refused === '' ? 'OK\r\n' : `SERVER_ERROR ${refused}\r\n`
  }

  #end(): void {
    const { daemon, pidFile } = this.#parts.settings.config.process
    if (daemon && pidFile !== '') removePidFile(pidFile)
    this.#maintenance.stop()
    this.#logins.stop()
    this.#certificates?.stop()
    this.#tokens?.stop()
    this.#sidecarCertificates?.stop()
    this.#parts.workers.stop()
    this.#log.flush()
  }
}

function announcePorts(path: string, addresses: readonly BoundAddress[]): void {
  try {
    writePortFile(path, addresses)
  } catch (error) {
    fatal('portFile', `MEMCACHED_PORT_FILENAME ${path}: ${messageOf(error)}`)
  }
}

function printedAddress(address: BoundAddress): { host: string; port: number } | { path: string } {
  if (address.name.startsWith('unix:')) return { path: address.name.slice('unix:'.length) }
  return { host: address.host, port: address.port }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
