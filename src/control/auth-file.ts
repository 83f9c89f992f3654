import { readFileSync } from 'node:fs'
import type { User } from '../base/messages.ts'

/** memcached's limits (authfile.c reads lines of at most 255 characters, 8 of them). */
const USERS_MAX = 8
const LINE_LENGTH_MAX = 255

/** The file cannot be used. The message never holds a password. */
export class AuthFileError extends Error {
  override readonly name = 'AuthFileError'
}

/**
 * Read a file of `user:password` lines (-Y). The password is all that follows the first colon.
 * Where memcached cuts a long line or forgets the ninth user without a word, this refuses.
 */
export function readAuthFile(path: string): User[] {
  const lines = readText(path).split('\n')
  // What follows the last newline is no line.
  if (lines.at(-1) === '') lines.pop()
  const users = lines.map((line, index) => readLine(path, index + 1, line.replace(/\r$/, '')))
  if (users.length === 0) throw new AuthFileError(`auth file ${path}: it holds no user`)
  if (users.length > USERS_MAX) {
    throw new AuthFileError(
      `auth file ${path}: ${users.length} users, at most ${USERS_MAX} are allowed`,
    )
  }
  return users
}

function readLine(path: string, number: number, line: string): User {
  const colon = line.indexOf(':')
  if (colon < 0)
    throw new AuthFileError(`auth file ${path}, line ${number}: it must be user:password`)
  if (line.length > LINE_LENGTH_MAX) {
    throw new AuthFileError(
      `auth file ${path}, line ${number}: at most ${LINE_LENGTH_MAX} characters are allowed`,
    )
  }
  return { name: line.slice(0, colon), password: line.slice(colon + 1) }
}

/** One character for each byte, as the client's bytes will be compared. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new AuthFileError(`auth file ${path}: it cannot be read (${code})`)
  }
}
