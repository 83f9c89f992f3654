import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { pbkdf2 } from 'node:crypto'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { LogOutput } from '../../src/telemetry/log-output.ts'
import { pause } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'

const hash = promisify(pbkdf2)

const describeLost = (lines: number): string => `lost ${lines}\n`

/** A pipe of which both ends are ours, and none blocks. */
function pipe(scope: Scope): number {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-log-'))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  scope.after(async () => {
    closeSync(descriptor)
    rmSync(folder, { recursive: true })
  })
  return descriptor
}

function drain(descriptor: number): string {
  const buffer = Buffer.alloc(1024 * 1024)
  let text = ''
  for (;;) {
    try {
      text += buffer.toString('latin1', 0, readSync(descriptor, buffer))
    } catch {
      return text
    }
  }
}

test('what a stalled reader leaves behind is bounded; later all lines come, or are counted', async (context) => {
  const descriptor = pipe(context)
  const output = new LogOutput({ descriptor, describeLost })
  const lines = 60_000
  for (let line = 0; line < lines; line++) output.write(`${line} ${'x'.repeat(100)}\n`)
  let text = ''
  while (!text.includes('lost')) {
    await pause(20)
    text += drain(descriptor)
  }
  const [, lost] = /lost (\d+)\n$/.exec(text) ?? []
  const kept = text.split('\n').slice(0, -2)
  assert.ok(Number(lost) > 1000, `lost ${lost}`)
  assert.equal(kept.length + Number(lost), lines)
  for (const [index, line] of kept.entries()) assert.equal(line, `${index} ${'x'.repeat(100)}`)
  output.write('after\n')
  await pause(100)
  assert.equal(drain(descriptor), 'after\n')
})

test('the last lines come behind those that another thread was still to write', async (context) => {
  const descriptor = pipe(context)
  const output = new LogOutput({ descriptor, describeLost })
  const busy = Array.from({ length: 8 }, () => hash('password', 'salt', 50_000, 32, 'sha512'))
  output.write('stopping\n')
  await output.settled()
  output.write('stopped\n')
  output.flush()
  await Promise.all(busy)
  await pause(20)
  assert.equal(drain(descriptor), 'stopping\nstopped\n')
})

test('the end does not wait for a reader that has stalled, nor for a full disk', async (context) => {
  for (const descriptor of [pipe(context), openSync('/dev/full', 'w')]) {
    const output = new LogOutput({ descriptor, describeLost })
    for (let line = 0; line < 5000; line++) output.write(`${'x'.repeat(100)}\n`)
    await pause(50)
    const began = performance.now()
    output.flush()
    assert.ok(performance.now() - began < 5000)
  }
})

test('what waits is written before the end', async (context) => {
  const descriptor = pipe(context)
  const output = new LogOutput({ descriptor, describeLost })
  // The first is handed over at once, on another thread, which the end of the process waits for.
  output.write('first\n')
  const lines = Array.from({ length: 100 }, (_, line) => `${line}\n`).join('')
  output.write(lines)
  output.flush()
  await pause(100)
  assert.equal(drain(descriptor).replace('first\n', ''), lines)
})
