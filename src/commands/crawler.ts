import { CLASS_COUNT } from '../telemetry/counters.ts'
import { TUNABLE } from '../telemetry/tunables.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { readUint32 } from './admin-numbers.ts'
import { answerLine, commandWords, produce } from './admin-reply.ts'
import { OUTCOME } from './context.ts'
import type { ClassFilter, Listing } from './dump.ts'
import { keyListing, ListingProducer, metadataListing } from './dump.ts'

const SLEEP_MICROSECONDS_MAX = 1_000_000
const DISABLED = 'CLIENT_ERROR lru crawler disabled'
const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
const BAD_CLASS = 'BADCLASS invalid class id'

/**
 * `lru_crawler`. Expired items are swept by the control thread whether or not the "crawler" is
 * enabled; the switch only decides about `crawl` and the dumps, as scripts expect.
 */
export function handleLruCrawler(context: AdminCommandContext): number {
  const words = commandWords(context.request)
  const [, subcommand = '', argument] = words
  if (words.length === 2) return handleSwitch(context, subcommand)
  if (words.length !== 3 || argument === undefined) return answerLine(context, 'ERROR')
  switch (subcommand) {
    case 'crawl':
      return crawl(context, argument)
    case 'metadump':
      return dumpMetadata(context, argument)
    case 'mgdump':
      return dumpKeys(context, argument)
    case 'tocrawl':
      return setToCrawl(context, argument)
    case 'sleep':
      return setSleep(context, argument)
    default:
      return answerLine(context, 'ERROR')
  }
}

function handleSwitch(context: AdminCommandContext, subcommand: string): number {
  const { tunables } = context.admin.stats
  if (subcommand === 'enable') {
    if (isEnabled(context)) return answerLine(context, 'ERROR failed to start lru crawler thread')
    tunables[TUNABLE.lruCrawler] = 1
    return answerLine(context, 'OK')
  }
  if (subcommand === 'disable') {
    tunables[TUNABLE.lruCrawler] = 0
    return answerLine(context, 'OK')
  }
  return answerLine(context, 'ERROR')
}

/** The sweep looks at every segment that may hold something expired within a second anyway. */
function crawl(context: AdminCommandContext, argument: string): number {
  if (!isEnabled(context)) return answerLine(context, DISABLED)
  if (argument !== 'all' && readClasses(argument) === null) return answerLine(context, BAD_CLASS)
  countStart(context)
  return answerLine(context, 'OK')
}

function dumpMetadata(context: AdminCommandContext, argument: string): number {
  const { dumpEnabled, unixSecondsAtZero } = context.settings
  if (!isEnabled(context)) return answerLine(context, DISABLED)
  if (!dumpEnabled) return answerLine(context, 'ERROR metadump not allowed')
  if (context.session.repliesPending) {
    return answerLine(context, 'ERROR cannot pipeline other commands before metadump')
  }
  return dump(context, argument, (classes) => metadataListing(classes, unixSecondsAtZero))
}

function dumpKeys(context: AdminCommandContext, argument: string): number {
  if (!isEnabled(context)) return answerLine(context, DISABLED)
  if (!context.settings.dumpEnabled) return answerLine(context, 'ERROR key dump not allowed')
  if (context.session.repliesPending) {
    return answerLine(context, 'ERROR cannot pipeline other commands before mgdump')
  }
  return dump(context, argument, keyListing)
}

function dump(
  context: AdminCommandContext,
  argument: string,
  listing: (classes: ClassFilter) => Listing,
): number {
  // A dump that nobody wants to see is no dump; memcached does not know the word here either.
  if (context.request.noreply) return OUTCOME.done
  const all = argument === 'all' || argument === 'hash'
  const classes = all ? null : readClasses(argument)
  if (!all && classes === null) return answerLine(context, BAD_CLASS)
  countStart(context)
  return produce(context, new ListingProducer(context.store, listing(classes)))
}

function setToCrawl(context: AdminCommandContext, argument: string): number {
  const count = readUint32(argument)
  if (count === null) return answerLine(context, BAD_FORMAT)
  context.admin.stats.tunables[TUNABLE.lruCrawlerTocrawl] = count
  return answerLine(context, 'OK')
}

function setSleep(context: AdminCommandContext, argument: string): number {
  const microseconds = readUint32(argument)
  if (microseconds === null) return answerLine(context, BAD_FORMAT)
  if (microseconds > SLEEP_MICROSECONDS_MAX) {
    return answerLine(context, 'CLIENT_ERROR sleep must be one second or less')
  }
  context.admin.stats.tunables[TUNABLE.lruCrawlerSleep] = microseconds
  return answerLine(context, 'OK')
}

function isEnabled(context: AdminCommandContext): boolean {
  return context.admin.stats.tunables[TUNABLE.lruCrawler] === 1
}

function countStart(context: AdminCommandContext): void {
  Atomics.add(context.admin.stats.tunables, TUNABLE.crawlerStarts, 1)
}

/** Class numbers with commas between; null if one of them is none. */
function readClasses(text: string): ReadonlySet<number> | null {
  const classes = new Set<number>()
  for (const word of text.split(',')) {
    const sizeClass = readUint32(word)
    if (sizeClass === null || sizeClass === 0 || sizeClass >= CLASS_COUNT) return null
    classes.add(sizeClass)
  }
  return classes
}
