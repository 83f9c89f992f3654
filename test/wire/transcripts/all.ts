import type { Transcripts } from '../../support/transcript.ts'
import { append } from './append.ts'
import { arithmetic } from './arithmetic.ts'
import { cas } from './cas.ts'
import { errors } from './errors.ts'
import { expiry } from './expiry.ts'
import { getSet } from './get-set.ts'
import { limits } from './limits.ts'
import { lru } from './lru.ts'
import { metaArithmetic } from './meta-arithmetic.ts'
import { metaCommon } from './meta-common.ts'
import { metaDelete } from './meta-delete.ts'
import { metaGet } from './meta-get.ts'
import { metaSet } from './meta-set.ts'
import { noreply } from './noreply.ts'
import { pipelining } from './pipelining.ts'
import { stats } from './stats.ts'
import { touch } from './touch.ts'

/** Every table of transcripts by what it is about. */
export const transcripts: Readonly<Record<string, Transcripts>> = {
  'append and prepend': append,
  arithmetic,
  cas,
  'errors, swallowing and closing': errors,
  'expiry without waiting': expiry,
  'get and set': getSet,
  limits,
  'slabs, lru, lru_crawler and cache_memlimit': lru,
  ma: metaArithmetic,
  'meta commands, common rules': metaCommon,
  'md, and stale items': metaDelete,
  'mg and me': metaGet,
  ms: metaSet,
  noreply,
  pipelining,
  'stats, what it refuses': stats,
  'touch, gat and gats': touch,
}
