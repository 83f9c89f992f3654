import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { Run } from '../control/run-main.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { ask } from './http.ts'

/** Somebody else has this port; the default one may be taken by a neighbour already, which is as good. */
async function occupy(scope: Scope, port: number): Promise<number> {
  const other = createServer()
  other.listen(port, '::')
  try {
    await once(other, 'listening')
  } catch (error) {
    assert.ok(
      port !== 0 && error instanceof Error && 'code' in error && error.code === 'EADDRINUSE',
    )
    return port
  }
  scope.after(async () => {
    other.close()
  })
  return (other.address() as AddressInfo).port
}

const DATA = ['-l', '127.0.0.1', '-p', '-1', '-t', '1']

test('the default port is taken: one warning, and the server runs without a sidecar', async (context) => {
  await occupy(context, 9150)
  const run = new Run(context, { argv: DATA, environment: NO_CHOICE })
  const ready = await run.line('ready')
  assert.equal(ready.sidecar, null)
  const warnings = run.lines().filter((line) => line.level === 'warn')
  assert.equal(warnings.length, 1)
  assert.match(
    warnings[0]?.msg ?? '',
    /^cannot listen on \*:9150: the address is in use; .*sidecar\.port/,
  )
})

test('a port that was asked for is taken: one line and status 71', async (context) => {
  const port = await occupy(context, 0)
  const run = new Run(context, { argv: [...DATA, `--sidecar.port=${port}`] })
  const ended = await run.ended()
  assert.equal(ended.status, EXIT.noListen.status)
  assert.equal(
    ended.stderr,
    `memc-kv: sidecar.port (flag --sidecar.port): cannot listen on *:${port}: the address is in use\n`,
  )
  assert.equal(ended.stdout, '')
})

test('an address that cannot be listened on: one line and status 71', async (context) => {
  const run = new Run(context, {
    argv: [...DATA, '--sidecar.port=-1', '--sidecar.address=192.0.2.1'],
  })
  const ended = await run.ended()
  assert.equal(ended.status, EXIT.noListen.status)
  assert.match(ended.stderr, /^memc-kv: sidecar\.address .*cannot listen on 192\.0\.2\.1.*\n$/)
})

test('* takes connections over IPv4, and over IPv6 where there is any', async (context) => {
  const run = new Run(context, { argv: [...DATA, '--sidecar.port=-1'] })
  const { sidecar } = await run.line('ready')
  assert.ok(sidecar !== undefined && sidecar !== null)
  assert.equal((await ask(`http://127.0.0.1:${sidecar.port}/livez`)).status, 200)
  if (sidecar.host === '::') {
    assert.equal((await ask(`http://[::1]:${sidecar.port}/livez`)).status, 200)
  }
})

test('port 0: nothing listens', async (context) => {
  const run = new Run(context, { argv: [...DATA, '--sidecar.port=0'] })
  assert.equal((await run.line('ready')).sidecar, null)
  await until(
    () => run.lines().length > 0,
    () => 'no line',
  )
})

/** Run turns the sidecar off by this variable; here nobody chose anything. */
const NO_CHOICE = { MEMCKV_SIDECAR_PORT: undefined }
