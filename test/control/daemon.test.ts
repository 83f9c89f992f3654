import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Run } from './run-main.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-daemon-'))
after(() => rmSync(folder, { recursive: true }))

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('-d comes back when the server is ready, which goes on by itself', async (context) => {
  const path = join(folder, 'socket')
  const pidFile = join(folder, 'pid')
  const ended = await new Run(context, { argv: ['-d', '-P', pidFile, '-s', path] }).ended()
  assert.deepEqual(ended, { status: 0, signal: null, stdout: '', stderr: '' })
  const pid = Number(readFileSync(pidFile, 'utf8'))
  context.after(() => isRunning(pid) && process.kill(pid, 'SIGKILL'))
  const client = await Client.connect({ path })
  assert.equal((await client.stats()).get('pid'), String(pid))
  client.close()
  process.kill(pid, 'SIGTERM')
  await until(
    () => !isRunning(pid),
    () => 'the daemon does not end',
  )
  assert.ok(!existsSync(pidFile))
})

test('-d passes on why the server could not start', async (context) => {
  const argv = ['-d', '-s', '/nowhere/socket']
  const ended = await new Run(context, { argv }).ended()
  assert.equal(ended.status, EXIT.noListen.status)
  assert.match(ended.stderr, /^memc-kv: cannot listen on \/nowhere\/socket: .*\n$/)
})
