import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { SIDECAR_CONNECTIONS_MAX } from '../../src/base/config.ts'
import { Run } from '../control/run-main.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Server } from '../support/server.ts'
import type { Answer } from './http.ts'
import { ask } from './http.ts'

/** What takes seconds because a limit has to pass: side by side, since nearly all of it is waiting. */
test('limits in time', { concurrency: true }, async (suite) => {
  await Promise.all([
    suite.test('clients that begin a request and do not end it are cut off', cutOffSlowClients),
    suite.test('a worker that makes no progress is neither live nor ready', findWedgedWorker),
  ])
})

async function cutOffSlowClients(context: Scope): Promise<void> {
  const server = await Server.start(context, { sidecar: true, flags: ['-t', '1'] })
  const port = Number(new URL(server.sidecar).port)
  const slow = await Promise.all(
    Array.from({ length: SIDECAR_CONNECTIONS_MAX - 2 }, () =>
      Client.connect({ host: '127.0.0.1', port }),
    ),
  )
  context.after(async () => {
    for (const client of slow) client.close()
  })
  // Half of them begin, the others say nothing at all.
  const begun = slow.filter((_, index) => index % 2 === 0)
  for (const client of begun) client.send('GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ')
  assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
  for (const client of begun) assert.match(await client.readLine(), /^HTTP\/1\.1 408 /)
  await until(
    () => slow.every((client) => client.closed),
    () => 'a slow client is still connected',
  )
  assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
}

/** With heartbeatTimeout 0 the process does not end itself, so that the probe is all there is. */
async function findWedgedWorker(context: Scope): Promise<void> {
  const flags = ['-l', '127.0.0.1', '-p', '-1', '-t', '2', '--workers.heartbeatTimeout=0']
  const run = new Run(context, {
    argv: [...flags, '--sidecar.port=-1', '--sidecar.address=127.0.0.1'],
    entry: resolve(import.meta.dirname, '../control/faulty-main.ts'),
    environment: { PLANTED_FAULT: 'wait' },
  })
  const { sidecar } = await run.line('ready')
  const base = `http://127.0.0.1:${sidecar?.port}`
  assert.equal((await ask(`${base}/livez`)).status, 200)
  const comes = (path: string, status: number): Promise<Answer> =>
    until(
      async () => {
        const answer = await ask(`${base}${path}`)
        return answer.status === status ? answer : null
      },
      () => `${path} does not answer ${status}`,
    )
  const [failed, connections] = await Promise.all([
    comes('/livez', 503),
    comes('/debug/connections', 504),
  ])
  const { checks } = failed.json() as { checks: { name: string; ok: boolean; detail: string }[] }
  const [check, ...others] = checks.filter(({ ok }) => !ok)
  assert.equal(check?.name, 'worker-0')
  assert.match(check?.detail ?? '', /^no progress for [5-9]\d{3} ms$/)
  assert.deepEqual(others, [])
  assert.equal((await ask(`${base}/readyz`)).status, 503)
  // It was not the server's beginning that failed, and its figures can still be read.
  for (const path of ['/startupz', '/metrics', '/debug/threads']) {
    assert.equal((await ask(`${base}${path}`)).status, 200, path)
  }
  assert.match(connections.text, /no answer from worker 0 for 2000 ms/)
}
