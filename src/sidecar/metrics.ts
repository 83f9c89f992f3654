import type { Metrics } from '../telemetry/metrics/metrics.ts'
import type { Route } from './route.ts'

const METRICS_TYPES = ['text/plain', 'application/openmetrics-text'] as const

export function metricsRoutes(metrics: Metrics): Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      summary: 'Figures for Prometheus, as text or, where asked for, as OpenMetrics.',
      replies: {
        200: {
          description: 'All series.',
          contentTypes: METRICS_TYPES,
          schema: { type: 'string' },
        },
      },
      // A scraper that takes neither format gets text, as it would from anybody else.
      negotiates: true,
      answer: async (request, reply) => {
        const { contentType, body } = await metrics.render(request.headers.accept)
        reply.type(contentType)
        return body
      },
    },
  ]
}
