import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect as connectTcp, createServer as createTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { tlsFlags } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ca, client, outcomeOf, pair, WIRES } from './tls-parts.ts'

for (const { wire, flags } of WIRES) {
  describe(`TLS on ${wire}`, () => {
    const suite = new SuiteScope()
    let server: Server
    before(async () => {
      server = await Server.start(suite, {
        flags: [
          ...tlsFlags(pair),
          '-t',
          '2',
          '-I',
          '2m',
          '-m',
          '64',
          '--log.level=debug',
          ...flags,
        ],
        tls: client(),
      })
    })
    after(() => suite.close())

    test('the wire is the one meant', () => {
      assert.doesNotMatch(server.output(), /does not give access to socket handles/)
    })

    test('a value of 1 MiB goes in and comes out', async () => {
      const one = await server.connect(suite)
      const value = Buffer.alloc(1024 * 1024, 'abcdefghij')
      one.send(`set large 0 0 ${value.length}\r\n`)
      one.send(value)
      one.send('\r\n')
      await one.expect('STORED\r\n')
      one.send('get large\r\nmn\r\n')
      await one.readUntil(`VALUE large 0 ${value.length}\r\n`)
      assert.ok((await one.readBytes(value.length)).equals(value))
      await one.expect('\r\nEND\r\nMN\r\n')
    })

    test('many commands in one write, and each in a record of its own, are answered in order', async () => {
      const one = await server.connect(suite)
      one.send('set p 0 0 1\r\nx\r\n')
      await one.expect('STORED\r\n')
      const count = 2000
      one.send(Array.from({ length: count }, (_, i) => `mg p v O${i}\r\n`).join(''))
      await one.expect(Array.from({ length: count }, (_, i) => `VA 1 O${i}\r\nx\r\n`).join(''))
      for (let i = 0; i < count; i++) one.send(`mg p v O${i}\r\n`)
      await one.expect(Array.from({ length: count }, (_, i) => `VA 1 O${i}\r\nx\r\n`).join(''))
    })

    test('a client that reads slowly gets all of it, and the others are served meanwhile', async () => {
      const slow = await server.connect(suite)
      const value = 'v'.repeat(500_000)
      slow.send(`set slow 0 0 ${value.length}\r\n${value}\r\n`)
      await slow.expect('STORED\r\n')
      slow.socket.pause()
      const replies = 60
      slow.send('get slow\r\n'.repeat(replies))
      await pause(100)
      const other = await server.connect(suite)
      other.send('version\r\n')
      await other.readLine()
      slow.socket.resume()
      const reply = `VALUE slow 0 ${value.length}\r\n${value}\r\nEND\r\n`
      for (let i = 0; i < replies; i++) {
        assert.equal((await slow.readBytes(reply.length)).toString('latin1'), reply)
      }
    })

    test('a reply is not lost when the connection is closed behind it, and the end is said', async () => {
      // Two records in one packet: the second reply waits for the first to be written.
      const held: Buffer[] = []
      let holds = false
      const proxy = createTcp((near) => {
        const far = connectTcp(server.address)
        far.pipe(near)
        near.on('error', () => far.destroy())
        near.on('data', (bytes) => (holds ? held.push(bytes) : far.write(bytes)))
        suite.after(async () => void near.destroy())
        release = () => far.write(Buffer.concat(held))
      }).listen(0, '127.0.0.1')
      suite.after(async () => void proxy.close())
      let release = (): boolean => false
      await once(proxy, 'listening')
      const { port } = proxy.address() as AddressInfo
      const one = await Client.connect({ host: '127.0.0.1', port }, client())
      one.send('mn\r\n')
      await one.expect('MN\r\n')
      holds = true
      one.send('mn\r\n')
      await pause(20)
      one.send('mn\r\nquit\r\n')
      await pause(20)
      release()
      await one.expect('MN\r\nMN\r\n')
      await one.expectClose()
    })

    test('a client that leaves in the middle of a value leaves nothing behind', async () => {
      const one = await server.connect(suite)
      one.send('set half 0 0 100000\r\nabc')
      await pause(20)
      one.close()
      const other = await server.connect(suite)
      other.send('get half\r\n')
      await other.expect('END\r\n')
    })

    test('text and HTTP to the TLS port end, and are counted', async () => {
      const admin = await server.connect(suite)
      const before = Number((await admin.stats()).get('ssl_handshake_errors'))
      for (const text of ['get a\r\n', 'GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100)]) {
        const plain = await Client.connect(server.address)
        plain.send(text)
        await plain.readWhile(() => true)
        assert.ok(plain.closed)
      }
      const stats = await admin.stats()
      assert.equal(Number(stats.get('ssl_handshake_errors')), before + 3)
      await until(
        () => /"reason":"ERR_SSL_[A-Z_]+","msg":"handshake failed"/.test(server.output()),
        () => server.output(),
      )
    })

    test('a session is resumed at whichever worker the client comes back to', async () => {
      const first = connectTls({ servername: 'localhost', ca, ...server.address })
      let session: Buffer | undefined
      first.on('session', (ticket) => {
        session = ticket
      })
      first.write('version\r\n')
      await once(first, 'data')
      first.destroy()
      assert.ok(session !== undefined)
      for (let i = 0; i < 8; i++) {
        const again = connectTls({ servername: 'localhost', ca, session, ...server.address })
        again.write('version\r\n')
        await once(again, 'data')
        assert.ok(again.isSessionReused())
        again.destroy()
      }
    })

    test('TLS 1.2 is spoken and 1.1 is not', async () => {
      assert.match(await outcomeOf(server.address, { maxVersion: 'TLSv1.2' }), /^answered VERSION/)
      const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } as const
      assert.match(
        await outcomeOf(server.address, { ...old, ciphers: 'DEFAULT@SECLEVEL=0' }),
        /PROTOCOL_VERSION|closed|ECONNRESET/,
      )
    })

    test('a client that closes its half gets its replies', async () => {
      // Often enough that the end comes together with the end of the handshake.
      for (let i = 0; i < 30; i++) {
        const one = await server.connect(suite)
        one.socket.end('mn\r\nmn\r\n')
        await one.expect('MN\r\nMN\r\n')
        await one.expectClose()
      }
    })

    test('stats settings says how TLS is set', async () => {
      const settings = await (await server.connect(suite)).stats('settings')
      assert.equal(settings.get('ssl_enabled'), 'yes')
      assert.equal(settings.get('ssl_chain_cert'), pair.cert)
      assert.equal(settings.get('ssl_min_version'), 'tlsv1.2')
    })
  })
}
