import { CLASS_BYTES } from '../telemetry/size-classes.ts'
import { TUNABLE, thousandths } from '../telemetry/tunables.ts'
import type { AdminCommandContext } from './admin-context.ts'
import { readDecimal, readInt32, readUint32 } from './admin-numbers.ts'
import { answerLine, commandWords } from './admin-reply.ts'

const AUTOMOVE_MAX = 2
const WINDOW_MIN = 3
const WINDOW_MAX = 1800
const BAD_FORMAT = 'CLIENT_ERROR bad command line format'

/**
 * `slabs automove` and `slabs reassign`. There are no slabs whose pages could be moved: settings are
 * kept for `stats settings`, and a reassign finds no page to spare.
 */
export function handleSlabs(context: AdminCommandContext): number {
  const words = commandWords(context.request)
  if (words[1] === 'reassign' && words.length === 4) return reassign(context, words)
  if (words[1] === 'automove' && words.length >= 3) return automove(context, words)
  return answerLine(context, 'ERROR')
}

function reassign(context: AdminCommandContext, words: readonly string[]): number {
  if (!context.admin.stats.config.compat.slabReassign) {
    return answerLine(context, 'CLIENT_ERROR slab reassignment disabled')
  }
  const source = readInt32(words[2])
  const target = readInt32(words[3])
  if (source === null || target === null) return answerLine(context, BAD_FORMAT)
  if (source === target) return answerLine(context, 'SAME src and dst class are identical')
  // A source of -1 lets memcached choose one, which it does only when there is a page to spare.
  if (!isClassOrPool(source) || !isClassOrPool(target)) {
    return answerLine(context, 'BADCLASS invalid src or dst class id')
  }
  return answerLine(context, 'NOSPARE source class has no spare pages')
}

/** Class 0 stands for the pool of free pages. */
function isClassOrPool(sizeClass: number): boolean {
  return sizeClass === 0 || (CLASS_BYTES[sizeClass] ?? 0) > 0
}

function automove(context: AdminCommandContext, words: readonly string[]): number {
  const { tunables } = context.admin.stats
  switch (words[2]) {
    case 'ratio': {
      const ratio = readDecimal(words[3])
      if (ratio === null) return answerLine(context, 'ERROR')
      tunables[TUNABLE.slabAutomoveRatio] = thousandths(ratio)
      return answerLine(context, 'OK')
    }
    case 'freeratio':
      return answerLine(context, readDecimal(words[3]) === null ? 'ERROR' : 'OK')
    case 'window':
      return setWindow(context, words[3])
    default: {
      const level = readUint32(words[2])
      if (level === null) return answerLine(context, BAD_FORMAT)
      if (level > AUTOMOVE_MAX) return answerLine(context, 'ERROR')
      tunables[TUNABLE.slabAutomove] = level
      return answerLine(context, 'OK')
    }
  }
}

function setWindow(context: AdminCommandContext, word: string | undefined): number {
  const window = readUint32(word)
  if (window === null) return answerLine(context, BAD_FORMAT)
  if (window < WINDOW_MIN || window > WINDOW_MAX) {
    return answerLine(context, 'CLIENT_ERROR automove window too low or too high')
  }
  context.admin.stats.tunables[TUNABLE.slabAutomoveWindow] = window
  return answerLine(context, 'OK')
}
