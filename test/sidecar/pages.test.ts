import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import packageFile from '../../package.json' with { type: 'json' }
import { settings } from '../../src/config/schema.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ask, put } from './http.ts'
import type { Schema } from './schema-check.ts'
import { schemaFaults } from './schema-check.ts'

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: { readonly Problem: Schema } }
}

const scope = new SuiteScope()
let server: Server
let document: OpenApi
before(async () => {
  server = await Server.start(scope, { sidecar: true, flags: ['-t', '2', '-m', '32'] })
  document = (await ask(`${server.sidecar}/openapi.json`)).json() as OpenApi
})
after(() => scope.close())

test('each path of the document answers what the document says', async () => {
  const client = await server.connect(scope)
  client.send('set page 0 0 1\r\nx\r\n')
  await client.expect('STORED\r\n')
  assert.equal(document.openapi, '3.1.0')
  const paths = Object.entries(document.paths).filter(([, { get }]) => get !== undefined)
  assert.ok(paths.length >= 8, `only ${paths.length} paths`)
  for (const [path, { get }] of paths) {
    const answer = await ask(`${server.sidecar}${path}`)
    assert.equal(answer.status, 200, path)
    const type = String(answer.headers['content-type']).split(';', 1)[0] ?? ''
    const described = get?.responses[200]?.content[type]
    assert.ok(described !== undefined, `${path} answered with ${type}`)
    const value = type === 'application/json' ? answer.json() : answer.text
    assert.deepEqual(schemaFaults(described.schema, value), [], path)
  }
})

test('HEAD answers what GET does, without the body', async () => {
  for (const path of Object.keys(document.paths)) {
    const head = await ask(`${server.sidecar}${path}`, { method: 'HEAD' })
    assert.equal(head.status, 200, path)
    assert.equal(head.text, '', path)
    assert.ok(Number(head.headers['content-length']) > 0, path)
  }
})

test('/ links to every page', async () => {
  const { text, headers } = await ask(`${server.sidecar}/`)
  assert.match(String(headers['content-type']), /^text\/html/)
  for (const path of Object.keys(document.paths)) assert.ok(text.includes(`"${path}"`), path)
})

test('/version says what package.json does', async () => {
  const answer = (await ask(`${server.sidecar}/version`)).json() as {
    version: string
    node: string
  }
  assert.equal(answer.version, packageFile.version)
  assert.equal(answer.node, process.version)
})

test('/config has every setting with its value and its source', async () => {
  const answer = (await ask(`${server.sidecar}/config`)).json() as {
    settings: Record<string, { value: unknown; source: string }>
    derived: { workers: number }
  }
  assert.deepEqual(
    Object.keys(answer.settings),
    settings.map((entry) => entry.key),
  )
  assert.deepEqual(answer.settings['memory.limit'], { value: 32 * 1024 * 1024, source: 'flag -m' })
  assert.deepEqual(answer.settings['sidecar.port'], {
    value: -1,
    source: 'environment MEMCKV_SIDECAR_PORT',
  })
  assert.deepEqual(answer.settings['items.cas'], { value: true, source: 'default' })
  assert.equal(answer.derived.workers, 2)
})

test('/config as YAML is what --print-config writes', async () => {
  const { headers, text } = await ask(`${server.sidecar}/config?format=yaml`)
  assert.match(String(headers['content-type']), /^application\/yaml/)
  assert.match(text, /^memory:\n {2}limit: 32mb +# flag -m$/m)
})

test('what is refused is refused as problem details', async () => {
  const json = { 'content-type': 'application/json' }
  const level = '/log/level'
  const cases: [path: string, question: Parameters<typeof ask>[1], status: number, says: RegExp][] =
    [
      ['/nothing', {}, 404, /lists what there is/],
      ['/version', { method: 'POST', headers: json, body: '{}' }, 405, /POST is not allowed/],
      ['/version', { method: 'DELETE' }, 405, /DELETE is not allowed/],
      ['/version', { headers: { accept: 'text/html' } }, 406, /answers with application\/json/],
      ['/config?format=toml', {}, 400, /format must be one of json, yaml/],
      ['/config?fromat=yaml', {}, 400, /"fromat" is not known here; known are format/],
      [level, { method: 'PUT', headers: json, body: '{' }, 400, /not valid JSON/],
      [level, { method: 'PUT', headers: json, body: '[]' }, 400, /must be an object/],
      [level, { method: 'PUT', headers: json, body: '{}' }, 400, /level is missing/],
      [level, { method: 'PUT', headers: json, body: '{"level":"loud"}' }, 400, /must be one of/],
      [level, { method: 'PUT', headers: json, body: '{"level":"info","for":"1w"}' }, 400, /24h/],
      [level, { method: 'PUT', headers: json, body: '{"level":"info","for":"25h"}' }, 400, /24h/],
      [level, { method: 'PUT', body: 'level=info' }, 415, /application\/json/],
      [level, { method: 'PUT', headers: json, body: `"${'x'.repeat(17_000)}"` }, 413, /16384/],
    ]
  for (const [path, question, status, says] of cases) {
    const answer = await ask(`${server.sidecar}${path}`, question)
    const place = `${question?.method ?? 'GET'} ${path}: ${answer.text}`
    assert.equal(answer.status, status, place)
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, place)
    const problem = answer.json() as { status: number; detail: string; requestId: string }
    assert.deepEqual(schemaFaults(document.components.schemas.Problem, problem), [], place)
    assert.equal(problem.status, status)
    assert.match(problem.detail, says)
    assert.equal(problem.requestId, answer.headers['x-request-id'], place)
  }
})

test('405 names the methods that are allowed', async () => {
  const { headers } = await ask(`${server.sidecar}/log/level`, { method: 'DELETE' })
  assert.equal(headers.allow, 'HEAD, GET, PUT')
})

test('a sane request id is kept, any other is replaced, and each answer has one', async () => {
  const given = await ask(`${server.sidecar}/version`, { headers: { 'x-request-id': 'abc-1.2' } })
  assert.equal(given.headers['x-request-id'], 'abc-1.2')
  for (const bad of ['x'.repeat(65), 'a b', '"quoted"']) {
    const { headers } = await ask(`${server.sidecar}/version`, { headers: { 'x-request-id': bad } })
    assert.match(String(headers['x-request-id']), /^[\w-]{3,40}$/)
  }
})

test('an answer does not say what software made it', async () => {
  const { headers } = await ask(`${server.sidecar}/version`)
  assert.deepEqual(
    Object.keys(headers).filter((name) => name === 'server'),
    [],
  )
  assert.equal(headers['x-powered-by'], undefined)
})

test('a probe or a scrape does not mind a query', async () => {
  for (const path of ['/livez?verbose', '/metrics?collect[]=stats']) {
    assert.equal((await ask(`${server.sidecar}${path}`)).status, 200, path)
  }
})

test('the level that a request sets is in the answer', async () => {
  const answer = await put(`${server.sidecar}/log/level`, { level: 'info' })
  assert.deepEqual(answer.json(), { level: 'info', until: null })
})
