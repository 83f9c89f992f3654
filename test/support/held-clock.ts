import type { Client } from './client.ts'
import { pause } from './deadline.ts'
import { isMemcached } from './target.ts'

/**
 * Moves the server's clock by hand, second by second, with nothing ticking in between. For servers
 * started with `debugTime`; only one test at a time may hold it.
 */
export class HeldClock {
  readonly #client: Client
  #moved = 0

  private constructor(client: Client) {
    this.#client = client
  }

  static async hold(client: Client): Promise<HeldClock> {
    const clock = new HeldClock(client)
    await clock.#say('p')
    return clock
  }

  /**
   * Forward by so many seconds. memcached adds up all moves made so far at each one until its next
   * tick, so a test may use a second move only to say "long after".
   */
  async move(seconds: number): Promise<void> {
    this.#moved += seconds
    await this.#say(String(seconds))
  }

  async release(): Promise<void> {
    if (this.#moved !== 0) await this.#say(String(-this.#moved))
    this.#moved = 0
    await this.#say('r')
    // memcached's clock is right again only after its next tick.
    if (isMemcached) await pause(1_100)
  }

  async #say(argument: string): Promise<void> {
    this.#client.send(`debugtime ${argument}\r\n`)
    await this.#client.expect('OK\r\n')
  }
}

/** Moves the clock for good and waits until every worker has seen it, at its next tick at the latest. */
export async function skipSeconds(client: Client, seconds: number): Promise<void> {
  client.send(`debugtime ${seconds}\r\n`)
  await client.expect('OK\r\n')
  await pause(CLOCK_TICK_MILLISECONDS)
}

const CLOCK_TICK_MILLISECONDS = 1_100
