import type { Logger } from 'pino'
import { readTokenFile, TokenFileError, Tokens } from '../auth/tokens.ts'
import { monotonicMilliseconds } from '../base/clock.ts'
import { fatal } from '../base/fatal.ts'
import { FollowedFiles, stampOf } from '../base/followed-files.ts'
import type { TokenCheck, TokenVerdict } from '../sidecar/sidecar.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { Audit } from './audit.ts'

/** Wrong tokens in a second that are told so; what is more is not looked at. */
const FAILURES_PER_SECOND_MAX = 10

export interface SidecarTokensOptions {
  /** '' none. */
  readonly path: string
  /** The control thread's own block. */
  readonly counters: Float64Array
  readonly log: Logger
}

/** The tokens of the sidecar, and the file they come from. */
export class SidecarTokens implements TokenCheck {
  readonly #path: string
  readonly #tokens: Tokens
  readonly #counters: Float64Array
  readonly #log: Logger
  readonly #audit: Audit
  readonly #followed: FollowedFiles
  #second = 0
  #failures = 0

  private constructor(options: SidecarTokensOptions, stamp: string, tokens: readonly string[]) {
    this.#path = options.path
    this.#tokens = new Tokens(tokens)
    this.#counters = options.counters
    this.#log = options.log
    this.#audit = new Audit(options.log)
    this.#followed = new FollowedFiles([options.path], stamp, () => this.reload())
  }

  /** null: nobody needs a token. A file that cannot be used ends the process. */
  static async open(options: SidecarTokensOptions): Promise<SidecarTokens | null> {
    const { path } = options
    if (path === '') return null
    const stamp = await stampOf([path])
    try {
      return new SidecarTokens(options, stamp, readTokenFile(path))
    } catch (error) {
      if (error instanceof TokenFileError) fatal('authFile', error.message)
      throw error
    }
  }

  /**
   * A right token is let in however many wrong ones there are: with 16 characters it is not found by
   * trying, and Prometheus may share its address with whoever tries.
   */
  check(header: string | undefined, address: string, path: string): TokenVerdict {
    if (this.#tokens.accept(header)) return 'right'
    const { sidecarRefused } = COUNTER
    this.#counters[sidecarRefused] = (this.#counters[sidecarRefused] ?? 0) + 1
    const second = Math.floor(monotonicMilliseconds() / 1000)
    if (second !== this.#second) this.#failures = 0
    this.#second = second
    this.#audit.unauthorized(address, path)
    if (++this.#failures > FAILURES_PER_SECOND_MAX) return 'tooMany'
    return header === undefined ? 'missing' : 'wrong'
  }

  reload(): void {
    try {
      const tokens = readTokenFile(this.#path)
      this.#tokens.replace(tokens)
      this.#counters[COUNTER.tokensReloadFailed] = 0
      this.#log.info({ tokens: tokens.length }, 'tokens reloaded')
    } catch (error) {
      this.#counters[COUNTER.tokensReloadFailed] = 1
      const cause = error instanceof Error ? error.message : String(error)
      this.#log.error({ error: cause }, 'tokens not reloaded; the old ones stay')
    }
  }

  stop(): void {
    this.#followed.stop()
  }
}
