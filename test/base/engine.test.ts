import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ENGINE_FLAGS, isGiven } from '../../src/base/engine.ts'

const ENGINE = new URL('../../src/base/engine.ts', import.meta.url).href

/** An object of one number takes 16 bytes at least, and 8 in the array that refers to it. */
const GARBAGE_OBJECTS = 400_000
const GARBAGE_MEBIBYTES = (GARBAGE_OBJECTS * 24) / 2 ** 20

/**
 * The collections of a process of its own, a line each, whose second thread makes garbage and asks for its
 * collection, before or after the engine was tuned. V8 collects by itself whenever it likes; at the end of
 * a line it says why, and "testing" is the function that the flag --expose-gc gives.
 */
function collections(isTuned: boolean): string[] {
  const thread = `import(${JSON.stringify(ENGINE)}).then(({ tuneEngine, collectStartGarbage }) => {
    if (${isTuned}) tuneEngine([])
    Array.from({ length: ${GARBAGE_OBJECTS} }, (_, index) => ({ index }))
    collectStartGarbage()
  })`
  const source = `new (require('node:worker_threads').Worker)(${JSON.stringify(thread)}, { eval: true })`
  const found = spawnSync(process.execPath, ['--trace-gc', '-e', source], { encoding: 'utf8' })
  assert.equal(found.status, 0, found.stderr)
  return found.stdout.split('\n').filter((line) => line.includes(' testing; '))
}

test('before the engine is tuned nothing is collected', () => {
  assert.deepEqual(collections(false), [])
})

test('afterwards garbage is, by a thread that was there', () => {
  const last = collections(true).at(-1) ?? ''
  const left = Number(/ -> ([\d.]+) \([\d.]+\) MB/.exec(last)?.[1])
  assert.ok(left < GARBAGE_MEBIBYTES, last)
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
