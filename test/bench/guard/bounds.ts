/** One figure that must not get worse, and how bad it may be. */
export interface Bound {
  readonly name: string
  readonly unit: string
  /** Exactly one of the two. */
  readonly atMost?: number
  readonly atLeast?: number
  /** Takes tens of seconds: left out by --quick. */
  readonly slow?: boolean
}

/**
 * Counts, not seconds, so that they hold on a busy machine. Where a figure is the same every time the
 * bound is right behind it; where the machine has a say there is room. Whoever makes one better
 * tightens the bound; whoever must loosen one says why in the commit.
 */
export const BOUNDS: readonly Bound[] = [
  // 100 commands to a read: the read itself costs some, and the smallest object V8 can make is 12 bytes.
  { name: 'heap per pipelined get', unit: 'bytes', atMost: 4 },
  { name: 'heap per pipelined set', unit: 'bytes', atMost: 4 },
  { name: 'heap per pipelined mg', unit: 'bytes', atMost: 4 },
  { name: 'heap per pipelined incr', unit: 'bytes', atMost: 4 },
  { name: 'heap per read from a client', unit: 'bytes', atMost: 128 },
  { name: 'messages between threads for commands', unit: 'messages', atMost: 0 },
  // libuv looks once without waiting and then waits, so one or two waits, as the client is faster or slower.
  { name: 'reads per unpipelined request', unit: 'syscalls', atMost: 1.05 },
  { name: 'writes per unpipelined request', unit: 'syscalls', atMost: 1.05 },
  { name: 'waits per unpipelined request', unit: 'syscalls', atMost: 2.1 },
  { name: 'other syscalls per unpipelined request', unit: 'syscalls', atMost: 0.5 },
  { name: 'reads per pipeline of 32', unit: 'syscalls', atMost: 1.05 },
  { name: 'writes per pipeline of 32', unit: 'syscalls', atMost: 1.05 },
  { name: 'waits per pipeline of 32', unit: 'syscalls', atMost: 2.1 },
  { name: 'other syscalls per pipeline of 32', unit: 'syscalls', atMost: 0.5 },
  { name: 'wake-ups when idle', unit: 'per second', atMost: 60 },
  { name: 'resident per idle connection', unit: 'bytes', atMost: 8192 },
  { name: 'items of 10 bytes in 64 MiB, lru', unit: 'items', atLeast: 1_060_000 },
  { name: 'items of 10 bytes in 64 MiB, s3-fifo', unit: 'items', atLeast: 1_053_000 },
  { name: 'items of 100 bytes in 64 MiB, lru', unit: 'items', atLeast: 440_500 },
  { name: 'items of 100 bytes in 64 MiB, s3-fifo', unit: 'items', atLeast: 437_500 },
  { name: 'items of 1000 bytes in 64 MiB, lru', unit: 'items', atLeast: 62_500 },
  { name: 'items of 1000 bytes in 64 MiB, s3-fifo', unit: 'items', atLeast: 62_450 },
  { name: 'misses of the fixed trace, lru', unit: 'misses', atMost: 500_000 },
  { name: 'misses of the fixed trace, s3-fifo', unit: 'misses', atMost: 464_000 },
  { name: 'instructions per get', unit: 'instructions', atMost: 4700, slow: true },
  { name: 'instructions per set', unit: 'instructions', atMost: 6900, slow: true },
]
