import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Authority, tlsFlags } from '../../support/certificates.ts'
import { until } from '../../support/deadline.ts'
import type { Scope } from '../../support/server.ts'
import { Server } from '../../support/server.ts'
import { OtlpReceiver } from '../trace/otlp-receiver.ts'
import type { HealthyLoad, Tally } from './load.ts'
import { AUTH_FILE, healthyLoad, TROUBLED_FLAGS, troubledLoad } from './load.ts'
import { Prometheus } from './prometheus-process.ts'
import { RULES_PATH } from './rules-file.ts'
import { TextOnly } from './text-only.ts'

export const HEALTHY_MEGABYTES = 16
/** Longer than scrapes, figures of threads and two evaluations of rules need, each once a second. */
const SETTLED_SECONDS = 5

export interface Watched {
  readonly healthy: Server
  readonly troubled: Server
  /** Nobody uses it: it only has a certificate. */
  readonly secure: Server
  /** The healthy one, as it is without OpenMetrics. */
  readonly text: TextOnly
  readonly prometheus: Prometheus
  readonly load: HealthyLoad
  readonly trouble: Tally
}

/**
 * A real Prometheus that reads three real servers: one in good health, in both formats, one in
 * trouble and one with TLS. Given back when both have had their load and Prometheus has seen what came of it.
 */
export async function watchServers(scope: Scope): Promise<Watched> {
  const receiver = await OtlpReceiver.start(scope)
  const healthy = await Server.start(scope, {
    sidecar: true,
    flags: ['-m', String(HEALTHY_MEGABYTES), '-t', '2', '-o', 'idle_timeout=3'],
    environment: { ...receiver.environment, MEMCKV_METRICS_SLABS: 'full' },
  })
  const troubled = await Server.start(scope, {
    sidecar: true,
    flags: [...TROUBLED_FLAGS, '-Y', usersFile(scope)],
    environment: { MEMCKV_LOG_SLOW_THRESHOLD: '1ms' },
  })
  const authority = new Authority(scope)
  const secure = await Server.start(scope, {
    sidecar: true,
    flags: ['-m', '8', '-t', '1', ...tlsFlags(authority.pair('server'))],
  })
  const text = await TextOnly.start(scope, healthy.sidecar)
  const jobs = [
    { name: 'healthy', target: healthy.sidecar },
    { name: 'text', target: text.base },
    { name: 'troubled', target: troubled.sidecar },
    { name: 'secure', target: secure.sidecar },
  ]
  const prometheus = await Prometheus.start(scope, jobs, RULES_PATH)
  await scraped(prometheus, jobs.length)
  const idle = await healthy.connect(scope)
  const [load, trouble] = await Promise.all([healthyLoad(healthy), troubledLoad(troubled)])
  await idle.expectClose()
  await receiver.received(load.traceIds.length)
  await scraped(prometheus, jobs.length, Date.now() / 1000 + SETTLED_SECONDS)
  return { healthy, troubled, secure, text, prometheus, load, trouble }
}

function usersFile(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-users-'))
  scope.after(async () => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'users')
  writeFileSync(path, AUTH_FILE)
  return path
}

/** Every target has been read at this time or later. */
async function scraped(prometheus: Prometheus, targets: number, unixSeconds = 0): Promise<void> {
  await until(
    async () => {
      const read = await prometheus.query(`timestamp(memcached_up) >= ${unixSeconds}`)
      return read.length === targets
    },
    () => 'the targets were not scraped',
    30_000,
  )
}
