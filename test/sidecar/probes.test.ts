import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ask } from './http.ts'

interface Health {
  readonly status: string
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[]
}

async function probe(server: Server, path: string): Promise<[number, Health]> {
  const answer = await ask(`${server.sidecar}${path}`)
  return [answer.status, answer.json() as Health]
}

const scope = new SuiteScope()
let server: Server
before(async () => {
  server = await Server.start(scope, { sidecar: true, flags: ['-t', '2'] })
})
after(() => scope.close())

test('a server that runs is live, ready and started, with a check for each worker', async () => {
  const workers = ['worker-0', 'worker-1']
  const expected: Readonly<Record<string, readonly string[]>> = {
    '/livez': ['control', ...workers],
    '/readyz': ['listening', 'draining', ...workers],
    '/startupz': ['listening'],
  }
  for (const [path, names] of Object.entries(expected)) {
    const [status, health] = await probe(server, path)
    assert.equal(status, 200, path)
    assert.equal(health.status, 'ok')
    assert.deepEqual(
      health.checks.map((check) => check.name),
      names,
    )
  }
})

test('from the signal on it is not ready, also while it still accepts; all else goes on', async (context) => {
  const ending = await Server.start(context, {
    sidecar: true,
    flags: ['-t', '1', '--shutdown.delay=2s', '--shutdown.grace=2s'],
  })
  const busy = await ending.connect(context)
  ending.child.kill('SIGTERM')
  await until(
    async () => (await probe(ending, '/readyz'))[0] === 503,
    () => 'it stayed ready',
  )
  const [, health] = await probe(ending, '/readyz')
  assert.deepEqual(
    health.checks.filter((check) => !check.ok).map((check) => check.name),
    ['draining'],
  )
  assert.equal(health.status, 'failed')
  for (const path of ['/livez', '/startupz', '/metrics', '/version', '/config', '/log/level']) {
    assert.equal((await ask(`${ending.sidecar}${path}`)).status, 200, path)
  }
  // The data port accepts until the delay is over.
  const late = await ending.connect(context)
  late.send('mn\r\n')
  await late.expect('MN\r\n')
  busy.close()
  assert.deepEqual(await ending.ended(), { code: 0, signal: null })
})
