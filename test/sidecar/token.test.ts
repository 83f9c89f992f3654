import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/deadline.ts'
import { launch, Server, SuiteScope } from '../support/server.ts'
import { usersFolder } from '../support/users.ts'
import type { Answer } from './http.ts'
import { ask } from './http.ts'

const OLD = 'old-token-of-16-characters'
const NEW = 'another_token.of+letters/and~digits=='

function tokenFile(scope: SuiteScope, text: string): string {
  const path = join(usersFolder(scope), 'tokens')
  writeFileSync(path, text)
  return path
}

describe('the sidecar with tokens', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  let path: string
  before(async () => {
    path = tokenFile(scope, `${OLD}\n\n${NEW}\r\n`)
    server = await Server.start(scope, {
      sidecar: true,
      environment: { MEMCKV_SIDECAR_TOKEN_FILE: path },
    })
  })

  const get = (where: string, authorization?: string, method = 'GET'): Promise<Answer> =>
    ask(`${server.sidecar}${where}`, {
      method,
      headers: authorization === undefined ? {} : { authorization },
    })

  test('answers probes without one, and nothing else', async () => {
    for (const probe of ['/livez', '/readyz', '/startupz', '/livez?x=1']) {
      assert.equal((await get(probe)).status, 200, probe)
      assert.equal((await get(probe, 'Bearer wrong')).status, 200, probe)
      assert.equal((await get(probe, undefined, 'HEAD')).status, 200, probe)
    }
    const { paths } = (await get('/openapi.json', `Bearer ${OLD}`)).json() as {
      paths: Record<string, Record<string, { security?: unknown[] }>>
    }
    const operations = Object.entries(paths).flatMap(([where, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({ where, method, security })),
    )
    assert.equal(operations.filter(({ security }) => security?.length === 0).length, 3)
    const closed = operations
      .filter(({ security }) => security === undefined)
      .map(({ where, method }) => [where, method.toUpperCase()] as const)
    for (const [where, method] of [...closed, ['/nothing', 'GET'] as const]) {
      // Not so many in a second that nobody looks any more.
      const answer = await until(
        async () => {
          const given = await get(where, undefined, method)
          return given.status === 429 ? null : given
        },
        () => where,
      )
      assert.equal(answer.status, 401, where)
      assert.equal(answer.headers['content-type']?.split(';')[0], 'application/problem+json')
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="memc-kv"')
      assert.equal((answer.json() as { status: number }).status, 401)
    }
  })

  test('lets each right token in, and no wrong one', async () => {
    for (const right of [`Bearer ${OLD}`, `Bearer ${NEW}`, `bearer  ${NEW}`]) {
      assert.equal((await get('/metrics', right)).status, 200)
      assert.equal((await get('/nothing', right)).status, 404)
    }
    const wrong = ['', 'Bearer', `Basic ${OLD}`, OLD, `Bearer ${OLD}x`, `Bearer ${OLD.slice(1)}`]
    for (const header of [...wrong, `Bearer ${OLD} ${NEW}`, `Bearer ${'x'.repeat(600)}`]) {
      const { status } = await get('/metrics', header)
      assert.ok(status === 401 || status === 429, header)
    }
  })

  test('stops looking at wrong ones for a moment, and lets right ones in meanwhile', async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => get('/metrics', 'Bearer wrong')),
    )
    const busy = answers.filter(({ status }) => status === 429)
    assert.ok(busy.length > 0)
    assert.equal(busy[0]?.headers['retry-after'], '1')
    const page = (await get('/metrics', `Bearer ${OLD}`)).text
    assert.ok(Number(/^memckv_sidecar_unauthorized_total (\d+)$/m.exec(page)?.[1]) >= 24)
    assert.match(server.output(), /"msg":"request without a right token"/)
    for (const token of [OLD, NEW]) assert.equal(server.output().includes(token), false)
  })

  test('follows its file', async () => {
    const outdated = async (token: string): Promise<string | undefined> => {
      const page = (await get('/metrics', `Bearer ${token}`)).text
      return /^memckv_sidecar_tokens_outdated (\d)$/m.exec(page)?.[1]
    }
    assert.equal(await outdated(OLD), '0')
    writeFileSync(path, 'x\n')
    await until(
      () => (server.output().includes('tokens not reloaded') ? true : null),
      () => server.output(),
    )
    assert.match(server.output(), /tokens, line 1: a token must have 16 to 512 characters/)
    assert.equal(await outdated(OLD), '1')
    writeFileSync(path, `${NEW}\n`)
    await until(
      () => (server.output().includes('"tokens reloaded"') ? true : null),
      () => server.output(),
    )
    assert.equal(await outdated(NEW), '0')
    assert.notEqual((await get('/metrics', `Bearer ${OLD}`)).status, 200)
  })

  test('says in its document that a token is needed', async () => {
    const { security, components } = (await get('/openapi.json', `Bearer ${NEW}`)).json() as {
      security: unknown
      components: { securitySchemes: Record<string, unknown> }
    }
    assert.deepEqual(security, [{ token: [] }])
    assert.deepEqual(Object.keys(components.securitySchemes), ['token'])
  })

  for (const [what, text, detail] of [
    ['short', `${OLD}\nshort\n`, 'line 2: a token must have 16 to 512 characters'],
    ['with a space', `${OLD} ${NEW}\n`, 'line 1: a token is made of letters'],
    ['none', '\n', 'it has 0 tokens, 1 to 16 are allowed'],
  ] as const) {
    test(`does not start with tokens that are ${what}`, async () => {
      const broken = launch(scope, {
        sidecar: true,
        environment: { MEMCKV_SIDECAR_TOKEN_FILE: tokenFile(scope, text) },
      })
      const { code } = await broken.ended()
      assert.equal(code, 66)
      assert.ok(broken.output().includes(detail), broken.output())
      assert.equal(broken.output().includes(OLD), false)
    })
  }
})
