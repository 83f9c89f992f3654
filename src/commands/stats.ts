import { RUNTIME } from '../base/runtime.ts'
import { CLASS_COUNT } from '../telemetry/counters.ts'
import { generalStats } from '../telemetry/stats.ts'
import { itemsStats, slabsStats } from '../telemetry/stats-classes.ts'
import { settingsStats } from '../telemetry/stats-settings.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { readUint32 } from './admin-numbers.ts'
import { answerLine, answerText, commandWords, produce } from './admin-reply.ts'
import { OUTCOME } from './context.ts'
import { cacheListing, ListingProducer, sizesListing } from './dump.ts'

/** `stats` and its subcommands. Each is a full word: memcached's `stats r`, which resets, is not. */
export function handleStats(context: AdminCommandContext): number {
  const words = commandWords(context.request)
  const source = context.admin.stats
  switch (words[1]) {
    case undefined:
      return answerText(context, generalStats(source))
    case 'settings':
      return answerText(context, settingsStats(source))
    case 'items':
      return answerText(context, itemsStats(source))
    case 'slabs':
      return answerText(context, slabsStats(source))
    case 'sizes':
      return answerSizes(context)
    case 'reset':
      source.baseline.reset(source.counters, source.figures())
      context.admin.prefixes.reset()
      return answerLine(context, 'RESET')
    case 'conns':
      // Only the workers know their connections; the control thread asks them all.
      context.session.defer('stats conns', '')
      return OUTCOME.deferred
    case 'detail':
      return handleDetail(context, words[2])
    case 'cachedump':
      return handleCachedump(context, words)
    default:
      return answerLine(context, 'ERROR')
  }
}

function answerSizes(context: AdminCommandContext): number {
  if (!context.admin.stats.config.stats.trackSizes) {
    return answerText(context, 'STAT sizes_status disabled\r\nEND\r\n')
  }
  return produce(context, new ListingProducer(context.store, sizesListing()))
}

function handleDetail(context: AdminCommandContext, word: string | undefined): number {
  if (!context.settings.dumpEnabled) {
    return answerLine(context, 'CLIENT_ERROR stats detail not allowed')
  }
  switch (word) {
    case 'on':
      Atomics.store(context.runtime, RUNTIME.prefixStats, 1)
      context.prefixStatsOn = true
      return answerLine(context, 'OK')
    case 'off':
      Atomics.store(context.runtime, RUNTIME.prefixStats, 0)
      context.prefixStatsOn = false
      return answerLine(context, 'OK')
    case 'dump':
      return answerText(context, prefixText(context))
    default:
      return answerLine(context, 'CLIENT_ERROR usage: stats detail on|off|dump')
  }
}

/** Prefixes may hold any byte, so the text is put together byte by byte, as latin1. */
function prefixText(context: AdminCommandContext): Buffer {
  const lines = context.admin.prefixes
    .read()
    .map(
      ({ prefix, gets, hits, sets, deletes }) =>
        `PREFIX ${prefix.toString('latin1')} get ${gets} hit ${hits} set ${sets} del ${deletes}\r\n`,
    )
  return Buffer.from(`${lines.join('')}END\r\n`, 'latin1')
}

function handleCachedump(context: AdminCommandContext, words: readonly string[]): number {
  const { dumpEnabled, unixSecondsAtZero } = context.settings
  if (!dumpEnabled) return answerLine(context, 'CLIENT_ERROR stats cachedump not allowed')
  if (words.length < 4) return answerLine(context, 'CLIENT_ERROR bad command line')
  const sizeClass = readUint32(words[2])
  const limit = readUint32(words[3])
  if (sizeClass === null || limit === null) {
    return answerLine(context, 'CLIENT_ERROR bad command line format')
  }
  if (sizeClass >= CLASS_COUNT) return answerLine(context, 'CLIENT_ERROR Illegal slab id')
  const listing = cacheListing(sizeClass, limit, unixSecondsAtZero)
  return produce(context, new ListingProducer(context.store, listing))
}
