import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import type { Server as HttpsServer } from 'node:https'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { SIDECAR_CONNECTIONS_MAX } from '../base/config.ts'
import { createMetrics } from '../telemetry/metrics/metrics.ts'
import type { MetricsSource } from '../telemetry/metrics/source.ts'
import { createApp } from './app.ts'
import type { DebugSource } from './debug.ts'
import { debugRoutes } from './debug.ts'
import type { InfoSource } from './info.ts'
import { infoRoutes } from './info.ts'
import type { LogLevelControl } from './log-level.ts'
import { logLevelRoutes } from './log-level.ts'
import { metricsRoutes } from './metrics.ts'
import { documentRoutes } from './pages.ts'
import type { HealthSource } from './probes.ts'
import { probeRoutes } from './probes.ts'
import type { SidecarTls } from './secure.ts'
import { secureOptions } from './secure.ts'
import { statsRoutes } from './stats.ts'
import type { TokenCheck } from './token-check.ts'

export type { SettingValue } from './info.ts'
export type { SidecarTls } from './secure.ts'
export type { TokenCheck, TokenVerdict } from './token-check.ts'

export interface SidecarParts {
  /** -1 any free one. */
  readonly port: number
  /** '*' every IPv4 and IPv6 address. */
  readonly address: string
  readonly log: Logger
  readonly health: HealthSource
  readonly info: InfoSource
  readonly metrics: MetricsSource
  readonly connections: DebugSource['connections']
  readonly logLevel: LogLevelControl
  /** null: nobody needs a token. */
  readonly tokens: TokenCheck | null
  /** Null: plain HTTP. */
  readonly tls: SidecarTls | null
}

/** What Fastify made, when it was to be HTTPS. */
type SecureServer = FastifyInstance['server'] & Partial<Pick<HttpsServer, 'setSecureContext'>>

export interface SidecarAddress {
  readonly host: string
  readonly port: number
}

export interface Sidecar {
  readonly address: SidecarAddress
  /** Ends at once what is idle, and what is being answered after a moment. Never rejects. */
  close(): Promise<void>
  /** For connections that begin from now on; without effect on a plain port. */
  replaceCertificate(tls: SidecarTls): void
}

/** Connections that wait to be accepted: a scraper, the kubelet and a few people. */
const BACKLOG = 64

/** How long an answer that is on its way may take at the end of the process. */
const CLOSE_MILLISECONDS = 500

/** A kernel without IPv6 says one of these when asked for `::`. */
const NO_FAMILY_CODES: readonly unknown[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL']

/**
 * The HTTP port for everything that is not a client: probes, figures, pages for operators. It lives
 * on the control thread and shares nothing with the data port, so it answers while that one is at its
 * connection limit, asks for passwords or drains. Rejects when it cannot listen.
 */
export async function startSidecar(parts: SidecarParts): Promise<Sidecar> {
  const { metrics, connections } = parts
  const { figures, threads } = metrics
  const routes = [
    ...probeRoutes(parts.health),
    ...metricsRoutes(createMetrics(metrics)),
    ...infoRoutes(parts.info),
    ...statsRoutes(metrics.stats),
    ...debugRoutes({ connections, figures, threads }),
    ...logLevelRoutes(parts.logLevel),
  ]
  const { tokens, tls } = parts
  const all = [...routes, ...documentRoutes(routes, tokens !== null)]
  const app = createApp(all, parts.log, { tokens, tls })
  await app.ready()
  const port = Math.max(0, parts.port)
  const address = await listen(app, parts.address, port)
  return {
    address,
    close: () => close(app),
    replaceCertificate: (tls) =>
      (app.server as SecureServer).setSecureContext?.(secureOptions(tls)),
  }
}

/** Node takes `*` for a name like any other. */
const EVERYWHERE = ['::', '0.0.0.0']

/**
 * A name may stand for several addresses, as localhost does: all of them are listened on that this
 * kernel knows. Of `*` the first is enough, since `::` takes IPv4 too.
 */
async function listen(app: FastifyInstance, name: string, port: number): Promise<SidecarAddress> {
  const addresses = name === '*' ? EVERYWHERE : await addressesOf(name)
  let bound: SidecarAddress | null = null
  let failure: unknown
  for (const host of addresses) {
    try {
      if (bound === null) bound = await listenFirst(app, host, port)
      else await listenToo(app, host, bound.port)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : ''
      if (!NO_FAMILY_CODES.includes(code)) throw error
      failure = error
    }
    if (bound !== null && name === '*') break
  }
  if (bound === null) throw failure
  return bound
}

async function listenFirst(
  app: FastifyInstance,
  host: string,
  port: number,
): Promise<SidecarAddress> {
  await app.listen({ host, port, backlog: BACKLOG })
  const bound = app.server.address()
  if (bound === null || typeof bound === 'string') return { host, port }
  return { host: bound.address, port: bound.port }
}

/**
 * Fastify would make a server of its own for each further address of localhost, without the limits of
 * Room. So what is accepted here goes to the one that has them.
 */
async function listenToo(app: FastifyInstance, host: string, port: number): Promise<void> {
  // As an HTTP server makes its own sockets.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    app.server.emit('connection', socket)
  })
  server.maxConnections = SIDECAR_CONNECTIONS_MAX
  server.listen({ host, port, backlog: BACKLOG })
  await once(server, 'listening')
  app.server.once('close', () => server.close())
}

/** Each once: a name is in /etc/hosts as often as somebody wrote it there. */
async function addressesOf(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true })
  return [...new Set(found.map(({ address }) => address))]
}

async function close(app: FastifyInstance): Promise<void> {
  const closed = app.close().then(
    () => true,
    () => true,
  )
  const inTime = await Promise.race([closed, sleep(CLOSE_MILLISECONDS, false, { ref: false })])
  if (!inTime) app.server.closeAllConnections()
}
