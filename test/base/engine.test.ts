import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ENGINE_FLAGS, isGiven } from '../../src/base/engine.ts'

const ENGINE = new URL('../../src/base/engine.ts', import.meta.url).href

/** What a thread of its own, whose flags are the process's, says. */
async function said(source: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     import(${JSON.stringify(ENGINE)}).then((engine) => parentPort.postMessage((${source})(engine)))`,
    { eval: true },
  )
  worker.once('message', resolve).once('error', reject)
  return await promise
}

test('before the engine is tuned nothing is collected, and afterwards it is, by a thread that was there', async () => {
  const found = await said(`({ tuneEngine, collectStartGarbage }) => {
    let garbage = Array.from({ length: 200_000 }, (_, index) => ({ index }))
    const used = () => process.memoryUsage().heapUsed
    // Alive until it is measured: V8 may collect at any time by itself.
    const before = garbage.length > 0 ? used() : 0
    garbage = null
    collectStartGarbage()
    const untuned = used()
    tuneEngine([])
    collectStartGarbage()
    return { before, untuned, tuned: used() }
  }`)
  const { before, untuned, tuned } = found as { before: number; untuned: number; tuned: number }
  assert.ok(untuned > before - 1e6, `${before} bytes, and ${untuned} before the engine was tuned`)
  assert.ok(tuned < before - 4e6, `${before} bytes, and still ${tuned}`)
})

test('all flags are known to this V8', () => {
  const { v8 } = process.versions
  for (const flag of ENGINE_FLAGS) {
    const { status, stderr } = spawnSync(process.execPath, [flag, '-e', '0'], { encoding: 'utf8' })
    assert.equal(status, 0, `${flag} with V8 ${v8}: ${stderr}`)
  }
})

for (const [flag, given, expected] of [
  ['--no-maglev', [], false],
  ['--no-maglev', ['--no-maglev'], true],
  ['--no-maglev', ['--maglev'], true],
  ['--no-maglev', ['--no_maglev'], true],
  ['--no-maglev', ['--maglev-inlining'], false],
  [
    '--max-inlined-bytecode-size-cumulative=2000',
    ['--max_inlined_bytecode_size_cumulative=900'],
    true,
  ],
  ['--max-inlined-bytecode-size-cumulative=2000', ['--max-inlined-bytecode-size=900'], false],
] as const) {
  test(`${flag} is ${expected ? '' : 'not '}given by "${given.join(' ')}"`, () => {
    assert.equal(isGiven(flag, given), expected)
  })
}
