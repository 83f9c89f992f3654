import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { checkStore, hooked, WIRES } from '../fuzz/server-process.ts'
import { until } from '../support/deadline.ts'
import { Random, testSeed } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'

const ERROR = 'ERROR\r\n'
const BAD_LINE = 'CLIENT_ERROR bad command line format\r\n'
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE', 'CONNECT']

/** Bytes of other protocols, and all that is said to them. memcached 1.6.45 says the same. */
const OTHERS: Readonly<Record<string, readonly [bytes: string, reply: string]>> = {
  'RESP, as Redis speaks it': [
    '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\nPING\r\n',
    `${ERROR.repeat(4)}${BAD_LINE}${ERROR}${BAD_LINE}${ERROR}`,
  ],
  'a PROXY protocol header, version 1': ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', ERROR],
  'a PROXY protocol header, version 2': [
    '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\x04\xd2\x2b\xcb\r\n',
    `${BAD_LINE.repeat(3)}${ERROR.repeat(2)}`,
  ],
  'the frame of a UDP packet': ['\0\x01\0\0\0\x01\0\0get a\r\n', ERROR],
  'an HTTP request without a version': ['GET /a\r\n', ERROR],
  mail: ['EHLO a\r\nMAIL FROM:<a>\r\n', ERROR.repeat(2)],
  'a secure shell': ['SSH-2.0-a\r\n', ERROR],
  'a remote desktop': ['\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0\r\n', ERROR],
}

for (const wire of isMemcached ? (['raw'] as const) : WIRES) {
  describe(`other protocols to the text port, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      const environment = isMemcached ? {} : hooked(wire)
      server = await Server.start(scope, { flags: ['-t', '1'], environment })
    })
    const isAbsent = async (key: string): Promise<void> => {
      const client = await server.connect(scope)
      client.send(`get ${key}\r\n`)
      await client.expect('END\r\n')
    }

    for (const method of METHODS) {
      test(`an HTTP request ${method} closes, and what its body says is not done`, async () => {
        const client = await server.connect(scope)
        const body = 'set ssrf 0 0 1\r\n1\r\n'
        client.send(`${method} /a HTTP/1.1\r\nHost: a\r\nContent-Length: 19\r\n\r\n${body}`)
        await client.expectClose()
        await isAbsent('ssrf')
      })
    }

    test('a browser’s POST from a page that wants to write', async () => {
      const body = 'set ssrf 0 0 1\r\n1\r\nflush_all\r\n'
      const ended = new Promise<unknown>((resolve) => {
        const sent = request({ host: '127.0.0.1', port: server.port, method: 'POST', path: '/x' })
        sent.on('error', resolve)
        sent.on('response', () => resolve(new Error('an answer')))
        sent.end(body)
      })
      assert.match(String(await ended), /socket hang up|ECONNRESET/)
      await isAbsent('ssrf')
    })

    test('a TLS client is not answered with anything that it could take for TLS', async () => {
      const before = await server.connect(scope)
      const failed = new Promise<Error>((resolve) => {
        const socket = connectTls({
          port: server.port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
        })
        socket.setTimeout(300, () => socket.destroy(new Error('no answer')))
        socket.on('error', resolve)
        socket.on('secureConnect', () => resolve(new Error('a secure connection')))
      })
      assert.notEqual((await failed).message, 'a secure connection')
      before.send('mn\r\n')
      await before.expect('MN\r\n')
    })

    for (const [title, [bytes, reply]] of Object.entries(OTHERS)) {
      test(title, async () => {
        const client = await server.connect(scope)
        client.send(`${bytes}mn\r\n`)
        await client.expect(`${reply}MN\r\n`)
      })
    }

    test('memcached’s binary protocol is text that nobody knows', {
      skip: isMemcached,
    }, async () => {
      const client = await server.connect(scope)
      client.send('\x80\x01\0\x01\x08\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0ab\r\nmn\r\n')
      await client.expect(`${ERROR.repeat(2)}MN\r\n`)
    })

    test('resets at any moment leave nothing behind', { skip: isMemcached }, async () => {
      const seed = testSeed()
      const random = new Random(seed)
      const monitor = await server.connect(scope)
      monitor.send(`set reset 0 0 900000\r\n${'r'.repeat(900_000)}\r\n`)
      await monitor.expect('STORED\r\n')
      const stream = Buffer.from(
        `get a\r\nset b 0 0 10\r\n0123456789\r\nset c 0 0 300000\r\n${'c'.repeat(300_000)}\r\n` +
          `${'get reset\r\n'.repeat(30)}append c 0 0 9000\r\n${'d'.repeat(9000)}\r\nstats\r\nwatch\r\n`,
      )
      for (let round = 0; round < 80; round++) {
        const client = await server.connect(scope)
        if (random.chance(0.5)) client.socket.pause()
        const at = random.chance(0.5) ? random.below(60) : random.below(stream.length)
        client.send(stream.subarray(0, at))
        for (let turns = random.below(4); turns > 0; turns--) await monitor.stats()
        client.socket.resetAndDestroy()
      }
      await until(
        async () => (await monitor.stats()).get('read_buf_count') === '0',
        () => `a stash is kept, seed ${seed}`,
      )
      // Whoever has gone has given back the pages of what was being sent or taken in.
      await until(
        async () => (await checkStore(server)) === 0,
        () => `pages are kept, seed ${seed}`,
      )
      monitor.send('mg reset s\r\n')
      await monitor.expect('HD s900000\r\n')
    })
  })
}
