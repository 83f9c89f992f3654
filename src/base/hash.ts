/**
 * The key hash. It is computed byte by byte (FNV-1a's step) so that the parser can fold it into the
 * scan for the end of the key, and is finished by an avalanche (the final mix of MurmurHash3), since
 * the low bits choose the shard and the high bits serve as a tag. The seed is random for each
 * process, so that nobody outside can prepare keys that share a bucket.
 *
 * Source: the FNV page of L. C. Noll; A. Appleby's MurmurHash3 (fmix32).
 */
export const HASH_PRIME = 0x01000193

/** Hash of buffer[start, end). The result is an int32. */
export function hashBytes(seed: number, buffer: Uint8Array, start: number, end: number): number {
  let hash = seed
  for (let offset = start; offset < end; offset++) {
    hash = Math.imul(hash ^ (buffer[offset] as number), HASH_PRIME)
  }
  return finishHash(hash)
}

/** The last step, for callers that ran the byte loop themselves. */
export function finishHash(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
