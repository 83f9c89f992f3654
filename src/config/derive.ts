import type { Config } from '../base/config.ts'
import { HANDOVER_WORKERS_MAX, SIDECAR_CONNECTIONS_MAX } from '../base/config.ts'
import { checkTls } from './check-tls.ts'
import type { Source } from './config-error.ts'
import { ConfigError, printSource, reasonOf } from './config-error.ts'
import { printSize } from './formats.ts'
import type { Machine } from './machine.ts'

/** Numbers that follow from the settings and the machine together. */
export interface Derived {
  readonly workerCount: number
  /** connections.max, unless that is only the default and there are too few descriptors for it. */
  readonly connectionsMax: number
  readonly memoryUsers: MemoryUsers
  /** What the process may grow to: an estimate for the container's limit. */
  readonly residentBytesMax: number
  /** For the log: the server starts, but somebody should know. */
  readonly warnings: readonly string[]
}

const WORKER_COUNT_AUTO_MAX = 4

const MIB = 1024 * 1024
/** What the design promises for resident memory: a share of the limit, a base, a sum for each worker, and traces. */
const RESIDENT_RATIO = 1.05
const RESIDENT_BASE_BYTES = 80 * MIB
const RESIDENT_WORKER_BYTES = 14 * MIB
/** OpenTelemetry's code, its queue, and what it makes of a batch; docs/tracing.md has what was measured. */
const RESIDENT_TRACES_BYTES = 32 * MIB
/** What OpenSSL keeps for a connection that has had large replies; docs/reliability.md has what was measured. */
const RESIDENT_TLS_CONNECTION_BYTES = 168 * 1024

/** Standard streams, event loops and their wake-ups of the control thread; listeners and loop of a worker. */
const DESCRIPTORS_BASE = 32
const DESCRIPTORS_WORKER = 12
/** The channels by which one worker hands connections to another: an end here, an end there. */
const DESCRIPTORS_CHANNEL = 2
/** Its listener too: probes must be answered when clients have taken all they may. */
const DESCRIPTORS_SIDECAR = SIDECAR_CONNECTIONS_MAX + 1

/** Settings by key with the place their value came from. */
export type Sources = ReadonlyMap<string, Source>

/** @param traced whether spans are made, which needs memory of its own */
export function derive(
  config: Config,
  sources: Sources,
  machine: Machine,
  traced: boolean,
): Derived {
  const warnings: string[] = []
  checkItemSize(config, sources)
  checkProtocol(config, sources, warnings)
  checkTls(config, sources, warnings)
  const workerCount = config.workers.count || automaticWorkerCount(machine)
  const connectionsMax = descriptorLimited(config, sources, machine, workerCount, warnings)
  const tlsConnectionsMax = config.tls.enabled ? connectionsMax : 0
  const memoryUsers = { workerCount, traced, tlsConnectionsMax }
  const residentBytesMax = residentBytes(config.memory.limit, memoryUsers)
  if (residentBytesMax > machine.memoryBytes) {
    warnings.push(
      `memory.limit ${printSize(config.memory.limit)} may need ${inMegabytes(residentBytesMax)} in all, ` +
        `but the container grants ${inMegabytes(machine.memoryBytes)}`,
    )
  }
  return { workerCount, connectionsMax, memoryUsers, residentBytesMax, warnings }
}

/** What needs memory beside the items. */
export interface MemoryUsers {
  readonly workerCount: number
  /** Whether spans are made. */
  readonly traced: boolean
  /** 0 without TLS. */
  readonly tlsConnectionsMax: number
}

/** What the process may grow to with that much for items. */
export function residentBytes(memoryLimit: number, users: MemoryUsers): number {
  return Math.ceil(
    RESIDENT_RATIO * memoryLimit +
      RESIDENT_BASE_BYTES +
      RESIDENT_WORKER_BYTES * users.workerCount +
      RESIDENT_TLS_CONNECTION_BYTES * users.tlsConnectionsMax +
      (users.traced ? RESIDENT_TRACES_BYTES : 0),
  )
}

function automaticWorkerCount(machine: Machine): number {
  const granted = Math.min(machine.processors, Math.ceil(machine.processorQuota))
  return Math.max(1, Math.min(WORKER_COUNT_AUTO_MAX, granted))
}

function checkItemSize(config: Config, sources: Sources): void {
  const half = config.memory.limit / 2
  if (config.items.maxSize <= half) return
  // Blame the setting that somebody gave; of two, the size of items.
  const own = sourceOf(sources, 'items.maxSize')
  const source = own.kind === 'default' ? sourceOf(sources, 'memory.limit') : own
  throw new ConfigError(
    reasonOf(source),
    `items.maxSize (${printSource(own)}): ${printSize(config.items.maxSize)} is not allowed; ` +
      `allowed is at most half of memory.limit (${printSource(sourceOf(sources, 'memory.limit'))}: ` +
      `${printSize(config.memory.limit)})`,
  )
}

function checkProtocol(config: Config, sources: Sources, warnings: string[]): void {
  if (config.protocol.binding !== 'binary') return
  if (config.auth.file !== '' || config.auth.usersFile !== '') {
    const source = sourceOf(sources, 'protocol.binding')
    const cause = config.auth.file !== '' ? 'auth.file' : 'auth.usersFile'
    throw ConfigError.badValue(
      'protocol.binding',
      source,
      'binary',
      `auto or ascii when ${cause} is set: clients authenticate in the text protocol`,
    )
  }
  warnings.push('protocol.binding binary: the binary protocol is not served yet')
}

function descriptorLimited(
  config: Config,
  sources: Sources,
  machine: Machine,
  workerCount: number,
  warnings: string[],
): number {
  const wanted = config.connections.max
  const sidecar = config.sidecar.port === 0 ? 0 : DESCRIPTORS_SIDECAR
  const channels = workerCount > HANDOVER_WORKERS_MAX ? 0 : workerCount * (workerCount - 1)
  // Clients in the middle of a handshake have no place among the connections yet.
  const handshakes = config.tls.enabled ? config.tls.handshakesMax : 0
  const own = DESCRIPTORS_BASE + DESCRIPTORS_WORKER * workerCount + DESCRIPTORS_CHANNEL * channels
  const reserved = own + sidecar + handshakes
  const granted = machine.descriptors - reserved
  if (wanted <= granted) return wanted
  const source = sourceOf(sources, 'connections.max')
  const line = `connections.max (${printSource(source)}): ${wanted} connections do not fit into ${machine.descriptors} file descriptors`
  if (source.kind !== 'default' || granted < 1) {
    throw new ConfigError('noDescriptors', `${line}; allow more (ulimit -n) or fewer connections`)
  }
  warnings.push(`${line}; using ${granted}`)
  return granted
}

function sourceOf(sources: Sources, key: string): Source {
  return sources.get(key) ?? { kind: 'default', name: '' }
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / MIB)}mb`
}
