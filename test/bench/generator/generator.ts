import type { RecordableHistogram } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import type { LoadPlan, Order, OrderMessage, ReportMessage, Tally, ThreadReport } from './plan.ts'
import { emptyTally } from './plan.ts'
import { newHistogram } from './windows.ts'

/** Below this many samples the thousandth slowest is one or two requests: chance, not a measurement. */
const SAMPLES_FOR_P999 = 5000

/** With what Node has by itself, a thread collects garbage every 50 ms, for 0.3 ms: half a percent of all time. */
const YOUNG_MEBIBYTES = 48

export interface Latency {
  readonly samples: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  readonly p999: number | null
  readonly max: number
}

export interface RunResult {
  readonly tally: Tally
  readonly seconds: number
  readonly generatorCpuSeconds: number
  readonly latency: Latency | null
  /** p99 of each window of time (windows.ts), in microseconds; of several threads one after the other. */
  readonly windowP99s: readonly number[]
  /** How much later than due requests left the generator: its own share of the latency. */
  readonly lateness: Latency | null
}

/** Worker threads that put load on servers, one server at a time. They stay warm from run to run. */
export class LoadGenerator {
  readonly #threads: readonly GeneratorThread[]
  readonly #seed: number
  #targets = 0

  constructor(threads: number, seed: number) {
    this.#seed = seed
    this.#threads = Array.from({ length: threads }, () => new GeneratorThread())
  }

  /** Opens all connections; of the threads, as many as asked for take part. */
  async open(plan: LoadPlan, port: number, threads = this.#threads.length): Promise<LoadTarget> {
    const target = ++this.#targets
    const used = this.#threads.slice(0, Math.min(threads, plan.connectionsActive))
    const shape = { kind: 'open', plan, port, threads: used.length } as const
    const seed = this.#seed
    await Promise.all(
      used.map((worker, thread) => worker.ask(target, { ...shape, thread, seed: seed + target })),
    )
    return new LoadTarget(target, used)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()))
  }
}

/** The open connections to one server, with one plan. */
export class LoadTarget {
  readonly #target: number
  readonly #threads: readonly GeneratorThread[]

  constructor(target: number, threads: readonly GeneratorThread[]) {
    this.#target = target
    this.#threads = threads
  }

  /** Sets every key once. */
  fill(): Promise<RunResult> {
    return this.#run(() => ({ kind: 'fill' }))
  }

  /** The closed loop: as much as the server takes. */
  saturate(milliseconds: number): Promise<RunResult> {
    return this.#run(() => ({ kind: 'saturate', milliseconds }))
  }

  /** The open loop: commands per second, whatever the server does. One thread is precise enough. */
  steady(milliseconds: number, perSecond: number): Promise<RunResult> {
    const share = perSecond / this.#threads.length
    return this.#run(() => ({ kind: 'steady', milliseconds, perSecond: share }))
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ask(this.#target, { kind: 'close' })))
  }

  async #run(order: () => Order): Promise<RunResult> {
    const reports = await Promise.all(
      this.#threads.map((thread) => thread.ask(this.#target, order())),
    )
    return merged(reports.filter((report) => report !== null))
  }
}

class GeneratorThread {
  readonly #worker = new Worker(new URL('./thread.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
  })
  readonly #waiting = new Map<number, PromiseWithResolvers<ThreadReport | null>>()
  #asked = 0

  constructor() {
    this.#worker.on('message', (message: ReportMessage) => {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.failure === '') waiting?.resolve(message.report)
      else waiting?.reject(new Error(message.failure))
    })
    this.#worker.on('error', (error) => {
      for (const waiting of this.#waiting.values()) waiting.reject(error)
      this.#waiting.clear()
    })
  }

  ask(target: number, order: Order): Promise<ThreadReport | null> {
    const id = ++this.#asked
    const waiting = Promise.withResolvers<ThreadReport | null>()
    this.#waiting.set(id, waiting)
    this.#worker.postMessage({ id, target, order } satisfies OrderMessage)
    return waiting.promise
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

function merged(reports: readonly ThreadReport[]): RunResult {
  const tally = emptyTally()
  for (const report of reports) {
    for (const key of Object.keys(tally) as (keyof Tally)[]) tally[key] += report.tally[key]
  }
  return {
    tally,
    seconds: Math.max(...reports.map((report) => report.seconds)),
    generatorCpuSeconds: reports.reduce((sum, report) => sum + report.cpuSeconds, 0),
    latency: describe(reports.map((report) => report.latency)),
    windowP99s: reports.flatMap((report) => report.windowP99s),
    lateness: describe(reports.map((report) => report.lateness)),
  }
}

function describe(histograms: readonly (RecordableHistogram | null)[]): Latency | null {
  const all = newHistogram()
  for (const histogram of histograms) {
    if (histogram !== null) all.add(histogram)
  }
  if (all.count === 0) return null
  const at = (percentile: number): number => all.percentile(percentile) / 1000
  return {
    samples: all.count,
    p50: at(50),
    p99: at(99),
    p999: all.count >= SAMPLES_FOR_P999 ? at(99.9) : null,
    max: all.max / 1000,
  }
}
