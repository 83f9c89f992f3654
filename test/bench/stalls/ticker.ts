import { LogHistogram } from './log-histogram.ts'

/** How often a thread looks how late it is. Node's timers know nothing finer. */
const TICK_MILLISECONDS = 1

/**
 * How late a thread's event loop is. A timer asks for every millisecond; what passes between two of
 * its calls beyond that is delay. libuv's clock has whole milliseconds, so an idle loop shows up to
 * one of delay already; the bystander (bystander.ts) says how much that is on this machine.
 *
 * Delay has two causes: the thread was busy, or it was ready and the machine gave it no processor.
 * Only the first is ours, and it cannot be longer than the processor time the thread used meanwhile,
 * so the smaller of the two is recorded beside the delay.
 */
export class Ticker {
  readonly delay = new LogHistogram()
  readonly busyDelay = new LogHistogram()
  #timer: NodeJS.Timeout | undefined
  #lastAt = 0
  #lastCpu = 0

  start(): void {
    this.#lastAt = performance.now()
    this.#lastCpu = threadCpuMilliseconds()
    this.#timer = setInterval(() => this.#tick(), TICK_MILLISECONDS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  reset(): void {
    this.delay.reset()
    this.busyDelay.reset()
  }

  #tick(): void {
    const now = performance.now()
    const cpu = threadCpuMilliseconds()
    const delay = Math.max(0, now - this.#lastAt - TICK_MILLISECONDS)
    this.delay.record(delay * 1e6)
    this.busyDelay.record(Math.min(delay, cpu - this.#lastCpu) * 1e6)
    this.#lastAt = now
    this.#lastCpu = cpu
  }
}

/** User and system time of the calling thread so far, to the microsecond. */
export function threadCpuMilliseconds(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
