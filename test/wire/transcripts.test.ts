import { runTranscripts } from '../support/transcript.ts'
import { append } from './transcripts/append.ts'
import { arithmetic } from './transcripts/arithmetic.ts'
import { cas } from './transcripts/cas.ts'
import { errors } from './transcripts/errors.ts'
import { expiry } from './transcripts/expiry.ts'
import { getSet } from './transcripts/get-set.ts'
import { limits } from './transcripts/limits.ts'
import { lru } from './transcripts/lru.ts'
import { metaArithmetic } from './transcripts/meta-arithmetic.ts'
import { metaCommon } from './transcripts/meta-common.ts'
import { metaDelete } from './transcripts/meta-delete.ts'
import { metaGet } from './transcripts/meta-get.ts'
import { metaSet } from './transcripts/meta-set.ts'
import { noreply } from './transcripts/noreply.ts'
import { pipelining } from './transcripts/pipelining.ts'
import { stats } from './transcripts/stats.ts'
import { touch } from './transcripts/touch.ts'

/** All of them on one pair of servers: each run has keys of its own. */
runTranscripts({
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
})
