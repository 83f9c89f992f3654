import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { until, within } from '../support/deadline.ts'
import type { Exit, Scope } from '../support/server.ts'
import { SIDECAR_OFF } from '../support/server.ts'

/**
 * Where the log cannot be written. Clients notice nothing, and the process still ends when it is to:
 * a worker that hangs may hold a lock, and until the process is gone nobody is served.
 */
const ENTRY = resolve(import.meta.dirname, '../control/faulty-main.ts')
const CLIENTS = 400

const SINKS: Readonly<Record<string, (scope: Scope) => number>> = {
  'a pipe that nobody reads': (scope) => {
    const folder = mkdtempSync(join(tmpdir(), 'memckv-log-'))
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    scope.after(async () => {
      closeSync(reader)
      rmSync(folder, { recursive: true })
    })
    return openSync(path, 'w')
  },
  'a full disk': () => openSync('/dev/full', 'w'),
}

interface Started {
  readonly port: number
  readonly exited: Promise<Exit>
  kill(signal: NodeJS.Signals): void
}

async function start(scope: Scope, descriptor: number, fault: string): Promise<Started> {
  const port = await freePort()
  const flags = ['-l', '127.0.0.1', '-p', String(port), '-t', '2', '-vv']
  const { PATH } = process.env
  const child = spawn(process.execPath, [ENTRY, ...flags, '--workers.heartbeatTimeout=1s'], {
    env: { PATH, ...SIDECAR_OFF, PLANTED_FAULT: fault },
    stdio: ['ignore', descriptor, 'inherit'],
  })
  closeSync(descriptor)
  const exited = new Promise<Exit>((settle) => {
    child.once('exit', (code, signal) => settle({ code, signal }))
  })
  scope.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await until(
    () => isAnswered(port),
    () => 'the server does not answer',
  )
  return { port, exited, kill: (signal) => child.kill(signal) }
}

for (const [name, open] of Object.entries(SINKS)) {
  test(`${name} for the log: clients are served, and SIGTERM ends it`, async (context) => {
    const { port, exited, kill } = await start(context, open(context), 'none')
    // Each is a line or two, more than a pipe holds.
    for (let client = 0; client < CLIENTS; client++) assert.ok(await isAnswered(port))
    kill('SIGTERM')
    assert.deepEqual(await within(exited, () => 'it does not end'), { code: 0, signal: null })
  })

  test(`${name} for the log: a worker that hangs still ends the process`, async (context) => {
    const { port, exited } = await start(context, open(context), 'loop')
    for (let client = 0; client < CLIENTS; client++) void isAnswered(port)
    const { code } = await within(exited, () => 'it does not end')
    assert.equal(code, EXIT.workerWedged.status)
  })
}

function isAnswered(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => socket.write('mn\r\n'))
    socket.once('data', () => {
      settle(true)
      socket.destroy()
    })
    socket.once('error', () => settle(false))
    socket.once('close', () => settle(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((settle) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      assert.ok(address !== null && typeof address === 'object')
      probe.close(() => settle(address.port))
    })
  })
}
