import type { AccessEntry } from '../base/messages.ts'
import { OPCODE } from '../protocol/opcode.ts'
import type { Request } from '../protocol/request.ts'
import { ALL_PERMISSIONS, neededPermissions, PERMISSION } from './permissions.ts'

const SPACE = 32

/** What `refusal` returns for a key outside of the user's prefixes: no bit of PERMISSION. */
export const REFUSED_KEY = 1 << 30

/**
 * The key of the `set` by which a client names itself where `set` without a login is allowed. Everywhere
 * else any key will do, as with memcached.
 */
export const LOGIN_KEY = 'memc-kv:login'

const LOGIN_LINE = Buffer.from(`set ${LOGIN_KEY} `)
const SET_LINE = Buffer.from('set ')

/** Which lines of a connection are the beginning of a login. */
const LOGIN = { none: 0, everything: 1, everySet: 2, namedSet: 3 } as const

/**
 * What a connection may do that may not do everything; whoever may has null instead, and costs nothing.
 * One object for each user and worker. Nothing here allocates: it is asked before each command.
 */
export class Access {
  readonly user: string
  readonly #permissions: number
  readonly #prefixes: readonly Buffer[]
  readonly #login: number

  private constructor(entry: AccessEntry, login: number) {
    this.user = entry.name
    this.#permissions = entry.permissions
    this.#prefixes = entry.prefixes.map((prefix) => Buffer.from(prefix))
    this.#login = login
  }

  /** null: everything is allowed. */
  static of(entry: AccessEntry): Access | null {
    return isUnlimited(entry) ? null : new Access(entry, LOGIN.none)
  }

  static ofAnonymous(entry: AccessEntry): Access | null {
    if (isUnlimited(entry)) return null
    const stores = (entry.permissions & PERMISSION.write) !== 0
    return new Access(entry, stores ? LOGIN.namedSet : LOGIN.everySet)
  }

  /** Must log in before anything else. */
  static ofNobody(): Access {
    return new Access(NOBODY, LOGIN.everything)
  }

  /** Nothing but a login is understood. */
  get needsLogin(): boolean {
    return this.#login === LOGIN.everything
  }

  /** Whether it has this one permission. */
  allows(permission: number): boolean {
    return (this.#permissions & permission) !== 0
  }

  /** Whether the line at `start` is to be read as a login. */
  readsLogin(buffer: Buffer, start: number, end: number): boolean {
    switch (this.#login) {
      case LOGIN.none:
        return false
      case LOGIN.everything:
        return true
      case LOGIN.everySet:
        return startsWith(buffer, start, end, SET_LINE)
      default:
        return startsWith(buffer, start, end, LOGIN_LINE)
    }
  }

  /**
   * 0: go on with the command that was parsed. Else it is refused: the permissions that are missing, or
   * REFUSED_KEY. Of a command with many keys all are looked at.
   */
  refusal(request: Request): number {
    const missing = neededPermissions(request) & ~this.#permissions
    if (missing !== 0) return missing
    if (this.#prefixes.length === 0) return 0
    return this.#allowsKeys(request) ? 0 : REFUSED_KEY
  }

  #allowsKeys(request: Request): boolean {
    const { opcode, keyBuffer, keyStart, keyLength } = request
    if (opcode < OPCODE.get || opcode > OPCODE.metaDebug) return true
    if (!this.#allowsKey(keyBuffer, keyStart, keyStart + keyLength)) return false
    if (opcode > OPCODE.gats) return true
    const { lineEnd } = request
    let at = keyStart + keyLength
    for (;;) {
      while (at < lineEnd && keyBuffer[at] === SPACE) at++
      if (at >= lineEnd) return true
      const start = at
      while (at < lineEnd && keyBuffer[at] !== SPACE) at++
      if (!this.#allowsKey(keyBuffer, start, at)) return false
    }
  }

  #allowsKey(buffer: Buffer, start: number, end: number): boolean {
    const prefixes = this.#prefixes
    for (let index = 0; index < prefixes.length; index++) {
      if (startsWith(buffer, start, end, prefixes[index]!)) return true
    }
    return false
  }
}

const NOBODY: AccessEntry = { name: '', permissions: 0, prefixes: [], certificates: [] }

function isUnlimited({ permissions, prefixes }: AccessEntry): boolean {
  return permissions === ALL_PERMISSIONS && prefixes.length === 0
}

function startsWith(buffer: Buffer, start: number, end: number, wanted: Buffer): boolean {
  if (end - start < wanted.length) return false
  for (let index = 0; index < wanted.length; index++) {
    if (buffer[start + index] !== wanted[index]) return false
  }
  return true
}
