import { isMainThread, workerData } from 'node:worker_threads'
import { runControl } from '../../src/control/control.ts'
import type { StoreMemory } from '../../src/store/store.ts'
import { Store } from '../../src/store/store.ts'

/**
 * A server whose first worker, some time after it began, does what PLANTED_FAULT says: it dies in
 * one of several ways, or goes on without ever coming back to its event loop.
 */
const FAULTS: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error('a planted fault')
  },
  reject: () => {
    void Promise.reject(new Error('a planted fault'))
  },
  exit: () => process.exit(7),
  loop: () => {
    for (;;) Math.random()
  },
  /** Dies with the lock of a shard in its hands. */
  'die-locked': () => {
    const { memory } = workerData as { memory: StoreMemory }
    const store = new Store(memory)
    store.lock(0)
    process.exit(7)
  },
  /** Hangs with it. */
  'hang-locked': () => {
    const { memory } = workerData as { memory: StoreMemory }
    const store = new Store(memory)
    store.lock(0)
    for (;;) Math.random()
  },
  wait: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
  heap: () => {
    const hoard: unknown[] = []
    for (;;) hoard.push(new Array(100_000).fill(hoard.length + 0.5))
  },
  none: () => {},
}

/** What the control thread does instead: it hangs for some seconds. */
const CONTROL_FAULT = 'block-control'
const CONTROL_BLOCKED_MILLISECONDS = 5000

/** Long enough that the server is ready by then. */
const { PLANTED_FAULT_AFTER = '1500' } = process.env
const FAULT_AFTER_MILLISECONDS = Number(PLANTED_FAULT_AFTER)

if (isMainThread) {
  const { PLANTED_FAULT } = process.env
  await runControl(new URL(import.meta.url))
  if (PLANTED_FAULT === CONTROL_FAULT) {
    process.on('SIGUSR2', () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, CONTROL_BLOCKED_MILLISECONDS)
    })
  }
} else {
  const { runWorker } = await import('../../src/worker/worker.ts')
  runWorker()
  const { PLANTED_FAULT = '' } = process.env
  const fault = FAULTS[PLANTED_FAULT]
  const { index } = workerData as { index: number }
  if (index === 0 && fault !== undefined) setTimeout(fault, FAULT_AFTER_MILLISECONDS)
}
