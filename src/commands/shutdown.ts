import { answerLine, commandWords } from './admin-reply.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'

/**
 * `shutdown` and `shutdown graceful`, only with -A. The control thread is asked with
 * defer('shutdown', 'now' or 'graceful') and answers nothing: the connection closes at once.
 */
export function handleShutdown(context: CommandContext): number {
  if (!context.settings.shutdownEnabled) {
    return answerLine(context, 'SERVER_ERROR: shutdown not enabled')
  }
  const words = commandWords(context.request)
  const graceful = words.length === 2 && words[1] === 'graceful'
  if (words.length > 1 && !graceful) {
    return answerLine(context, 'CLIENT_ERROR invalid shutdown mode')
  }
  context.session.defer('shutdown', graceful ? 'graceful' : 'now')
  return OUTCOME.close
}
