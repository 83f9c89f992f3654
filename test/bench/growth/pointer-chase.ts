const LINE_BYTES = 64
const LINE_WORDS = LINE_BYTES / 4
/** 1 GiB: an index beyond 2^31 into one array costs several times more. */
const ARENA_LINES_BITS = 24
const ARENA_LINES = 1 << ARENA_LINES_BITS
const READS = 2_000_000
const ROUNDS = 3

/**
 * Nanoseconds of one read that depends on the read before it, all over so many bytes (up to the next
 * power of two): what this machine's caches and address translation cost whoever must follow a
 * pointer. A look-up in a hash table follows two or three, whatever it is written in.
 */
export function pointerChaseNanoseconds(bytes: number): number {
  const lines = 2 ** Math.ceil(Math.log2(Math.max(bytes, LINE_BYTES * 1024) / LINE_BYTES))
  const arenas: Int32Array[] = []
  for (let first = 0; first < lines; first += ARENA_LINES) {
    const count = Math.min(ARENA_LINES, lines - first)
    arenas.push(new Int32Array(new SharedArrayBuffer(count * LINE_BYTES)))
  }
  for (let line = 0; line < lines; line++) {
    // A generator of full period (odd increment, multiplier 1 mod 4): one cycle over all lines.
    const next = (Math.imul(line, 214013) + 2531011) & (lines - 1)
    arenas[line >>> ARENA_LINES_BITS]![(line & (ARENA_LINES - 1)) * LINE_WORDS] = next
  }
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, chase(arenas, round * 7919))
  return best
}

function chase(arenas: readonly Int32Array[], start: number): number {
  let line = start & (ARENA_LINES - 1) & (arenas[0]!.length / LINE_WORDS - 1)
  const before = process.threadCpuUsage()
  for (let read = 0; read < READS; read++) {
    line = arenas[line >>> ARENA_LINES_BITS]![(line & (ARENA_LINES - 1)) * LINE_WORDS]!
  }
  const used = process.threadCpuUsage(before)
  // The line is looked at, so that the loop may not be left out.
  if (line < 0) throw new Error('a line has a number')
  return ((used.user + used.system) * 1000) / READS
}
