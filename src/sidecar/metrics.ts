import type { Route } from './route.ts'

/** Makes the text of /metrics, in the format that the Accept header asks for. */
export interface MetricsRenderer {
  render(accept: string | undefined): Promise<{ contentType: string; body: string }>
}

export const METRICS_TYPES = ['text/plain', 'application/openmetrics-text'] as const

export function metricsRoutes(metrics: MetricsRenderer): Route[] {
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
      answer: async (request, reply) => {
        const { contentType, body } = await metrics.render(request.headers.accept)
        reply.type(contentType)
        return body
      },
    },
  ]
}
