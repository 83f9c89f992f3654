import { enableCompileCache, flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { givenFlags, relaunchIfNeeded } from './launch.ts'

if (isMainThread) relaunchIfNeeded()

/**
 * One file, two lives: the main thread is the control thread, and starts this same file again for
 * each worker. Dynamic imports, so that neither loads what only the other needs.
 *
 * Compiled code is kept beside the dependencies, which makes the second start from source about twice
 * as fast. Not in Node's default place, the machine's temporary folder: others may write there. Where
 * the folder cannot be written, as in the image, nothing is kept and nothing is missed.
 */
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/memc-kv', import.meta.url)))

if (isMainThread) {
  const { runControl } = await import('./control/control.ts')
  const server = await runControl(new URL(import.meta.url))
  flushCompileCache()
  await server.settle(givenFlags())
} else {
  const { runWorker } = await import('./worker/worker.ts')
  runWorker()
  flushCompileCache()
}
