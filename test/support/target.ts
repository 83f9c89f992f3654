/**
 * What the wire tests talk to: our server, or a real memcached, so that every transcript can be
 * shown to be true of the server we claim to replace. `MEMCKV_TEST_TARGET=memcached:/path/to/binary`
 * chooses the second; assertions about intended differences are then left out.
 */
export type Target =
  | { readonly kind: 'memckv' }
  | { readonly kind: 'memcached'; readonly binary: string; readonly version: string }

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

interface TestEnvironment {
  readonly MEMCKV_TEST_TARGET?: string
  readonly MEMCKV_TEST_SEED?: string
  readonly MEMCKV_TEST_PEER?: string
  readonly MEMCKV_TEST_MAIN?: string
}

/** The one place where the tests read their environment. */
export const environment: TestEnvironment & Readonly<Record<string, string | undefined>> =
  process.env

export const target: Target = parseTarget(environment.MEMCKV_TEST_TARGET)

export const isMemcached = target.kind === 'memcached'

/** True where the target is the version the reference describes, or our own server. */
export const followsReference = target.kind === 'memckv' || target.version === '1.6.45'

function parseTarget(text: string | undefined): Target {
  if (text === undefined || text === '' || text === 'memckv') return { kind: 'memckv' }
  const [kind, binary] = splitOnce(text, ':')
  if (kind !== 'memcached' || !existsSync(binary)) {
    throw new Error(`MEMCKV_TEST_TARGET=${text}: want memcached:/path/to/an/existing/binary`)
  }
  return { kind, binary, version: memcachedVersion(binary) }
}

export function memcachedVersion(binary: string): string {
  return execFileSync(binary, ['-V'], { encoding: 'utf8' }).trim().split(' ')[1] ?? 'unknown'
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}
