import { parentPort, workerData } from 'node:worker_threads'
import { counterBlock } from '../../src/telemetry/counters.ts'
import { EventLog } from '../../src/telemetry/events.ts'

/** What the tests hand to this thread, which makes numbered events as fast as it can. */
export interface ProducerStart {
  readonly rings: SharedArrayBuffer
  readonly ringBytes: number
  readonly counters: SharedArrayBuffer
  readonly worker: number
  readonly events: number
}

const start = workerData as ProducerStart
const counters = counterBlock(start.counters, start.worker)
const log = new EventLog(start.rings, start.worker, start.ringBytes, counters)
for (let number = 0; number < start.events; number++) {
  const key = Buffer.from(`w${start.worker}-${number}-`.padEnd(10 + (number % 200), 'x'))
  log.buffer = key
  log.keyLength = key.length
  log.size = number
  log.connectionNumber = start.worker
  log.emitGet()
}
parentPort?.postMessage('done')
