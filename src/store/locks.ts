/**
 * The only lock there is: one word, 0 free, 1 held, 2 held and somebody may sleep. The
 * compare-exchange and the exchange are sequentially consistent, so all plain accesses made under
 * the lock are ordered by it. A thread holds one lock at a time, so no order of locks is needed.
 */

/** Of this thread, since its start: times it found a lock taken, and times it slept for one. */
export const lockFigures = { waits: 0, sleeps: 0 }

/** No hold is nearly as long: the holder has no processor, hangs, or is dead. */
const LONG_WAIT_MILLISECONDS = 100

let onLongWait: () => void = () => {}

/**
 * Called again and again while this thread sleeps for a lock that nobody gives back. It is for the
 * thread that watches the others: it sleeps for locks too, and must not wait for ever for one whose
 * holder it is to miss.
 */
export function whileWaitingLong(callback: () => void): void {
  onLongWait = callback
}

/** About 2 µs: longer than most holds, far shorter than a sleep. */
const SPINS_MAX = 200

export function acquire(words: Int32Array, at: number): void {
  if (Atomics.compareExchange(words, at, 0, 1) !== 0) acquireSlowly(words, at)
}

export function release(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1)
}

function acquireSlowly(words: Int32Array, at: number): void {
  lockFigures.waits++
  for (let spins = 0; spins < SPINS_MAX; spins++) {
    if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, 1) === 0) return
  }
  // Who gets here takes the lock as 2: it cannot know whether others still sleep.
  while (Atomics.exchange(words, at, 2) !== 0) {
    lockFigures.sleeps++
    while (Atomics.wait(words, at, 2, LONG_WAIT_MILLISECONDS) === 'timed-out') onLongWait()
  }
}
