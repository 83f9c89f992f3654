/**
 * memcached's slab classes, imitated for its statistics only (nothing here is stored by class):
 * 96 bytes times 1.25 each, rounded up to 8, up to 512 KiB. Index 0 is no class.
 */
const CHUNK_MIN = 96
const CHUNK_MAX = 524288
const GROWTH = 1.25
const CHUNK_ALIGN = 8
/** Sizes up to here are looked up, larger ones searched. */
const TABLE_BYTES = 4096

export const CLASS_SIZES: readonly number[] = classSizes()

const table = classTable()

/** The first class that holds `bytes`; the last one holds everything larger too. */
export function sizeClassOf(bytes: number): number {
  if (bytes <= TABLE_BYTES) return table[(bytes + CHUNK_ALIGN - 1) >>> 3] as number
  let sizeClass = table[TABLE_BYTES / CHUNK_ALIGN] as number
  while (sizeClass < CLASS_SIZES.length - 1 && (CLASS_SIZES[sizeClass] as number) < bytes) {
    sizeClass++
  }
  return sizeClass
}

function classSizes(): number[] {
  const sizes = [0]
  let size = CHUNK_MIN
  while (size < CHUNK_MAX / GROWTH) {
    sizes.push(size)
    size = Math.ceil(Math.floor(size * GROWTH) / CHUNK_ALIGN) * CHUNK_ALIGN
  }
  sizes.push(CHUNK_MAX)
  return sizes
}

function classTable(): Uint8Array {
  const classes = new Uint8Array(TABLE_BYTES / CHUNK_ALIGN + 1)
  let sizeClass = 1
  for (let index = 0; index < classes.length; index++) {
    while ((CLASS_SIZES[sizeClass] as number) < index * CHUNK_ALIGN) sizeClass++
    classes[index] = sizeClass
  }
  return classes
}
