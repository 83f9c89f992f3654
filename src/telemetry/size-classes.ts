import { CLASS_COUNT } from './counters.ts'

/** memcached's size classes with its standard settings; the store counts items by them. */
const FIRST_BYTES = 96
const GROWTH_FACTOR = 1.25
const LAST_BYTES = 524288
const ALIGNMENT_BYTES = 8

/** Bytes of memcached's slab page. */
export const PAGE_BYTES = 1024 * 1024

/** Chunk size by class number; 0 for numbers that are not in use (0 and those past the last). */
export const CLASS_BYTES: readonly number[] = classBytes()

function classBytes(): number[] {
  const sizes = new Array<number>(CLASS_COUNT).fill(0)
  let number = 1
  let size = FIRST_BYTES
  while (size < LAST_BYTES / GROWTH_FACTOR) {
    size = Math.ceil(size / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    sizes[number++] = size
    size *= GROWTH_FACTOR
  }
  sizes[number] = LAST_BYTES
  return sizes
}
