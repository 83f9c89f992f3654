import type { MetricsSource } from './source.ts'

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

/** Made once; each render reads everything anew. */
export function createMetrics(source: MetricsSource): Metrics {
  const up = `# HELP memcached_up 1 while the server serves.\n# TYPE memcached_up gauge\nmemcached_up 1\n`
  return {
    render: async () => ({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      body: source.version === '' ? '' : up,
    }),
  }
}
