import { LATENCY_BOUNDS_SECONDS, LATENCY_BUCKETS } from '../latency.ts'
import type { Exemplar, Exemplars } from '../metrics/source.ts'
import type { TracePlace } from './slow-log.ts'
import type { TraceRecord } from './trace-reader.ts'

/** The latest span of each command in each bucket. As many as there are buckets, and no more. */
export class ExemplarStore {
  readonly #byCommand = new Map<string, (Exemplar | undefined)[]>()

  get all(): Exemplars {
    return this.#byCommand
  }

  put(record: TraceRecord, place: TracePlace): void {
    const { command, turnMilliseconds: milliseconds, beginUnixMilliseconds } = record
    let buckets = this.#byCommand.get(command)
    if (buckets === undefined) {
      buckets = new Array<Exemplar | undefined>(LATENCY_BUCKETS).fill(undefined)
      this.#byCommand.set(command, buckets)
    }
    buckets[bucketOf(milliseconds)] = {
      traceId: place.traceId,
      spanId: place.spanId,
      valueSeconds: milliseconds / 1000,
      unixSeconds: (beginUnixMilliseconds + milliseconds) / 1000,
    }
  }
}

/** Compared in milliseconds, as the worker does when it counts, so that both mean the same bucket. */
function bucketOf(milliseconds: number): number {
  const bucket = LATENCY_BOUNDS_SECONDS.findIndex((bound) => milliseconds <= bound * 1000)
  return bucket < 0 ? LATENCY_BUCKETS - 1 : bucket
}
