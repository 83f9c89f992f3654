import { Access, REFUSED_KEY } from '../auth/access.ts'
import type { AccessTable, WorkerMessage } from '../base/messages.ts'
import { OPCODE_WORDS } from '../protocol/opcode.ts'
import { COUNTER, DENIED_BY_KEY, DENIED_REASONS } from '../telemetry/counters.ts'
import type { PeerAddress, PeerCertificate } from './wire.ts'

/** Lines about refused commands that one worker sends to the log in a second; the counters have them all. */
const REPORTS_PER_SECOND_MAX = 10

/** A connection, as far as it matters who is at its other end. */
export interface Visitor {
  /** null: may do everything. */
  access: Access | null
  /** '' while nobody has logged in. */
  user: string
  /** Logged in by the file of -Y, which gives all rights and takes none back. */
  unlimited: boolean
  readonly peer: PeerAddress
  readonly peerCertificate: PeerCertificate | null
}

/**
 * Who may do what on the connections of one worker. There is none when neither auth.file nor
 * auth.usersFile is set: then every connection may do everything.
 */
export class Gatekeeper {
  readonly #post: (message: WorkerMessage) => void
  readonly #counters: Float64Array
  readonly #nobody = Access.ofNobody()
  readonly #accesses = new Map<string, Access | null>()
  readonly #users = new Map<string, string>()
  #newcomer: Access | null = this.#nobody
  #reportsLeft = REPORTS_PER_SECOND_MAX

  constructor(
    table: AccessTable | null,
    counters: Float64Array,
    post: (message: WorkerMessage) => void,
  ) {
    this.#counters = counters
    this.#post = post
    if (table !== null) this.replace(table)
  }

  /** The file was read again; then `review` each connection. */
  replace({ users, anonymous }: AccessTable): void {
    this.#accesses.clear()
    this.#users.clear()
    for (const entry of users) {
      this.#accesses.set(entry.name, Access.of(entry))
      for (const certificate of entry.certificates) this.#users.set(certificate, entry.name)
    }
    this.#newcomer = anonymous === null ? this.#nobody : Access.ofAnonymous(anonymous)
  }

  /** A new connection: somebody whose certificate is a user's needs no password. */
  enter(visitor: Visitor): void {
    visitor.access = this.#newcomer
    const user = this.#userOf(visitor.peerCertificate)
    if (user === undefined || !this.admit(visitor, user)) return
    this.announce(visitor, 'certificate')
  }

  /** For the log. */
  announce({ user, peer }: Visitor, by: 'password' | 'certificate'): void {
    this.#post({ type: 'loggedIn', address: peer.address, user, by })
  }

  /** A user of auth.usersFile; false when there is no such user any more. */
  admit(visitor: Visitor, user: string): boolean {
    const access = this.#accesses.get(user)
    if (access === undefined) return false
    visitor.access = access
    visitor.user = user
    return true
  }

  /** A user of -Y. */
  admitUnlimited(visitor: Visitor, user: string): void {
    visitor.access = null
    visitor.user = user
    visitor.unlimited = true
  }

  /** After `replace`: rights that changed. True when it is nobody's now that was somebody's before. */
  review(visitor: Visitor): boolean {
    if (visitor.unlimited) return false
    if (visitor.user !== '' && this.admit(visitor, visitor.user)) return false
    const { access, user } = visitor
    visitor.user = ''
    this.enter(visitor)
    const hasLostAll = visitor.access === this.#nobody && access !== this.#nobody
    return hasLostAll || (user !== '' && visitor.user !== user)
  }

  /** A command was refused: `refused` is what Access.refusal returned. */
  deny(visitor: Visitor, opcode: number, refused: number): void {
    const isKey = refused === REFUSED_KEY
    const index = isKey ? DENIED_BY_KEY : 31 - Math.clz32(refused & -refused)
    this.#counters[COUNTER.denied + index]!++
    if (this.#reportsLeft === 0) return
    this.#reportsLeft--
    const { user, peer } = visitor
    const command = OPCODE_WORDS[opcode]!
    const reason = DENIED_REASONS[index]!
    this.#post({ type: 'denied', address: peer.address, user, command, reason })
  }

  everySecond(): void {
    this.#reportsLeft = REPORTS_PER_SECOND_MAX
  }

  #userOf(certificate: PeerCertificate | null): string | undefined {
    if (certificate === null) return undefined
    const { commonName, names } = certificate
    const common = commonName === '' ? undefined : this.#users.get(`CN:${commonName}`)
    if (common !== undefined) return common
    const found = names.find((name) => this.#users.has(name))
    return found === undefined ? undefined : this.#users.get(found)
  }
}
