import type { Logger } from 'pino'
import type { Verdict } from '../auth/login-desk.ts'
import { LoginDesk } from '../auth/login-desk.ts'
import type { Users } from '../auth/users-file.ts'
import { readUsersFile, UsersFileError } from '../auth/users-file.ts'
import type { Config } from '../base/config.ts'
import { FollowedFiles, stampOf } from '../base/followed-files.ts'
import type { ControlMessage, User, WorkerMessage } from '../base/messages.ts'
import { RUNTIME } from '../base/runtime.ts'
import { COUNTER } from '../telemetry/counters.ts'
import { Audit } from './audit.ts'
import { readAuthFile } from './auth-file.ts'

/** How often it is looked whether guessers are still to be slowed down. */
const SLOW_CHECK_MILLISECONDS = 1000

export interface LoginsOptions {
  readonly auth: Config['auth']
  readonly known: KnownUsers
  /** Whether any port asks clients for certificates. */
  readonly asksForCertificates: boolean
  readonly runtime: Int32Array
  /** The control thread's own block. */
  readonly counters: Float64Array
  readonly post: (worker: number, message: ControlMessage) => void
  readonly broadcast: (message: ControlMessage) => void
  readonly log: Logger
}

/** What the two files of users said. */
export interface KnownUsers {
  /** -Y; null: no such file. */
  readonly plain: readonly User[] | null
  /** auth.usersFile; null: no such file. */
  readonly users: Users | null
  /** Of auth.usersFile, from before it was read. */
  readonly stamp: string
}

/** Reads both files. Throws an AuthFileError or a UsersFileError. */
export async function readUsers({ file, usersFile }: Config['auth']): Promise<KnownUsers> {
  const plain = file === '' ? null : readAuthFile(file)
  if (usersFile === '') return { plain, users: null, stamp: '' }
  const stamp = await stampOf([usersFile])
  const users = await readUsersFile(usersFile)
  const names = new Set(plain?.map(({ name }) => name))
  const index = users.table.users.findIndex(({ name }) => names.has(name))
  if (index >= 0) {
    throw new UsersFileError(
      `users file ${usersFile}: users[${index}].name: ${file} (auth.file, -Y) has that user too`,
    )
  }
  return { plain, users, stamp }
}

/**
 * Who logs in, on the control thread: the files of users and their reloading, the logins that a worker
 * hands over, and the lines of the log about all that.
 */
export class Logins {
  readonly #options: LoginsOptions
  readonly #desk: LoginDesk
  readonly #audit: Audit
  readonly #names = new Set<string>()
  #followed: FollowedFiles | null = null
  #slowTimer: NodeJS.Timeout | undefined

  constructor(options: LoginsOptions) {
    this.#options = options
    this.#desk = new LoginDesk(options.known.users)
    this.#audit = new Audit(options.log)
    this.#note(options.known)
  }

  /** From now on the file of users is read again whenever it changes. */
  start(): void {
    const { auth, known } = this.#options
    this.#warnOfCertificates(known)
    if (auth.usersFile === '') return
    this.#followed = new FollowedFiles([auth.usersFile], known.stamp, () => void this.reload())
  }

  stop(): void {
    this.#followed?.stop()
    clearInterval(this.#slowTimer)
  }

  /** False when the message is about something else. */
  receive(worker: number, message: WorkerMessage): boolean {
    switch (message.type) {
      case 'login':
        void this.#login(worker, message)
        return true
      case 'loggedIn':
        this.#audit.accepted(message.user, message.address, message.by)
        return true
      case 'denied':
        this.#audit.denied(message.user, message.address, message.command, message.reason)
        return true
      default:
        return false
    }
  }

  /**
   * Reads both files again, for SIGHUP and when one has changed. If either cannot be used, nothing
   * changes. Resolves to false when there is no such file at all.
   */
  async reload(): Promise<boolean> {
    const { auth, broadcast, counters, log } = this.#options
    if (auth.file === '' && auth.usersFile === '') return false
    increase(counters, COUNTER.reloads)
    try {
      const known = await readUsers(auth)
      if (known.plain !== null) broadcast({ type: 'users', users: known.plain })
      if (known.users !== null) {
        this.#desk.replace(known.users)
        broadcast({ type: 'access', table: known.users.table })
      }
      this.#note(known)
      counters[COUNTER.reloadFailedLast] = 0
      log.info({ users: this.#names.size }, 'users reloaded')
      this.#warnOfCertificates(known)
    } catch (error) {
      increase(counters, COUNTER.reloadsFailed)
      counters[COUNTER.reloadFailedLast] = 1
      const cause = error instanceof Error ? error.message : String(error)
      log.error({ error: cause }, 'users not reloaded; the old ones stay')
    }
    return true
  }

  async #login(worker: number, message: Extract<WorkerMessage, { type: 'login' }>): Promise<void> {
    const { post, log } = this.#options
    const { connectionNumber } = message
    let verdict: Verdict = { outcome: 'failed', user: '', unlimited: false }
    try {
      verdict = await this.#desk.decide(message)
    } catch (error) {
      log.error({ error: String(error) }, 'a password could not be checked')
    }
    const { outcome, unlimited } = verdict
    const user = outcome === 'accepted' ? verdict.user : null
    post(worker, { type: 'loginAnswer', connectionNumber, user, unlimited })
    this.#tell(verdict, message.address)
    this.#count(verdict)
  }

  #tell({ outcome, user }: Verdict, address: string): void {
    const known = this.#names.has(user) ? user : null
    if (outcome === 'accepted') this.#audit.accepted(user, address, 'password')
    else if (outcome === 'failed') this.#audit.failed(known, address)
    else this.#audit.refused(known, address)
  }

  #count({ outcome }: Verdict): void {
    const { counters, runtime } = this.#options
    counters[COUNTER.loginsDelayed] = this.#desk.delayed
    counters[COUNTER.passwordsHashed] = this.#desk.hashed
    if (outcome === 'accepted') return
    if (outcome === 'refused') increase(counters, COUNTER.loginsRefused)
    if (!this.#desk.slows) return
    runtime[RUNTIME.loginsSlowed] = 1
    this.#slowTimer ??= setInterval(() => this.#lookWhetherSlow(), SLOW_CHECK_MILLISECONDS).unref()
  }

  #lookWhetherSlow(): void {
    if (this.#desk.slows) return
    this.#options.runtime[RUNTIME.loginsSlowed] = 0
    clearInterval(this.#slowTimer)
    this.#slowTimer = undefined
  }

  #warnOfCertificates({ users }: KnownUsers): void {
    const { asksForCertificates, log } = this.#options
    if (asksForCertificates) return
    const count = users?.table.users.filter(({ certificates }) => certificates.length > 0).length
    if (count === undefined || count === 0) return
    log.warn(
      { users: count },
      'users have certificates, but no client is asked for one (tls.enabled, tls.verify, mtls: in listen.addresses)',
    )
  }

  #note({ plain, users }: KnownUsers): void {
    this.#names.clear()
    for (const { name } of plain ?? []) this.#names.add(name)
    for (const { name } of users?.table.users ?? []) this.#names.add(name)
    this.#options.counters[COUNTER.users] = this.#names.size
  }
}

function increase(counters: Float64Array, counter: number): void {
  counters[counter] = (counters[counter] ?? 0) + 1
}
