import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { User } from '../base/messages.ts'
import { LINE } from '../protocol/lines.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { OUTCOME } from './context.ts'

const SPACE = 32

/**
 * The `set` by which a connection names its user and password (OPCODE.auth): its value is the name, a
 * space and the password, which may hold spaces itself. The connection stays open after a mistake.
 */
export function handleAuth(context: AdminCommandContext): number {
  const { request, reply, counters, session, admin } = context
  const { buffer, valueStart, valueLength } = request
  const token = buffer.subarray(valueStart, valueStart + valueLength)
  const space = token.indexOf(SPACE)
  if (space < 0) {
    reply.line(LINE.authBadFormat)
    return OUTCOME.done
  }
  counters[COUNTER.authCommands]!++
  if (admin.authenticator.accepts(token.subarray(0, space), token.subarray(space + 1))) {
    session.authenticated = true
    reply.line(LINE.stored)
  } else {
    counters[COUNTER.authErrors]!++
    reply.line(LINE.authFailure)
  }
  return OUTCOME.done
}

/**
 * Knows who may use the server. What a client sends is compared as a keyed digest of fixed size, with
 * every user in turn and in constant time, so that neither the length nor the beginning of a password
 * nor the existence of a name can be measured. The key is random for each process.
 */
export class Authenticator {
  readonly #key = randomBytes(32)
  #digests: readonly Buffer[] = []

  constructor(users: readonly User[]) {
    this.replace(users)
  }

  /**
   * The file was read again. Connections that are authenticated stay so.
   *
   * @param users with one character for each byte of the file
   */
  replace(users: readonly User[]): void {
    this.#digests = users.map(({ name, password }) =>
      this.#digest(Buffer.from(name, 'latin1'), Buffer.from(password, 'latin1')),
    )
  }

  accepts(name: Uint8Array, password: Uint8Array): boolean {
    const given = this.#digest(name, password)
    let accepted = false
    for (const digest of this.#digests) {
      if (timingSafeEqual(given, digest)) accepted = true
    }
    return accepted
  }

  /** The length of the name goes in first, so that no two pairs give the same bytes. */
  #digest(name: Uint8Array, password: Uint8Array): Buffer {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(name.length)
    return createHmac('sha256', this.#key).update(length).update(name).update(password).digest()
  }
}
