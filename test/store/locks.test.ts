import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { acquire, release } from '../../src/store/locks.ts'

test('a lock that is free is taken and given back', () => {
  const words = new Int32Array(new SharedArrayBuffer(64))
  acquire(words, 3)
  assert.equal(words[3], 1)
  release(words, 3)
  assert.equal(words[3], 0)
})

test('plain adds of several threads under one lock are all there', async () => {
  const words = new Int32Array(new SharedArrayBuffer(64))
  const locks = new URL('../../src/store/locks.ts', import.meta.url).href
  const source = `
    const { workerData, parentPort } = require('node:worker_threads')
    import('${locks}').then(({ acquire, release }) => {
      // Together, or the first is done before the last begins.
      Atomics.add(workerData, 8, 1)
      while (Atomics.load(workerData, 8) < 3) {}
      for (let turn = 0; turn < 20000; turn++) {
        acquire(workerData, 0)
        const before = workerData[1]
        // Some holds are long enough for the others to fall asleep.
        for (let spin = turn % 97 === 0 ? 20000 : 50; spin > 0; spin--) workerData[2] = spin
        workerData[1] = before + 1
        release(workerData, 0)
      }
      parentPort.postMessage('done')
    })`
  const workers = [1, 2, 3].map(() => new Worker(source, { eval: true, workerData: words }))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  await Promise.all(workers.map((worker) => worker.terminate()))
  assert.equal(words[1], 60_000)
  assert.equal(words[0], 0)
})
