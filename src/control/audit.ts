import type { Logger } from 'pino'
import { Recent } from '../auth/recent.ts'
import { monotonicMilliseconds } from '../base/clock.ts'

/** Lines of one kind in a second; what is left out is counted in the next line. */
const LINES_PER_SECOND_MAX = 10

/** The same user from the same address again is worth another line after that long. */
const AGAIN_MILLISECONDS = 3_600_000
const CLIENTS_MAX = 4096

type Kind = 'accepted' | 'failed' | 'refused' | 'denied' | 'unauthorized'

interface Allowance {
  /** The second it is for. */
  second: number
  left: number
  leftOut: number
}

/** The lines about who did or wanted what. None has a key, a value or a password in it. */
export class Audit {
  readonly #log: Logger
  readonly #now: () => number
  readonly #allowances = new Map<Kind, Allowance>()
  readonly #clients = new Recent<number>(CLIENTS_MAX)

  constructor(log: Logger, now: () => number = monotonicMilliseconds) {
    this.#log = log
    this.#now = now
  }

  /** Clients that log in for each request would fill the log: a line is for who has not come for an hour. */
  accepted(user: string, address: string, by: 'password' | 'certificate'): void {
    const client = `${user} ${by} ${address}`
    const last = this.#clients.get(client)
    const now = this.#now()
    if (last !== undefined && now - last < AGAIN_MILLISECONDS) {
      this.#log.debug({ user, address, by }, 'login accepted again')
      return
    }
    const isWritten = this.#write('accepted', { user, address, by }, 'login accepted')
    if (isWritten) this.#clients.set(client, now)
  }

  /** @param user null: no user has that name, which may be a password that was put in the wrong place */
  failed(user: string | null, address: string): void {
    this.#write('failed', { user, address }, 'login failed')
  }

  /** Too many others wait. */
  refused(user: string | null, address: string): void {
    this.#write('refused', { user, address }, 'login refused unseen: too many others wait')
  }

  denied(user: string, address: string, command: string, reason: string): void {
    const fields = { user: user === '' ? null : user, address, command, reason }
    this.#write('denied', fields, 'permission denied')
  }

  /** Of the sidecar. */
  unauthorized(address: string, path: string): void {
    this.#write('unauthorized', { address, path }, 'request without a right token')
  }

  /** False when the second has had its lines. */
  #write(kind: Kind, fields: Readonly<Record<string, string | null>>, text: string): boolean {
    const allowance = this.#allowanceOf(kind)
    if (allowance.left === 0) {
      allowance.leftOut++
      return false
    }
    allowance.left--
    const { leftOut } = allowance
    allowance.leftOut = 0
    const line = leftOut === 0 ? fields : { ...fields, leftOut }
    if (kind === 'accepted') this.#log.info(line, text)
    else this.#log.warn(line, text)
    return true
  }

  #allowanceOf(kind: Kind): Allowance {
    const second = Math.floor(this.#now() / 1000)
    const known = this.#allowances.get(kind)
    if (known?.second === second) return known
    const fresh = { second, left: LINES_PER_SECOND_MAX, leftOut: known?.leftOut ?? 0 }
    this.#allowances.set(kind, fresh)
    return fresh
  }
}
