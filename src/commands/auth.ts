import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { User } from '../base/messages.ts'
import { RUNTIME } from '../base/runtime.ts'
import { LINE } from '../protocol/lines.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { OUTCOME } from './context.ts'

const SPACE = 32

/**
 * The `set` by which a connection names its user and password (OPCODE.auth): its value is the name, a
 * space and the password, which may hold spaces itself. The connection stays open after a mistake. What
 * the file of -Y does not have is for the control thread to decide: it knows the other users, and who
 * has failed how often.
 */
export function handleAuth(context: AdminCommandContext): number {
  const { request, reply, counters, session, admin, runtime } = context
  const { buffer, valueStart, valueLength } = request
  const token = buffer.subarray(valueStart, valueStart + valueLength)
  const space = token.indexOf(SPACE)
  if (space < 0) {
    reply.line(LINE.authBadFormat)
    return OUTCOME.done
  }
  counters[COUNTER.authCommands]!++
  const name = token.subarray(0, space)
  const password = token.subarray(space + 1)
  const accepted = admin.authenticator.accepts(name, password)
  // While somebody guesses, also who is right may have to wait: otherwise silence would be an answer.
  if (!accepted || runtime[RUNTIME.loginsSlowed] !== 0) {
    session.deferLogin(name, password, accepted)
    return OUTCOME.deferred
  }
  session.welcome(name)
  reply.line(LINE.stored)
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
