import pino from 'pino'
import { loadSettings } from '../../../src/config/load.ts'
import { Tracing } from '../../../src/control/tracing.ts'
import { createTraceRings } from '../../../src/telemetry/trace-ring.ts'
import type { RecordText } from './record-writer.ts'
import { RecordWriter } from './record-writer.ts'

/**
 * The control thread's part of tracing in a process of its own, since OpenTelemetry and its variables
 * belong to a process. Records come from the parent, as do questions.
 */
export type Order =
  | { readonly records: readonly RecordText[] }
  | { readonly ask: 'figures' | 'exemplars' }
  | { readonly stop: true }

const settings = await loadSettings({ argv: process.argv.slice(2) })
if (settings.kind !== 'settings') throw new Error('no settings')
const log = pino({ base: null }, pino.destination({ dest: 1, sync: true }))
const traceRings = createTraceRings(settings.derived.workerCount)
const writer = new RecordWriter(traceRings, 0)
const tracing = new Tracing({
  settings,
  traceRings,
  log: log.child({ part: 'traces' }),
  slowLog: log.child({ part: 'slow' }),
  connectionLog: log.child({ part: 'connections' }),
  connectionLinesDropped: () => 0,
})
setInterval(() => tracing.tick(), 100).unref()
tracing.start([{ name: 'tcp:127.0.0.1:6001', host: '127.0.0.1', port: 6001 }])

process.on('message', (order: Order) => {
  void obey(order)
})
process.send?.({ ready: true })

async function obey(order: Order): Promise<void> {
  if ('records' in order) {
    for (const record of order.records) writer.write(record)
  } else if ('ask' in order) {
    if (order.ask === 'figures') process.send?.({ figures: tracing.figures })
    else process.send?.({ exemplars: Object.fromEntries(tracing.exemplars) })
  } else {
    const begin = performance.now()
    await tracing.stop()
    process.send?.({ stopped: performance.now() - begin, figures: tracing.figures })
    process.disconnect()
  }
}
