import { TUNABLE, thousandths } from '../telemetry/tunables.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { readDecimal, readInt32, readUint32 } from './admin-numbers.ts'
import { answerLine, commandWords } from './admin-reply.ts'

/** memcached leaves at least a fifth to the cold part of its lists. */
const HOT_AND_WARM_PERCENT_MAX = 80

/**
 * `lru tune`, `lru mode`, `lru temp_ttl`: they set what `stats settings` shows. Eviction here has no
 * hot, warm and cold lists, so nothing else changes.
 */
export function handleLru(context: AdminCommandContext): number {
  const words = commandWords(context.request)
  const maintainer = context.admin.stats.config.compat.lruMaintainer
  const subcommand = words[1]
  if (subcommand === 'tune' && words.length >= 6) return tune(context, words)
  if (subcommand === 'mode' && maintainer) return setMode(context, words[2])
  if (subcommand === 'temp_ttl' && maintainer) return setTemporaryTtl(context, words[2])
  return answerLine(context, 'ERROR')
}

function tune(context: AdminCommandContext, words: readonly string[]): number {
  const hotPercent = readUint32(words[2])
  const warmPercent = readUint32(words[3])
  const hotFactor = readDecimal(words[4])
  const warmFactor = readDecimal(words[5])
  if (hotPercent === null || warmPercent === null || hotFactor === null || warmFactor === null) {
    return answerLine(context, 'ERROR')
  }
  if (hotPercent + warmPercent > HOT_AND_WARM_PERCENT_MAX) {
    return answerLine(context, 'ERROR hot and warm pcts must not exceed 80')
  }
  if (hotFactor <= 0 || warmFactor <= 0) {
    return answerLine(context, 'ERROR hot/warm age factors must be greater than 0')
  }
  const { tunables } = context.admin.stats
  tunables[TUNABLE.hotLruPercent] = hotPercent
  tunables[TUNABLE.warmLruPercent] = warmPercent
  tunables[TUNABLE.hotMaxFactor] = thousandths(hotFactor)
  tunables[TUNABLE.warmMaxFactor] = thousandths(warmFactor)
  return answerLine(context, 'OK')
}

function setMode(context: AdminCommandContext, mode: string | undefined): number {
  if (mode !== 'flat' && mode !== 'segmented') return answerLine(context, 'ERROR')
  context.admin.stats.tunables[TUNABLE.lruSegmented] = mode === 'segmented' ? 1 : 0
  return answerLine(context, 'OK')
}

function setTemporaryTtl(context: AdminCommandContext, word: string | undefined): number {
  const ttl = readInt32(word)
  if (ttl === null) return answerLine(context, 'ERROR')
  const { tunables } = context.admin.stats
  tunables[TUNABLE.tempLru] = ttl < 0 ? 0 : 1
  if (ttl >= 0) tunables[TUNABLE.temporaryTtl] = ttl
  return answerLine(context, 'OK')
}
