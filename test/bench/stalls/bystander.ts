import { Ticker } from './ticker.ts'

/**
 * A process that does nothing but look how late it is, beside the server under measurement: what it
 * sees is the machine, and timers. It prints its histogram when it is asked to stop.
 */
const ticker = new Ticker()
ticker.start()
process.on('message', (text: unknown) => {
  if (text === 'reset') ticker.reset()
  else process.send?.(ticker.delay.plain(), undefined, {}, () => process.disconnect())
})
