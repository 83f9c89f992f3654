import { ABOUT_FAMILIES } from './about.ts'
import { negotiate } from './accept.ts'
import { AUTH_FAMILIES } from './auth.ts'
import { COMMAND_FAMILIES } from './commands.ts'
import { CONNECTION_FAMILIES } from './connections.ts'
import type { Family } from './family.ts'
import { SERVER_FAMILIES } from './memcached-server.ts'
import { SLAB_FAMILIES } from './memcached-slabs.ts'
import { MEMORY_FAMILIES } from './memory.ts'
import { OPENMETRICS_CONTENT_TYPE, openMetrics } from './openmetrics.ts'
import { PROCESS_FAMILIES } from './process.ts'
import { FamilyRegistry } from './registry.ts'
import { Ratchet, readScrape } from './scrape.ts'
import type { MetricsSource } from './source.ts'
import { THREAD_FAMILIES } from './threads.ts'
import { TLS_FAMILIES } from './tls.ts'

/** The page of /metrics. */
export interface Metrics {
  /**
   * @param accept the request's Accept header: OpenMetrics for who prefers it, else Prometheus text
   */
  render(accept: string | undefined): Promise<RenderedMetrics>
}

export interface RenderedMetrics {
  readonly contentType: string
  readonly body: string
}

/** In the order of the page. */
export const FAMILIES: readonly Family[] = [
  ...SERVER_FAMILIES,
  ...SLAB_FAMILIES,
  ...COMMAND_FAMILIES,
  ...AUTH_FAMILIES,
  ...MEMORY_FAMILIES,
  ...CONNECTION_FAMILIES,
  ...TLS_FAMILIES,
  ...THREAD_FAMILIES,
  ...ABOUT_FAMILIES,
  ...PROCESS_FAMILIES,
]

/** Made once; each render reads everything anew. Between renders nothing happens here. */
export function createMetrics(source: MetricsSource): Metrics {
  const registry = new FamilyRegistry(FAMILIES)
  const ratchet = new Ratchet()
  return {
    async render(accept) {
      const scrape = readScrape(source, ratchet)
      if (negotiate(accept) === 'openmetrics') {
        const body = openMetrics(await registry.families(scrape))
        return { contentType: OPENMETRICS_CONTENT_TYPE, body }
      }
      return { contentType: registry.contentType, body: await registry.text(scrape) }
    },
  }
}
