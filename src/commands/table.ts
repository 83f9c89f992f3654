import { assert } from '../base/assert.ts'
import { OPCODE, OPCODE_COUNT } from '../protocol/opcode.ts'
import {
  handleDebugTime,
  handleNoop,
  handleQuit,
  handleVerbosity,
  handleVersion,
} from './admin-basic.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { handleArithmetic } from './arithmetic.ts'
import { handleAuth } from './auth.ts'
import type { CommandContext } from './context.ts'
import { handleLruCrawler } from './crawler.ts'
import { handleDelete } from './delete.ts'
import { handleFlushAll } from './flush.ts'
import { handleGet } from './get.ts'
import { handleLru } from './lru.ts'
import { handleCacheMemoryLimit } from './memory-limit.ts'
import { handleMetaArithmetic } from './meta-arithmetic.ts'
import { handleMetaDebug } from './meta-debug.ts'
import { handleMetaDelete } from './meta-delete.ts'
import { handleMetaGet } from './meta-get.ts'
import { handleMetaSet } from './meta-set.ts'
import { handleRefreshCerts } from './refresh-certs.ts'
import { handleExtend, handleSet, refuse as refuseStorage } from './set.ts'
import { handleShutdown } from './shutdown.ts'
import { handleSlabs } from './slabs.ts'
import { handleStats } from './stats.ts'
import { handleGetAndTouch, handleTouch } from './touch.ts'
import { handleWatch } from './watch.ts'

/** A handler as the connection calls it: with the context of all commands. Returns an OUTCOME. */
export type TableHandler = (context: AdminCommandContext) => number

/** The handler of each opcode. A new command is a word in protocol/opcode.ts and a line here. */
export const HANDLERS: readonly TableHandler[] = handlersByOpcode({
  none: handleNothing,
  get: handleGet,
  gets: handleGet,
  gat: handleGetAndTouch,
  gats: handleGetAndTouch,
  set: handleSet,
  add: handleSet,
  replace: handleSet,
  append: handleExtend,
  prepend: handleExtend,
  cas: handleSet,
  delete: handleDelete,
  increment: handleArithmetic,
  decrement: handleArithmetic,
  touch: handleTouch,
  metaGet: handleMetaGet,
  metaSet: handleMetaSet,
  metaDelete: handleMetaDelete,
  metaArithmetic: handleMetaArithmetic,
  metaDebug: handleMetaDebug,
  metaNoop: handleNoop,
  version: handleVersion,
  verbosity: handleVerbosity,
  quit: handleQuit,
  flushAll: handleFlushAll,
  stats: handleStats,
  watch: handleWatch,
  shutdown: handleShutdown,
  cacheMemlimit: handleCacheMemoryLimit,
  lru: handleLru,
  lruCrawler: handleLruCrawler,
  slabs: handleSlabs,
  debugtime: handleDebugTime,
  auth: handleAuth,
  refreshCerts: handleRefreshCerts,
})

/** What a refused storage command does all the same (PARSE_ERROR with request.refusal). */
export function refuse(context: CommandContext): void {
  refuseStorage(context)
}

/** The parser gives no request this opcode. */
function handleNothing(): number {
  assert(false, 'a request without a command came to a handler')
}

function handlersByOpcode(
  named: Readonly<Record<keyof typeof OPCODE, TableHandler>>,
): TableHandler[] {
  const handlers: TableHandler[] = []
  for (const [name, handler] of Object.entries(named)) {
    handlers[OPCODE[name as keyof typeof OPCODE]] = handler
  }
  assert(handlers.length === OPCODE_COUNT, 'OPCODE_COUNT is the number of opcodes')
  return handlers
}
