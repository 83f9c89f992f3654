import type { Logger } from 'pino'
import type { TlsMaterial } from '../base/messages.ts'
import type { CertificateFigures } from '../telemetry/metrics/source.ts'
import { FileWatch } from '../tls/file-watch.ts'
import type { CertificateFacts, LoadedMaterial, TlsFiles } from '../tls/material.ts'
import { loadMaterial, newTicketKeys, TlsFileError } from '../tls/material.ts'

/**
 * How long tickets of sessions can be read, at most. Whoever gets hold of their keys can read what
 * was said in these sessions.
 */
const TICKET_KEYS_MILLISECONDS = 12 * 3600 * 1000

/** Below this, a reload and a start say so in the log, and MemcKvCertificateExpires of docs/runbook.md is raised. */
const EXPIRES_SOON_MILLISECONDS = 7 * 24 * 3600 * 1000
/** The same for certificates that never have a week left. They are renewed when a third is left, as a rule. */
const EXPIRES_SOON_SHARE = 0.25

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
  readonly #watch: FileWatch
  #loaded: LoadedMaterial
  #lastReloadOk = true
  #lastReloadMilliseconds = Date.now()
  #ticketTimer: NodeJS.Timeout | undefined

  constructor(options: CertificatesOptions, loaded: LoadedMaterial) {
    const { certFile, keyFile, caFile } = options.files
    this.#options = options
    this.#loaded = loaded
    this.#watch = new FileWatch([certFile, keyFile, caFile], () => this.reload('files changed'))
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
    void this.#watch.start()
    this.#ticketTimer = setInterval(() => this.#renewTicketKeys(), TICKET_KEYS_MILLISECONDS)
    this.#ticketTimer.unref()
  }

  stop(): void {
    this.#watch.stop()
    clearInterval(this.#ticketTimer)
  }

  get material(): TlsMaterial {
    return this.#loaded.material
  }

  /** '' when it was done, else why not. */
  reload(cause: string): string {
    const { files, log, deliver, onRefresh } = this.#options
    try {
      const loaded = loadMaterial(files)
      refuseExpired(loaded.facts, this.#loaded.facts, files)
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

  #renewTicketKeys(): void {
    const { material, facts } = this.#loaded
    this.#loaded = { material: { ...material, ticketKeys: newTicketKeys() }, facts }
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

/** A start with an expired certificate is better than none; a change to one is a mistake. */
function refuseExpired(next: CertificateFacts, present: CertificateFacts, files: TlsFiles): void {
  const now = Date.now()
  if (next.notAfterMilliseconds > now || present.notAfterMilliseconds <= now) return
  const when = new Date(next.notAfterMilliseconds).toISOString()
  throw new TlsFileError(`${files.names.cert} ${files.certFile}: it expired at ${when}`)
}
