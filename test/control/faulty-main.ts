import { isMainThread, workerData } from 'node:worker_threads'
import { runControl } from '../../src/control/control.ts'

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
  wait: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
  heap: () => {
    const hoard: unknown[] = []
    for (;;) hoard.push(new Array(100_000).fill(hoard.length + 0.5))
  },
  none: () => {},
}

/** Long enough that the server is ready by then. */
const FAULT_AFTER_MILLISECONDS = 1500

if (isMainThread) {
  await runControl(new URL(import.meta.url))
} else {
  const { runWorker } = await import('../../src/worker/worker.ts')
  runWorker()
  const { PLANTED_FAULT = '' } = process.env
  const fault = FAULTS[PLANTED_FAULT]
  const { index } = workerData as { index: number }
  if (index === 0 && fault !== undefined) setTimeout(fault, FAULT_AFTER_MILLISECONDS)
}
