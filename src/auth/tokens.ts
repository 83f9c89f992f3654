import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'

const FILE_BYTES_MAX = 64 * 1024
const TOKENS_MAX = 16
export const TOKEN_CHARACTERS_MIN = 16
const TOKEN_CHARACTERS_MAX = 512

/** What a bearer token may be made of (RFC 6750, b64token). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/
const BEARER = /^bearer +(\S{1,512}) *$/i

/** The file cannot be used. The message never holds a token. */
export class TokenFileError extends Error {
  override readonly name = 'TokenFileError'
}

/** Reads sidecar.tokenFile: one token a line, empty lines left out. */
export function readTokenFile(path: string): string[] {
  const tokens = readText(path)
    .split('\n')
    .flatMap((text, index) => {
      const line = text.replace(/\r$/, '')
      if (line === '') return []
      const problem = problemOf(line)
      if (problem === null) return [line]
      throw new TokenFileError(`token file ${path}, line ${index + 1}: ${problem}`)
    })
  if (tokens.length === 0 || tokens.length > TOKENS_MAX) {
    throw new TokenFileError(
      `token file ${path}: it has ${tokens.length} tokens, 1 to ${TOKENS_MAX} are allowed`,
    )
  }
  return tokens
}

function problemOf(line: string): string | null {
  if (line.length < TOKEN_CHARACTERS_MIN || line.length > TOKEN_CHARACTERS_MAX) {
    return `a token must have ${TOKEN_CHARACTERS_MIN} to ${TOKEN_CHARACTERS_MAX} characters`
  }
  return TOKEN.test(line) ? null : 'a token is made of letters, digits and - . _ ~ + / ='
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path)
    if (bytes.length <= FILE_BYTES_MAX) return bytes.toString('latin1')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new TokenFileError(`token file ${path}: it cannot be read (${code})`)
  }
  throw new TokenFileError(`token file ${path}: at most ${FILE_BYTES_MAX} bytes are allowed`)
}

/** Compares in constant time, as a keyed digest under a key that only this process has. */
export class Tokens {
  readonly #key = randomBytes(32)
  #digests: readonly Buffer[] = []

  constructor(tokens: readonly string[]) {
    this.replace(tokens)
  }

  replace(tokens: readonly string[]): void {
    this.#digests = tokens.map((token) => this.#digest(token))
  }

  /** @param header Authorization, as it came */
  accept(header: string | undefined): boolean {
    const token = BEARER.exec(header ?? '')?.[1]
    if (token === undefined) return false
    const given = this.#digest(token)
    let accepted = false
    for (const digest of this.#digests) {
      if (timingSafeEqual(given, digest)) accepted = true
    }
    return accepted
  }

  #digest(token: string): Buffer {
    return createHmac('sha256', this.#key).update(token).digest()
  }
}
