import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { PlainHistogram } from '../bench/stalls/log-histogram.ts'
import { LogHistogram } from '../bench/stalls/log-histogram.ts'
import type { Address } from '../support/client.ts'
import { Client } from '../support/client.ts'
import { pause } from '../support/deadline.ts'

/**
 * One client that asks for one small item twenty times in a second and times the answers, in a thread
 * of its own so that what the load does with its replies is not counted.
 */
const INTERVAL_MILLISECONDS = 50

export class Probe {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  static async start(address: Address): Promise<Probe> {
    const worker = new Worker(new URL(import.meta.url), { workerData: { probe: address } })
    const probe = new Probe(worker)
    await probe.take()
    return probe
  }

  /** What was measured since the last time. */
  async take(): Promise<PlainHistogram> {
    this.#worker.postMessage('take')
    const [histogram] = await once(this.#worker, 'message')
    return histogram as PlainHistogram
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

async function run(address: Address): Promise<void> {
  const client = await Client.connect(address)
  const histogram = new LogHistogram()
  parentPort?.on('message', () => {
    parentPort?.postMessage(histogram.plain())
    histogram.reset()
  })
  for (;;) {
    const start = performance.now()
    client.send('set probe 0 0 5\r\nhello\r\n')
    await client.expect('STORED\r\n')
    const middle = performance.now()
    client.send('mg probe s\r\n')
    const line = await client.readLine()
    if (line !== 'HD s5' && line !== 'EN') throw new Error(`the probe was told ${line}`)
    const end = performance.now()
    histogram.record((middle - start) * 1e6)
    histogram.record((end - middle) * 1e6)
    await pause(INTERVAL_MILLISECONDS)
  }
}

if (!isMainThread && workerData?.probe !== undefined) await run(workerData.probe as Address)
