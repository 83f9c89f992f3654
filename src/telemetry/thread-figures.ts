/**
 * What each thread says about itself: its heap, its event loop and its garbage collector. One block
 * of doubles for each worker, then one for the control thread; each is written by its thread alone.
 */
const BLOCK_DOUBLES = 128

export function createThreadFigures(workers: number): SharedArrayBuffer {
  const threads = workers + 1
  return new SharedArrayBuffer(threads * BLOCK_DOUBLES * Float64Array.BYTES_PER_ELEMENT)
}

/** A thread's own side. Cold: `tick` may allocate. */
export class ThreadObserver {
  readonly block: Float64Array

  constructor(shared: SharedArrayBuffer, thread: number) {
    const bytes = BLOCK_DOUBLES * Float64Array.BYTES_PER_ELEMENT
    this.block = new Float64Array(shared, thread * bytes, BLOCK_DOUBLES)
  }
}
