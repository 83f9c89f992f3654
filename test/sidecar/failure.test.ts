import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import pino from 'pino'
import { createApp } from '../../src/sidecar/app.ts'
import { RouteError } from '../../src/sidecar/problem.ts'
import type { Route } from '../../src/sidecar/route.ts'
import { ask } from './http.ts'

function route(path: string, answer: () => unknown): Route {
  const replies = { 200: { description: 'never', schema: {} } }
  return { method: 'GET', path, summary: 'fails', replies, answer }
}

const ROUTES = [
  route('/throws', () => {
    throw new Error('a planted fault')
  }),
  route('/rejects', () => Promise.reject(new TypeError('a planted fault'))),
  route('/late', () => {
    throw new RouteError(504, 'nobody answered')
  }),
  route('/fine', () => ({ fine: true })),
]

test('a page that cannot be made is status 500 and one line of the log, and the next is served', async (context) => {
  const lines: { level: number; msg: string; path: string; cause?: string }[] = []
  const log = pino({ level: 'info' }, { write: (text) => lines.push(JSON.parse(text)) })
  const app = createApp(ROUTES, log)
  context.after(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  for (const path of ['/throws', '/rejects']) {
    const answer = await ask(`${base}${path}`)
    assert.equal(answer.status, 500)
    // The cause is for the log, not for whoever asks.
    assert.ok(!answer.text.includes('planted'), answer.text)
    assert.match(answer.text, /its log says why/)
    const line = lines.shift()
    assert.deepEqual([line?.level, line?.path], [50, path])
    assert.match(line?.cause ?? '', /Error: a planted fault\n {4}at /)
  }
  const late = await ask(`${base}/late`)
  assert.equal(late.status, 504)
  assert.match(late.text, /nobody answered/)
  assert.equal(lines.shift()?.cause, 'nobody answered')
  assert.equal((await ask(`${base}/fine`)).text, '{"fine":true}')
  assert.deepEqual(lines, [])
})
