import type { HashIndex } from '../hash-index.ts'
import type { Items } from '../item.ts'
import { Ghost } from './ghost.ts'
import { Lru } from './lru.ts'
import type { Policy } from './policy.ts'
import { S3Fifo } from './s3-fifo.ts'

/** The rule that the options name. */
export function createPolicy(items: Items, index: HashIndex): Policy {
  const { views } = items
  const { policy, promoteThreshold } = views.memory.options
  if (policy === 'lru') return new Lru(views.tables, views)
  const ghost = new Ghost(index, views.tables, items.words)
  return new S3Fifo(views, ghost, promoteThreshold)
}
