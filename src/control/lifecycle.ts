import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../base/config.ts'
import { EXIT } from '../base/fatal.ts'

/**
 *            a signal, `shutdown`               all connections closed, or out of time
 * starting ─► ready ─────────────────► draining ──────────────────────────► stopped, exit 0
 *    │ a signal: exit 0                    │ a second signal: exit at once
 */
export type LifecycleState = 'starting' | 'ready' | 'draining' | 'stopped'

export interface LifecycleOptions {
  readonly shutdown: Config['shutdown']
  readonly log: Logger
  /** Stop accepting and close idle connections over the window; resolves when all are closed. */
  readonly drain: (windowMilliseconds: number) => Promise<void>
  /** Tell everybody that the end has begun, before anything else: shutdown.delay comes after it. */
  readonly announceDrain: () => void
  /** When nobody is connected any more: hand over what is left, close what the end had to outlast. */
  readonly finish: () => Promise<void>
  readonly reload: () => void
  /** The last thing before the process ends. */
  readonly beforeExit: () => void
}

/** A collector of traces or a reader of pages that hangs must not keep the process. */
const FINISH_MILLISECONDS = 3_500

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const
type StopSignal = (typeof STOP_SIGNALS)[number]

/**
 * While starting there is nothing to bring to an end, but somebody must listen: process 1 of a
 * container does not get a signal that it has no handler for. Returns what ends this.
 */
export function exitOnEarlySignals(): () => void {
  const exit = (): never => process.exit(EXIT.ok.status)
  const ignore = (): void => {}
  for (const signal of STOP_SIGNALS) process.on(signal, exit)
  process.on('SIGHUP', ignore)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, exit)
    process.off('SIGHUP', ignore)
  }
}

/** Signals, and the way from the first to the last state. */
export class Lifecycle {
  readonly #options: LifecycleOptions
  #state: LifecycleState = 'starting'

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  get state(): LifecycleState {
    return this.#state
  }

  /** The server is ready: from here on signals are answered. */
  listen(): void {
    this.#state = 'ready'
    // SIGUSR1 is memcached's graceful stop; a listener also takes it from Node's debugger.
    for (const signal of STOP_SIGNALS) process.on(signal, () => this.#onStopSignal(signal))
    process.on('SIGHUP', () => {
      if (this.#state === 'ready') this.#options.reload()
    })
  }

  /** Ends the process in an orderly way; `cause` is for the log. Asking twice changes nothing. */
  async stop(cause: string): Promise<void> {
    if (this.#state !== 'ready') return
    this.#state = 'draining'
    const { log, shutdown, beforeExit } = this.#options
    log.info({ cause, delay: shutdown.delay, drain: shutdown.drain }, 'stopping')
    await this.#drain()
    await this.#finish()
    this.#state = 'stopped'
    log.info({ cause }, 'stopped')
    beforeExit()
    process.exit(EXIT.ok.status)
  }

  async #drain(): Promise<void> {
    const { shutdown, log, drain, announceDrain } = this.#options
    announceDrain()
    if (shutdown.delay > 0) await sleep(shutdown.delay)
    const deadline = sleep(shutdown.drain + shutdown.grace, false)
    const inTime = await Promise.race([drain(shutdown.drain).then(() => true), deadline])
    if (!inTime) log.warn('some connections were still busy and are cut off')
  }

  async #finish(): Promise<void> {
    const { finish, log } = this.#options
    const finished = finish().then(
      () => true,
      (error: unknown) => {
        log.error({ error: String(error) }, 'the end is not as orderly as it should be')
        return true
      },
    )
    const inTime = await Promise.race([finished, sleep(FINISH_MILLISECONDS, false)])
    if (!inTime) log.warn('what was left to hand over is lost: it took too long')
  }

  #onStopSignal(signal: StopSignal): void {
    if (this.#state !== 'ready') {
      this.#options.log.warn({ signal }, 'second signal: ending at once')
      this.#options.beforeExit()
      process.exit(signal === 'SIGINT' ? EXIT.interrupted.status : EXIT.terminated.status)
    }
    void this.stop(signal)
  }
}
