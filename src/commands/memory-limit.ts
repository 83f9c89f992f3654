import { readUint32 } from './admin-numbers.ts'
import { answerLine, commandWords } from './admin-reply.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'

const MEGABYTE = 1024 * 1024
const MEGABYTES_MIN = 8
/** More than this can only be meant as bytes. */
const MEGABYTES_MAX = 1_000_000_000

/**
 * `cache_memlimit MB`. The control thread does it, because all threads must first know of new
 * memory: defer('cache_memlimit', 'BYTES') or 'BYTES noreply'. It answers `OK`, or
 * `MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust`, and with noreply an empty text.
 */
export function handleCacheMemoryLimit(context: CommandContext): number {
  const words = commandWords(context.request)
  const megabytes = readUint32(words[1])
  if (megabytes === null) return answerLine(context, 'ERROR')
  if (megabytes < MEGABYTES_MIN) {
    return answerLine(context, 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m')
  }
  if (megabytes > MEGABYTES_MAX) {
    return answerLine(context, 'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes')
  }
  const bytes = megabytes * MEGABYTE
  context.session.defer('cache_memlimit', context.request.noreply ? `${bytes} noreply` : `${bytes}`)
  return OUTCOME.deferred
}
