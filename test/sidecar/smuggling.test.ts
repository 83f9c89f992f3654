import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from '../support/client.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ask } from './http.ts'

/** Requests that proxies and servers have read in two ways. Each is followed by another one that may not be answered. */
const REFUSED: Readonly<Record<string, string>> = {
  'a length and chunks':
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'two lengths':
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: 40\r\n\r\n',
  'a length that is no number':
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\n\r\n{}',
  'a chunk whose size is no number':
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  'chunks that are not last':
    'PUT /log/level HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n',
  'a space before the colon': 'PUT /log/level HTTP/1.1\r\nhost: x\r\ncontent-length : 2\r\n\r\n{}',
  'a header without a name': 'GET /livez HTTP/1.1\r\n: x\r\n\r\n',
  'a NUL in a header': 'GET /livez HTTP/1.1\r\nhost: x\r\na: \0\r\n\r\n',
  'a bare CR in a header': 'GET /livez HTTP/1.1\r\nhost: x\r\na: b\rc: d\r\n\r\n',
  'no host': 'GET /livez HTTP/1.1\r\n\r\n',
  'a method that there is not': 'SET /livez HTTP/1.1\r\nhost: x\r\n\r\n',
  'a version that there is not': 'GET /livez HTTP/9.9\r\nhost: x\r\n\r\n',
  'no version': 'GET /livez\r\n\r\n',
  'HTTP/2 without asking': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03\r\n\r\n',
  'a command for the data port': 'set a 0 0 1\r\n1\r\n',
}

/** Paths that may not lead anywhere. */
const NOWHERE = [
  '/../../etc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '//etc/passwd',
  '/livez/..%2fconfig',
  '/livez%00',
  '/%ff',
  '/livez;a',
  '/LIVEZ',
  '/__proto__',
  '/constructor',
]

describe('hostile requests to the HTTP port', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  before(async () => {
    server = await Server.start(scope, { sidecar: true, flags: ['-t', '1'] })
  })
  const connect = async (): Promise<Client> => {
    const client = await Client.connect({
      host: '127.0.0.1',
      port: Number(new URL(server.sidecar).port),
    })
    scope.after(async () => client.close())
    return client
  }

  for (const [title, bytes] of Object.entries(REFUSED)) {
    test(`${title}: refused, and what follows is not read`, async () => {
      const client = await connect()
      client.send(`${bytes}GET /config HTTP/1.1\r\nhost: x\r\n\r\n`)
      await client.readWhile(() => true, 4000)
      assert.ok(client.closed, 'the connection is still open')
      const answer = client.takeAll()
      assert.match(answer, /^HTTP\/1\.1 4\d\d /)
      assert.doesNotMatch(answer, /HTTP\/1\.1 200 /)
    })
  }

  for (const path of NOWHERE) {
    test(`${path} leads nowhere`, async () => {
      const client = await connect()
      client.send(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
      assert.match(await client.readLine(), /^HTTP\/1\.1 (404|400) /)
    })
  }

  test('what a client names itself is not put into the headers or the log as it is', async () => {
    const client = await connect()
    client.send(
      'GET /livez HTTP/1.1\r\nhost: x\r\nx-request-id: a"b<c>\xff\r\nconnection: close\r\n\r\n',
    )
    await client.readWhile(() => true, 4000)
    assert.doesNotMatch(client.takeAll(), /a"b/)
  })

  test('requests behind each other are answered each, in their order', async () => {
    const client = await connect()
    client.send('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3))
    client.send('GET http://example.com/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    await client.readWhile(() => true, 4000)
    const statuses = [...client.takeAll().matchAll(/HTTP\/1\.1 (\d+) /g)].map(
      ([, status]) => status,
    )
    assert.deepEqual(statuses, [...Array.from({ length: 3 }, () => '200'), '404'])
  })

  test('after all that it works, and the level of the log is what it was', async () => {
    assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
    assert.doesNotMatch(server.output(), /"level":"(error|fatal)"/)
  })
})
