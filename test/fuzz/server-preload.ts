import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads'
import type { StoreMemory } from '../../src/store/store.ts'

/**
 * Loaded into a server under test before its own code (see server-process.ts), in each of its
 * threads. It lets a test choose stream-wire.ts, for which the server has no setting, and walk the
 * store of a running server: SIGUSR2 runs the checker and prints what it found. A built server
 * is given this file and the store as JavaScript.
 */
const { MEMCKV_TEST_WIRE: wire, MEMCKV_TEST_STORE: storeModule } = process.env as {
  MEMCKV_TEST_WIRE?: string
  MEMCKV_TEST_STORE?: string
}
const channel = new BroadcastChannel('memckv-test-store')

if (isMainThread) {
  let memory: StoreMemory | null = null
  channel.onmessage = (message: unknown) => {
    memory = (message as { data: StoreMemory }).data
  }
  process.on('SIGUSR2', () => {
    void check(memory).then((found) => console.log(`store-check ${JSON.stringify(found)}`))
  })
} else {
  const start = workerData as { index: number; memory: StoreMemory; rawSockets: boolean }
  if (wire === 'stream') start.rawSockets = false
  if (start.index === 0) channel.postMessage(start.memory)
}
channel.unref()

/** The sweep runs on this same thread, so with idle clients nobody else is at the store. */
async function check(memory: StoreMemory | null): Promise<{ pagesLeft: number } | string> {
  if (memory === null) return 'no memory was announced'
  try {
    const module: unknown = await import(storeModule ?? '../../src/store/store.ts')
    const { Store } = module as typeof import('../../src/store/store.ts')
    return { pagesLeft: new Store(memory).check() }
  } catch (error) {
    return String((error as Error).stack)
  }
}
