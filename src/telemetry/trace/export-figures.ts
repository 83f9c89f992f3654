import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node'

type Reader = NonNullable<NodeSDKConfiguration['metricReaders']>[number]
type Producer = Parameters<Reader['setMetricProducer']>[0]

/** Spans by what became of them in the SDK. */
export interface ExportFigures {
  readonly sent: number
  /** No room in its queue, or the collector did not take them. */
  readonly dropped: number
}

/** What the SDK's span processors count, by OpenTelemetry's conventions for SDK metrics. */
const PROCESSED = 'otel.sdk.processor.span.processed'
const ERROR_TYPE = 'error.type'

/** AggregationType.DEFAULT and AggregationTemporality.CUMULATIVE, without loading their package here. */
const DEFAULT_AGGREGATION = 0
const CUMULATIVE = 1
const CARDINALITY_MAX = 100

/**
 * Asks the SDK what became of the spans. Only its processors know, and they tell it to a reader of
 * metrics, so this is one. Nothing is sent anywhere.
 */
export class ExportFiguresReader implements Reader {
  #producer: Producer | null = null
  #figures: ExportFigures = { sent: 0, dropped: 0 }

  /** As of the last refresh. */
  get figures(): ExportFigures {
    return this.#figures
  }

  async refresh(): Promise<ExportFigures> {
    if (this.#producer === null) return this.#figures
    const { resourceMetrics } = await this.#producer.collect()
    let sent = 0
    let dropped = 0
    for (const { metrics } of resourceMetrics.scopeMetrics) {
      for (const { descriptor, dataPoints } of metrics) {
        if (descriptor.name !== PROCESSED) continue
        for (const { attributes, value } of dataPoints) {
          if (typeof value !== 'number') continue
          if (attributes[ERROR_TYPE] === undefined) sent += value
          else dropped += value
        }
      }
    }
    this.#figures = { sent, dropped }
    return this.#figures
  }

  setMetricProducer(producer: Producer): void {
    this.#producer = producer
  }

  selectAggregation(): ReturnType<Reader['selectAggregation']> {
    return { type: DEFAULT_AGGREGATION }
  }

  selectAggregationTemporality(): ReturnType<Reader['selectAggregationTemporality']> {
    return CUMULATIVE
  }

  selectCardinalityLimit(): number {
    return CARDINALITY_MAX
  }

  async collect(): ReturnType<Reader['collect']> {
    if (this.#producer === null) throw new Error('no metrics yet')
    return await this.#producer.collect()
  }

  async shutdown(): Promise<void> {}

  async forceFlush(): Promise<void> {}
}
