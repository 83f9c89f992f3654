import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/**
 * A password as the file of users keeps it, `$scrypt$ln=14,r=8,p=1$SALT$KEY`: scrypt (RFC 7914) with its
 * cost as a power of two, block size and parallelism; salt and key in base64 without padding.
 */
export interface PasswordHash {
  readonly costLog2: number
  readonly blockSize: number
  readonly parallelism: number
  readonly salt: Buffer
  readonly key: Buffer
}

/** What new hashes are made with: 16 MiB and some 50 ms of one processor for each attempt. */
const DEFAULT_COST = { costLog2: 14, blockSize: 8, parallelism: 1 } as const
const SALT_BYTES = 16
const KEY_BYTES = 32

/** Below it guessing is too cheap, above it one login takes too much of a cache server. */
export const COST_LOG2_MIN = 12
const COST_LOG2_MAX = 16
const BLOCK_SIZE_MAX = 16
const PARALLELISM_MAX = 4
export const HASH_MEMORY_BYTES_MAX = 32 * 1024 * 1024
const SALT_BYTES_MIN = 8
const SALT_BYTES_MAX = 64
const KEY_BYTES_MIN = 16
const KEY_BYTES_MAX = 64

/** What OpenSSL needs besides the 128·N·r bytes of the algorithm is in proportion to r and p. */
const MEMORY_EXTRA_BYTES = 1024 * 1024

const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** The hash, or what is wrong with it; never a part of the text itself. */
export function readPasswordHash(text: string): PasswordHash | string {
  const found = FORM.exec(text)
  if (found === null) return 'it must be $scrypt$ln=…,r=…,p=…$SALT$KEY, as hash-password prints it'
  const [, ln = '', r = '', p = '', salt = '', key = ''] = found
  const hash = {
    costLog2: Number(ln),
    blockSize: Number(r),
    parallelism: Number(p),
    salt: Buffer.from(salt, 'base64'),
    key: Buffer.from(key, 'base64'),
  }
  return problemOf(hash) ?? hash
}

function problemOf(hash: PasswordHash): string | null {
  const { costLog2, blockSize, parallelism, salt, key } = hash
  if (costLog2 < COST_LOG2_MIN || costLog2 > COST_LOG2_MAX) {
    return `ln must be ${COST_LOG2_MIN} to ${COST_LOG2_MAX}`
  }
  if (blockSize < 1 || blockSize > BLOCK_SIZE_MAX) return `r must be 1 to ${BLOCK_SIZE_MAX}`
  if (parallelism < 1 || parallelism > PARALLELISM_MAX) return `p must be 1 to ${PARALLELISM_MAX}`
  if (memoryBytes(hash) > HASH_MEMORY_BYTES_MAX) {
    return `128·2^ln·r must be at most ${HASH_MEMORY_BYTES_MAX} bytes`
  }
  if (salt.length < SALT_BYTES_MIN || salt.length > SALT_BYTES_MAX) {
    return `the salt must have ${SALT_BYTES_MIN} to ${SALT_BYTES_MAX} bytes`
  }
  if (key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX) {
    return `the key must have ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes`
  }
  return null
}

/** A new hash of a password, with a new salt. */
export async function hashPassword(password: Uint8Array): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(password, { ...DEFAULT_COST, salt, key: Buffer.alloc(KEY_BYTES) })
  const { costLog2, blockSize, parallelism } = DEFAULT_COST
  return `$scrypt$ln=${costLog2},r=${blockSize},p=${parallelism}$${base64(salt)}$${base64(key)}`
}

/** Takes its time on a thread of libuv's pool. */
export async function isPassword(password: Uint8Array, hash: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, hash), hash.key)
}

/** A hash that no password has, which costs as much to find out as this one. */
export function impossibleHash(like: PasswordHash): PasswordHash {
  return { ...like, salt: randomBytes(like.salt.length), key: randomBytes(like.key.length) }
}

/** How much work an attempt is, to compare two hashes. */
export function costOf(hash: PasswordHash): number {
  return memoryBytes(hash) * hash.parallelism
}

function derive(password: Uint8Array, hash: PasswordHash): Promise<Buffer> {
  const { costLog2, blockSize, parallelism, salt, key } = hash
  const options = {
    N: 2 ** costLog2,
    r: blockSize,
    p: parallelism,
    maxmem: memoryBytes(hash) + MEMORY_EXTRA_BYTES,
  }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, key.length, options, (error, derived) => {
      if (error === null) resolve(derived)
      else reject(error)
    })
  })
}

function memoryBytes({ costLog2, blockSize }: PasswordHash): number {
  return 128 * 2 ** costLog2 * blockSize
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
