import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { launch, Server, SuiteScope } from '../support/server.ts'
import { closed, runTranscript } from '../support/transcript.ts'

const WRONG = 'CLIENT_ERROR authentication failure'
const FIRST = 'CLIENT_ERROR unauthenticated'
const directory = mkdtempSync(join(tmpdir(), 'memckv-auth-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function authFile(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function authenticate(client: Client, user: string, password: string): Promise<void> {
  const data = `${user} ${password}`
  return runTranscript(client, [[`set auth x x ${data.length}\n${data}`, 'STORED']])
}

for (const threads of [1, 4]) {
  describe(`authentication, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      const path = authFile(`users${threads}`, 'foo:bar\nother:pass word\nlast:one')
      server = await Server.start(scope, { flags: ['-t', String(threads), '-Y', path] })
    })

    test('until it is told who we are it understands nothing', async () => {
      const client = await server.connect(scope)
      // Every step by itself: mn, which ends a transcript, would close this connection.
      for (const line of [
        'get foo',
        'version',
        'delete foo',
        'mg foo',
        'stats settings',
        'watch foo',
      ]) {
        client.send(`${line}\r\n`)
        await client.expect(`${FIRST}\r\n`)
      }
      // The data of another command is a line of its own. In one packet memcached loses a reply.
      for (const line of ['add foo 0 0 7', 'foo bar']) {
        client.send(`${line}\r\n`)
        await client.expect(`${FIRST}\r\n`)
      }
      client.send('set foo 0 0 7\r\nfoo bar\r\nget foo\r\n')
      await client.expect('STORED\r\nEND\r\n')
    })

    test('right credentials free the connection, whatever key, flags and time', async () => {
      for (const [user, password] of [
        ['foo', 'bar'],
        ['other', 'pass word'],
        ['last', 'one'],
      ] as const) {
        const client = await server.connect(scope)
        await authenticate(client, user, password)
        client.send(`set plain 0 0 7\r\n${'foo bar'}\r\nget plain\r\n`)
        await client.expect('STORED\r\nVALUE plain 0 7\r\nfoo bar\r\nEND\r\n')
      }
    })

    test('wrong credentials are refused and the connection stays', async () => {
      const client = await server.connect(scope)
      for (const data of [
        'foo baz',
        'fo bar',
        'foo bar ',
        'foo ba',
        'foo  bar',
        'other pass',
        ' ',
        'foo ',
      ]) {
        client.send(`set auth 0 0 ${data.length}\r\n${data}\r\n`)
        await client.expect(`${WRONG}\r\n`)
      }
      client.send('set auth 0 0 7 noreply\r\nfoo baz\r\n')
      await client.expect(`${WRONG}\r\n`)
      client.send('set auth 0 0 7 noreply\r\nfoo bar\r\n')
      await client.expect('STORED\r\n')
    })

    test('what is malformed is told', async () => {
      const client = await server.connect(scope)
      client.send('set auth 0 0 6\r\nfoobar\r\n')
      await client.expect('CLIENT_ERROR bad authentication token format\r\n')
      client.send('set auth 0 0 16385\r\n')
      await client.expect('CLIENT_ERROR auth token too long\r\n')
      client.send('set auth 0 0 7\r\nfoo barXX')
      await client.expect('CLIENT_ERROR bad command line termination\r\n')
      await authenticate(client, 'foo', 'bar')
    })

    test('pieces of any size do', async () => {
      const client = await server.connect(scope)
      for (const [lines, reply] of [
        ['get foo\r\n', `${FIRST}\r\n`],
        ['set foo 0 0 7\r\nfoo bar\r\nget none\r\n', 'STORED\r\nEND\r\n'],
      ] as const) {
        for (const byte of lines) {
          client.send(byte)
          await new Promise((resolve) => setImmediate(resolve))
        }
        await client.expect(reply)
      }
    })

    test('a very short line, quit and mn close', async () => {
      for (const line of ['quit\r\n', 'mn\r\n', 'a\r\n', '\r\n\r\n']) {
        const client = await server.connect(scope)
        client.send(line)
        await client.expectClose()
      }
    })

    test('2048 bytes with no line end close', async () => {
      const client = await server.connect(scope)
      client.send(`set ${'x'.repeat(3000)}`)
      await client.expectClose()
    })

    test('attempts are counted', async () => {
      const client = await server.connect(scope)
      await authenticate(client, 'foo', 'bar')
      const stats = await client.stats()
      assert.ok(Number(stats.get('auth_cmds')) >= 1)
      assert.ok(Number(stats.get('auth_errors')) >= 1)
      assert.ok(Number(stats.get('auth_cmds')) > Number(stats.get('auth_errors')))
      const settings = await client.stats('settings')
      assert.match(settings.get('auth_enabled_ascii') ?? '', /users\d$/)
      await runTranscript(client, [['quit', closed()]])
    })
  })
}

describe('the file of users', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  async function accepts(server: Server, data: string): Promise<boolean> {
    const client = await server.connect()
    try {
      client.send(`set auth 0 0 ${data.length}\r\n${data}\r\n`)
      return (await client.readLine()) === 'STORED'
    } finally {
      client.close()
    }
  }

  test('it is read again on SIGHUP, and kept when it has become bad', async () => {
    const path = authFile('reread', 'foo:bar\n')
    const server = await Server.start(scope, { flags: ['-t', '2', '-Y', path] })
    assert.ok(await accepts(server, 'foo bar'))
    authFile('reread', 'foo:new\n')
    server.child.kill('SIGHUP')
    await until(
      () => accepts(server, 'foo new'),
      () => 'the new password is not accepted',
    )
    assert.equal(await accepts(server, 'foo bar'), false)
    authFile('reread', 'no colon here\n')
    server.child.kill('SIGHUP')
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    assert.ok(await accepts(server, 'foo new'))
  })

  for (const [title, text] of [
    ['with a line that has no colon', 'foo:bar\nfoobar\n'],
    ['that is empty', ''],
  ] as const) {
    test(`a file ${title} stops the start`, async () => {
      const path = authFile('bad', text)
      const server = launch(scope, { flags: ['-Y', path] })
      const exit = await server.ended()
      assert.notEqual(exit.code, 0)
    })
  }

  test('a file that is not there stops the start', async () => {
    const server = launch(scope, { flags: ['-Y', join(directory, 'none')] })
    const exit = await server.ended()
    assert.notEqual(exit.code, 0)
  })
})
