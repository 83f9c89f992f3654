import { KEY_BYTES_MAX, META_TOKENS_MAX, OPAQUE_TOKEN_BYTES_MAX } from '../protocol/limits.ts'
import { META_LETTER } from '../protocol/meta.ts'
import type { CommandContext } from './context.ts'

/** What all meta replies have in common. */

/**
 * Longest reply line: the word and a length, a key (in base64 no longer than a plain one can be) with
 * its ` b`, an opaque, and a 64-bit number with letter and space for each other flag.
 */
export const META_LINE_BYTES_MAX =
  16 + 2 * KEY_BYTES_MAX + OPAQUE_TOKEN_BYTES_MAX + META_TOKENS_MAX * 22 + 8

/** Replies begin with two letters. */
export const WORD = {
  end: [69, 78],
  exists: [69, 88],
  header: [72, 68],
  notFound: [78, 70],
  notStored: [78, 83],
  value: [86, 65],
} as const satisfies Readonly<Record<string, readonly [number, number]>>

export function writeWord(context: CommandContext, word: readonly [number, number]): void {
  context.reply.word(word[0], word[1])
}

/** The opaque token as it came. */
export function writeOpaque(context: CommandContext, flag: number): void {
  const { request, reply } = context
  reply.byte(32)
  reply.copy(request.buffer, request.tokenStarts[flag]!, request.tokenEnds[flag]!)
}

/** The key as k returns it; an item stored under a base64 key has it in base64 again. */
export function writeKey(context: CommandContext, isBinary: boolean): void {
  const { request, reply } = context
  const { keyBuffer, keyStart, keyLength } = request
  reply.flag(META_LETTER.key)
  if (isBinary) {
    reply.base64(keyBuffer, keyStart, keyStart + keyLength)
    reply.flag(META_LETTER.base64)
  } else {
    reply.copy(keyBuffer, keyStart, keyStart + keyLength)
  }
}

/** O and k, in the order of the request: all that comes back where there is no item to speak of. */
export function writeEchoes(context: CommandContext, isBinary: boolean): void {
  const { request } = context
  for (let flag = request.firstFlag; flag < request.tokenCount; flag++) {
    const letter = request.buffer[request.tokenStarts[flag]!]
    if (letter === META_LETTER.opaque) writeOpaque(context, flag)
    else if (letter === META_LETTER.key) writeKey(context, isBinary)
  }
}

/** t: seconds left, -1 for never. */
export function writeTtl(context: CommandContext, exptime: number): void {
  const { reply, store } = context
  reply.flag(META_LETTER.ttl)
  if (exptime === 0) reply.word(45, 49)
  else reply.uint32(Math.max(0, exptime - store.now))
}
