import { META_FLAG } from '../protocol/meta.ts'
import { OPCODE, OPCODE_COUNT } from '../protocol/opcode.ts'
import type { Request } from '../protocol/request.ts'

/**
 * What a user may be allowed to do. A word of the file of users is one of these or a group of them;
 * what a command needs is in NEEDED below, and a test holds that table against the opcodes.
 */
export const PERMISSION = {
  /** See values. */
  read: 1 << 0,
  /** Change, add and remove items. */
  write: 1 << 1,
  /** See figures about the server, its settings, its clients, and about one item (me). */
  stats: 1 << 2,
  /** See keys that were not asked for by name. */
  dump: 1 << 3,
  /** See what other clients do. */
  watch: 1 << 4,
  /** Remove all items at once. */
  flush: 1 << 5,
  /** Change how the server works. */
  manage: 1 << 6,
  /** End the server. */
  shutdown: 1 << 7,
} as const

export type PermissionName = keyof typeof PERMISSION

export const PERMISSION_NAMES = Object.keys(PERMISSION) as readonly PermissionName[]

export const ALL_PERMISSIONS = (1 << PERMISSION_NAMES.length) - 1

/** Words for several. */
export const PERMISSION_GROUPS = {
  admin: ALL_PERMISSIONS & ~(PERMISSION.read | PERMISSION.write),
  all: ALL_PERMISSIONS,
} as const

/** These concern all keys, so that a user with prefixes cannot have them. */
export const NEEDS_ALL_KEYS = PERMISSION.dump | PERMISSION.watch | PERMISSION.flush

const { read, write, stats, dump, watch, flush, manage, shutdown } = PERMISSION

/**
 * By opcode, all of these are needed; 0 is for everybody who is logged in. What answers with the value
 * or the number that it changes needs both, read and write. Where it depends on more than the word,
 * `neededPermissions` decides.
 */
const NEEDED = neededByOpcode({
  none: 0,
  get: read,
  gets: read,
  gat: read | write,
  gats: read | write,
  set: write,
  add: write,
  replace: write,
  append: write,
  prepend: write,
  cas: write,
  delete: write,
  increment: read | write,
  decrement: read | write,
  touch: write,
  metaGet: read,
  metaSet: write,
  metaDelete: write,
  metaArithmetic: read | write,
  metaDebug: stats,
  metaNoop: 0,
  version: 0,
  verbosity: manage,
  quit: 0,
  flushAll: flush,
  stats,
  watch,
  shutdown,
  cacheMemlimit: manage,
  lru: manage,
  lruCrawler: manage,
  slabs: manage,
  refreshCerts: manage,
  debugtime: manage,
  auth: 0,
})

/** N makes an item, T gives it a new time, and R takes the right to renew it from those who can. */
const WRITING_FLAGS = META_FLAG.vivify | META_FLAG.setTtl | META_FLAG.recache

const WORD = {
  cachedump: Buffer.from('cachedump'),
  detail: Buffer.from('detail'),
  dump: Buffer.from('dump'),
  reset: Buffer.from('reset'),
  metadump: Buffer.from('metadump'),
  mgdump: Buffer.from('mgdump'),
} as const

/** What the command that was parsed needs. */
export function neededPermissions(request: Request): number {
  const { opcode } = request
  if (opcode === OPCODE.metaGet) {
    return (request.metaFlags & WRITING_FLAGS) === 0 ? read : read | write
  }
  if (opcode === OPCODE.stats) return neededForStats(request)
  if (opcode === OPCODE.lruCrawler) {
    const dumps = isWord(request, 1, WORD.metadump) || isWord(request, 1, WORD.mgdump)
    return dumps ? dump : manage
  }
  return NEEDED[opcode]!
}

function neededForStats(request: Request): number {
  if (isWord(request, 1, WORD.cachedump)) return dump
  if (isWord(request, 1, WORD.reset)) return manage
  if (!isWord(request, 1, WORD.detail)) return stats
  return isWord(request, 2, WORD.dump) ? dump : manage
}

function isWord(request: Request, index: number, word: Buffer): boolean {
  if (index >= request.tokenCount) return false
  const start = request.tokenStarts[index]!
  if (request.tokenEnds[index]! - start !== word.length) return false
  const { buffer } = request
  for (let at = 0; at < word.length; at++) {
    if (buffer[start + at] !== word[at]) return false
  }
  return true
}

function neededByOpcode(named: Readonly<Record<keyof typeof OPCODE, number>>): Int32Array {
  const needed = new Int32Array(OPCODE_COUNT)
  for (const [name, opcode] of Object.entries(OPCODE)) {
    needed[opcode] = named[name as keyof typeof OPCODE]
  }
  return needed
}
