import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ask, put } from './http.ts'

interface Level {
  readonly level: string
  readonly until: string | null
}

const scope = new SuiteScope()
let server: Server
before(async () => {
  server = await Server.start(scope, { sidecar: true, flags: ['-t', '1'] })
})
after(() => scope.close())

async function level(): Promise<Level> {
  return (await ask(`${server.sidecar}/log/level`)).json() as Level
}

/** Whether a request of this id leaves its line, which it does at debug. */
async function isLogged(id: string): Promise<boolean> {
  await ask(`${server.sidecar}/version`, { headers: { 'x-request-id': id } })
  // A line at info that comes after it, whatever the level.
  const before = server.output().split('log level changed').length
  await put(`${server.sidecar}/log/level`, { level: (await level()).level })
  await until(
    () => server.output().split('log level changed').length > before,
    () => 'no line about the level',
  )
  return server.output().includes(`"requestId":"${id}"`)
}

test('at info requests leave no line, at debug each leaves one', async () => {
  assert.deepEqual(await level(), { level: 'info', until: null })
  assert.equal(await isLogged('quiet'), false)
  await put(`${server.sidecar}/log/level`, { level: 'debug' })
  assert.equal(await isLogged('loud'), true)
  const line = server
    .output()
    .split('\n')
    .find((text) => text.includes('"requestId":"loud"'))
  const { part, method, path, status } = JSON.parse(line ?? '{}') as Record<string, unknown>
  assert.deepEqual(
    { part, method, path, status },
    { part: 'sidecar', method: 'GET', path: '/version', status: 200 },
  )
  await put(`${server.sidecar}/log/level`, { level: 'info' })
  assert.equal(await isLogged('quiet-again'), false)
})

test('a level for a time goes back to the one before', async () => {
  await put(`${server.sidecar}/log/level`, { level: 'info' })
  const answer = await put(`${server.sidecar}/log/level`, { level: 'trace', for: '600ms' })
  const { level: now, until: end } = answer.json() as Level
  assert.equal(now, 'trace')
  assert.ok(Date.parse(end ?? '') > Date.now() - 1000)
  // A second one does not make the first one's level the one to go back to.
  await put(`${server.sidecar}/log/level`, { level: 'debug', for: '600ms' })
  await until(
    async () => (await level()).level === 'info',
    () => 'the level did not come back',
  )
  assert.equal((await level()).until, null)
})

test('verbosity and the sidecar set the same level, and both show it', async (context) => {
  const client = await server.connect(context)
  const verbosity = async (): Promise<string | undefined> =>
    (await client.stats('settings')).get('verbosity')
  await put(`${server.sidecar}/log/level`, { level: 'debug' })
  assert.equal(await verbosity(), '1')
  client.send('verbosity 2\r\n')
  await client.expect('OK\r\n')
  assert.equal((await level()).level, 'trace')
  await put(`${server.sidecar}/log/level`, { level: 'warn' })
  assert.equal(await verbosity(), '0')
  client.send('verbosity 1\r\n')
  await client.expect('OK\r\n')
  assert.equal((await level()).level, 'debug')
  const metrics = (await ask(`${server.sidecar}/metrics`)).text
  assert.match(metrics, /^memckv_log_level 20$/m)
  client.send('verbosity 0\r\n')
  await client.expect('OK\r\n')
  assert.equal((await level()).level, 'info')
})
