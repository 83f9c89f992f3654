import type { Logger } from 'pino'
import { monotonicMilliseconds } from '../base/clock.ts'
import { FollowedFiles } from '../base/followed-files.ts'
import type { TlsMaterial } from '../base/messages.ts'
import type { CertificateFigures } from '../telemetry/metrics/source.ts'
import type { CertificateFacts, LoadedMaterial, TlsFiles } from '../tls/material.ts'
import { loadMaterial, newTicketKeys, pathsOf, TlsFileError } from '../tls/material.ts'

/**
 * How long tickets of sessions can be read, at most. Whoever gets hold of their keys can read what
 * was said in these sessions.
 */
const TICKET_KEYS_MILLISECONDS = 12 * 3600 * 1000

/** Below this, a reload and a start say so in the log, and MemcKvCertificateExpires of docs/runbook.md is raised. */
const EXPIRES_SOON_MILLISECONDS = 7 * 24 * 3600 * 1000
/** The same for certificates that never have a week left. They are renewed when a third is left, as a rule. */
const EXPIRES_SOON_SHARE = 0.25

/** Rarer than for other files: who replaces certificate and key by two copies should be done with both. */
const LOOK_MILLISECONDS = 2000

/**
 * Any client may say refresh_certs, and each reload reads files and throws away the keys of tickets: one
 * in such a time is done, the others are told what came of the last.
 */
const REFRESH_MILLISECONDS = 1000

/** A pair that is not valid yet is tried again when it is, or after that long. */
const RETRY_MILLISECONDS_MAX = 3600 * 1000

export interface CertificatesOptions {
  readonly port: CertificateFigures['port']
  readonly files: TlsFiles
  readonly log: Logger
  /** Give it to those who speak TLS, for connections that begin from now on. */
  readonly deliver: (material: TlsMaterial) => void
  /** A reload was done well. */
  readonly onRefresh: () => void
}

/**
 * Certificate and key while the server runs: read anew when the files have changed, on SIGHUP and
 * when a client says refresh_certs. A pair that cannot be used changes nothing.
 */
export class Certificates {
  readonly #options: CertificatesOptions
  #followed: FollowedFiles | null = null
  #loaded: LoadedMaterial
  #lastReloadOk = true
  #lastReloadMilliseconds = Date.now()
  #lastResult = ''
  #refreshedAt = Number.NEGATIVE_INFINITY
  #ticketTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined

  constructor(options: CertificatesOptions, loaded: LoadedMaterial) {
    this.#options = options
    this.#loaded = loaded
  }

  get figures(): CertificateFigures {
    const { notAfterMilliseconds, lifeMilliseconds } = this.#loaded.facts
    return {
      port: this.#options.port,
      notAfterSeconds: Math.floor(notAfterMilliseconds / 1000),
      notBeforeSeconds: Math.floor((notAfterMilliseconds - lifeMilliseconds) / 1000),
      lastReloadOk: this.#lastReloadOk,
      lastReloadSeconds: Math.floor(this.#lastReloadMilliseconds / 1000),
    }
  }

  start(): void {
    this.#say('certificate', this.#loaded.facts)
    const { files } = this.#options
    const onChange = (): void => void this.reload('files changed')
    const { stamp } = this.#loaded
    this.#followed = new FollowedFiles(pathsOf(files), stamp, onChange, LOOK_MILLISECONDS)
    this.#ticketTimer = setInterval(() => this.#renewTicketKeys(), TICKET_KEYS_MILLISECONDS)
    this.#ticketTimer.unref()
  }

  stop(): void {
    this.#followed?.stop()
    clearTimeout(this.#retryTimer)
    clearInterval(this.#ticketTimer)
  }

  get material(): TlsMaterial {
    return this.#loaded.material
  }

  /** For a client: '' when it was done, else why not. */
  refresh(): string {
    const now = monotonicMilliseconds()
    if (now - this.#refreshedAt < REFRESH_MILLISECONDS) return this.#lastResult
    this.#refreshedAt = now
    return this.reload('refresh_certs')
  }

  /** '' when it was done, else why not. */
  reload(cause: string): string {
    this.#lastResult = this.#tryReload(cause)
    return this.#lastResult
  }

  #tryReload(cause: string): string {
    const { files, log, deliver, onRefresh } = this.#options
    clearTimeout(this.#retryTimer)
    try {
      const loaded = loadMaterial(files)
      this.#retryWhenValid(loaded.facts)
      refuseWorse(loaded.facts, this.#loaded.facts, files)
      this.#loaded = loaded
      this.#lastReloadOk = true
      this.#lastReloadMilliseconds = Date.now()
      deliver(loaded.material)
      onRefresh()
      this.#say('certificate reloaded', loaded.facts, cause)
      return ''
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error
      this.#lastReloadOk = false
      log.error({ cause, error: error.message }, 'certificate not reloaded; the old one stays')
      return error.message
    }
  }

  /** The files do not change when the time comes. */
  #retryWhenValid({ notBeforeMilliseconds }: CertificateFacts): void {
    const milliseconds = notBeforeMilliseconds - Date.now()
    if (milliseconds <= 0) return
    const retry = (): void => void this.reload('it was not valid yet')
    this.#retryTimer = setTimeout(retry, Math.min(RETRY_MILLISECONDS_MAX, milliseconds + 1))
    this.#retryTimer.unref()
  }

  #renewTicketKeys(): void {
    const { material } = this.#loaded
    this.#loaded = { ...this.#loaded, material: { ...material, ticketKeys: newTicketKeys() } }
    this.#options.deliver(this.#loaded.material)
    this.#options.log.debug('new keys for session tickets')
  }

  #say(text: string, facts: CertificateFacts, cause?: string): void {
    const { log } = this.#options
    const { subject, notAfterMilliseconds, notBeforeMilliseconds, lifeMilliseconds } = facts
    const soon = Math.min(EXPIRES_SOON_MILLISECONDS, EXPIRES_SOON_SHARE * lifeMilliseconds)
    const notAfter = new Date(notAfterMilliseconds).toISOString()
    const entry = { subject, notAfter, ...(cause === undefined ? {} : { cause }) }
    const now = Date.now()
    if (now > notAfterMilliseconds) log.error(entry, `${text}; it has expired`)
    else if (now < notBeforeMilliseconds) log.error(entry, `${text}; it is not valid yet`)
    else if (now > notAfterMilliseconds - soon) log.warn(entry, `${text}; it expires soon`)
    else log.info(entry, text)
  }
}

/** A start with such a certificate is better than none; a change to one is a mistake. */
function refuseWorse(next: CertificateFacts, present: CertificateFacts, files: TlsFiles): void {
  const now = Date.now()
  const name = `${files.names.cert} ${files.certFile}`
  if (next.notAfterMilliseconds <= now && present.notAfterMilliseconds > now) {
    throw new TlsFileError(`${name}: it expired at ${printTime(next.notAfterMilliseconds)}`)
  }
  const isPresentValid = present.notBeforeMilliseconds <= now && present.notAfterMilliseconds > now
  if (next.notBeforeMilliseconds > now && isPresentValid) {
    throw new TlsFileError(
      `${name}: it is not valid before ${printTime(next.notBeforeMilliseconds)}`,
    )
  }
}

function printTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
