import { LINE } from '../protocol/lines.ts'
import { META_FLAG, META_LETTER } from '../protocol/meta.ts'
import { OPCODE } from '../protocol/opcode.ts'
import { STORE_STATUS } from '../telemetry/events.ts'
import type { CommandContext } from './context.ts'
import { OUTCOME } from './context.ts'
import { extendValue } from './extending.ts'
import { META_LINE_BYTES_MAX, WORD, writeKey, writeOpaque, writeWord } from './meta-reply.ts'
import { stored, storeValue } from './storing.ts'

/** ms. */
export function handleMetaSet(context: CommandContext): number {
  const { request, reply } = context
  const extends_ = request.mode === OPCODE.append || request.mode === OPCODE.prepend
  const status = extends_ ? extendValue(context) : storeValue(context)
  if (status === STORE_STATUS.noMemory) {
    reply.line(LINE.noMemoryStoring)
    return OUTCOME.done
  }
  const isStored = status === STORE_STATUS.stored
  if (isStored && (request.metaFlags & META_FLAG.quiet) !== 0) return OUTCOME.done
  reply.reserve(META_LINE_BYTES_MAX)
  writeWord(context, STATUS_WORDS[status]!)
  writeFlags(context)
  reply.lineEnd()
  return OUTCOME.done
}

function writeFlags(context: CommandContext): void {
  const { request, reply } = context
  for (let flag = request.firstFlag; flag < request.tokenCount; flag++) {
    const letter = request.buffer[request.tokenStarts[flag]!]!
    switch (letter) {
      case META_LETTER.opaque:
        writeOpaque(context, flag)
        break
      case META_LETTER.key:
        writeKey(context, (request.metaFlags & META_FLAG.base64) !== 0)
        break
      case META_LETTER.cas:
        reply.flag(letter)
        reply.uint64(stored.casHigh, stored.casLow)
        break
      case META_LETTER.size:
        reply.flag(letter)
        reply.uint32(stored.valueLength)
        break
    }
  }
}

/** By STORE_STATUS. */
const STATUS_WORDS = [WORD.notStored, WORD.header, WORD.exists, WORD.notFound] as const
