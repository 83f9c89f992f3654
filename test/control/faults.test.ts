import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { pause } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Run } from './run-main.ts'

const ENTRY = resolve(import.meta.dirname, 'faulty-main.ts')

function start(
  scope: Scope,
  fault: string,
  nodeFlags: readonly string[] = [],
  heartbeatTimeout = '1s',
): Run {
  const heartbeat = `--workers.heartbeatTimeout=${heartbeatTimeout}`
  const argv = ['-l', '127.0.0.1', '-p', '-1', '-t', '2', heartbeat]
  return new Run(scope, { argv, entry: ENTRY, environment: { PLANTED_FAULT: fault }, nodeFlags })
}

/** What the worker does → exit status, and the line that says why. */
const FAULTS: readonly (readonly [fault: string, status: number, why: RegExp])[] = [
  ['throw', EXIT.workerDied.status, /^worker 0 died: Error: a planted fault\n/],
  ['reject', EXIT.workerDied.status, /^worker 0 died: Error: a planted fault\n/],
  ['exit', EXIT.workerDied.status, /^worker 0 died: it ended with code 7$/],
  ['loop', EXIT.workerWedged.status, /^worker 0 made no progress for 1000 ms$/],
  ['wait', EXIT.workerWedged.status, /^worker 0 made no progress for 1000 ms$/],
]

for (const [fault, status, why] of FAULTS) {
  test(`a worker that does "${fault}" ends the process with status ${status}`, async (context) => {
    const run = start(context, fault)
    await run.line('ready')
    const ended = await run.ended()
    assert.equal(ended.status, status)
    const fatal = run.lines().filter((line) => line.level === 'fatal')
    assert.equal(fatal.length, 1)
    assert.match(fatal[0]?.msg ?? '', why)
    assert.equal(fatal[0]?.exitStatus, status)
    assert.equal(ended.stderr, '')
  })
}

test('a worker whose heap is exhausted says so', async (context) => {
  // Before V8 gives up it collects garbage for longer than a second, and that is no heartbeat either.
  const run = start(context, 'heap', ['--max-old-space-size=64'], '1m')
  const ended = await run.ended()
  assert.equal(ended.status, EXIT.outOfMemory.status, JSON.stringify(ended))
})

test('a process that was stopped for long goes on', async (context) => {
  const run = start(context, 'none')
  await run.line('ready')
  for (let round = 0; round < 2; round++) {
    run.child.kill('SIGSTOP')
    await pause(3000)
    run.child.kill('SIGCONT')
    await pause(300)
  }
  await pause(700)
  assert.equal(run.child.exitCode, null)
  run.child.kill('SIGTERM')
  assert.equal((await run.ended()).status, 0)
})
