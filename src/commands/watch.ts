import { WATCH } from '../base/runtime.ts'
import { answerLine, commandWords } from './admin-reply.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'

/** What may be watched. Words with no bit are memcached's for things that do not happen here. */
const WATCH_WORDS: ReadonlyMap<string, number> = new Map([
  ['fetchers', WATCH.fetchers],
  ['mutations', WATCH.mutations],
  ['evictions', WATCH.evictions],
  ['connevents', WATCH.connevents],
  ['deletions', WATCH.deletions],
  ['rawcmds', 0],
  ['sysevents', 0],
  ['proxyreqs', 0],
  ['proxyevents', 0],
  ['proxyuser', 0],
])

/**
 * `watch`: from here on the connection only receives events. The control thread is asked with
 * defer('watch', mask) and answers `OK` or `WATCHER_TOO_MANY log watcher limit reached`.
 */
export function handleWatch(context: CommandContext): number {
  if (!context.settings.watchEnabled) {
    return answerLine(context, 'CLIENT_ERROR watch commands not allowed')
  }
  if (context.session.repliesPending) {
    return answerLine(context, 'ERROR cannot pipeline other commands before watch')
  }
  const words = commandWords(context.request).slice(1)
  let mask = words.length === 0 ? WATCH.fetchers : 0
  for (const word of words) {
    const bit = WATCH_WORDS.get(word)
    if (bit === undefined) return answerLine(context, 'ERROR')
    mask |= bit
  }
  context.session.defer('watch', String(mask))
  return OUTCOME.deferred
}
