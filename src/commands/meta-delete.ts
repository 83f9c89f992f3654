import { LINE } from '../protocol/lines.ts'
import { META_FLAG } from '../protocol/meta.ts'
import { RECORD_BYTES_MAX } from '../store/store.ts'
import { COUNTER } from '../telemetry/counters.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { countDeleteHit, findItem, reportDeletion, storeExptime } from './lookup.ts'
import { META_LINE_BYTES_MAX, WORD, writeEchoes, writeWord } from './meta-reply.ts'
import { fillDraft, setDraftCas } from './storing.ts'

const RESULT = { done: 0, notFound: 1, exists: 2, noMemory: 3 } as const

/** md: deletes, or with I and x keeps the item as a stale or empty one. */
export function handleMetaDelete(context: CommandContext): number {
  const { store, request, reply } = context
  const { keyHash, metaFlags } = request
  // A new CAS of more than 48 bits may need a wider record, an empty value a new one.
  const writes = (metaFlags & (META_FLAG.invalidate | META_FLAG.removeValue)) !== 0
  let hasRoom = true
  if (writes) hasRoom = store.lockForWrite(keyHash, RECORD_BYTES_MAX)
  else store.lock(keyHash)
  const result = hasRoom ? execute(context) : RESULT.noMemory
  store.unlock(keyHash)
  if (result === RESULT.noMemory) {
    reply.line(LINE.noMemory)
    return OUTCOME.done
  }
  if (result === RESULT.done && (metaFlags & META_FLAG.quiet) !== 0) return OUTCOME.done
  reply.reserve(META_LINE_BYTES_MAX)
  writeWord(context, RESULT_WORDS[result]!)
  writeEchoes(context, (metaFlags & META_FLAG.base64) !== 0)
  reply.lineEnd()
  return OUTCOME.done
}

const RESULT_WORDS = [WORD.header, WORD.notFound, WORD.exists] as const

function execute(context: CommandContext): number {
  const { request, counters } = context
  const item = findItem(context)
  if (item === 0) {
    counters[COUNTER.deleteMisses]!++
    return RESULT.notFound
  }
  if (comparesAndDiffers(context, item)) {
    counters[COUNTER.deleteMisses]!++
    return RESULT.exists
  }
  const { metaFlags } = request
  if ((metaFlags & META_FLAG.removeValue) !== 0) return empty(context, item)
  if ((metaFlags & META_FLAG.invalidate) !== 0) return invalidate(context, item)
  countDeleteHit(context, item)
  reportDeletion(context, item, true)
  context.store.remove(item)
  return RESULT.done
}

function comparesAndDiffers(context: CommandContext, item: number): boolean {
  const { store, request } = context
  if ((request.metaFlags & META_FLAG.compareCas) === 0) return false
  return (
    (store.casLow(item) | 0) !== request.casLow || (store.casHigh(item) | 0) !== request.casHigh
  )
}

/** I: the next reader is told that the value is stale, and wins the right to make it anew. */
function invalidate(context: CommandContext, item: number): number {
  const { store, request } = context
  setDraftCas(context, true)
  const moved = store.setCas(item, store.draft.casHigh, store.draft.casLow)
  if (moved === 0) return RESULT.noMemory
  if ((request.metaFlags & META_FLAG.setTtl) !== 0) {
    store.setExptime(moved, storeExptime(context, request.exptime))
  }
  store.setStale(moved)
  store.clearWon(moved)
  return RESULT.done
}

/** x: an empty value in place of the old one; without I or E it keeps the CAS. */
function empty(context: CommandContext, item: number): number {
  const { store, request } = context
  const { draft } = store
  const { metaFlags } = request
  const invalidates = (metaFlags & META_FLAG.invalidate) !== 0
  if (!invalidates) {
    countDeleteHit(context, item)
    reportDeletion(context, item, true)
  }
  fillDraft(context, 0)
  if (invalidates || (metaFlags & META_FLAG.newCas) !== 0) {
    setDraftCas(context, true)
  } else {
    draft.casHigh = store.casHigh(item)
    draft.casLow = store.casLow(item)
  }
  draft.valueLength = 0
  draft.stale = invalidates
  store.replace(item, draft)
  return RESULT.done
}
