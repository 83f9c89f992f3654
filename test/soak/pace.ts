import { readFileSync } from 'node:fs'
import { pause } from '../support/deadline.ts'
import type { Random } from '../support/seed.ts'

const CLOCK_TICKS_PER_SECOND = 100
const PAUSE_MILLISECONDS_MIN = 0.5
const PAUSE_MILLISECONDS_MAX = 3000
const STEP_MILLISECONDS = 1000

/** Keeps server and load together at a share of one core, by the pauses between batches. */
export class Pace {
  share: number
  /** What the last second took. */
  used = 0
  readonly #pid: number
  #pause = 50
  #timer: NodeJS.Timeout | undefined

  constructor(pid: number, share: number) {
    this.#pid = pid
    this.share = share
  }

  begin(): void {
    let [before, at] = [this.#cpuSeconds(), performance.now()]
    this.#timer = setInterval(() => {
      const [now, time] = [this.#cpuSeconds(), performance.now()]
      this.used = ((now - before) * 1000) / (time - at)
      ;[before, at] = [now, time]
      const factor = Math.min(1.5, Math.max(0.7, this.used / this.share))
      this.#pause = Math.min(
        PAUSE_MILLISECONDS_MAX,
        Math.max(PAUSE_MILLISECONDS_MIN, this.#pause * factor),
      )
    }, STEP_MILLISECONDS)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  async wait(random: Random): Promise<void> {
    await pause(this.#pause * (0.5 + random.word() / 0x1_0000_0000))
  }

  #cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const server = (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND
    const { user, system } = process.cpuUsage()
    return server + (user + system) / 1e6
  }
}
