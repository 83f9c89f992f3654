import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/deadline.ts'
import { Random, testSeed } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'

const LARGE = 1_000_000

for (const threads of [1, 4]) {
  describe(`slow and rude clients, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', String(threads)] })
    })

    test('a slow reader gets the value as it was when it asked', async () => {
      const slow = await server.connect(scope)
      const fast = await server.connect(scope)
      const old = Buffer.alloc(LARGE, 'o')
      slow.send(`set slow 0 0 ${LARGE}\r\n`)
      slow.send(old)
      slow.send('\r\n')
      await slow.expect('STORED\r\n')
      slow.socket.pause()
      const copies = 20
      slow.send('get slow\r\n'.repeat(copies))
      // The server has begun to answer once it says so; it cannot have sent all of it.
      await until(
        async () => Number((await fast.stats()).get('get_hits')) >= 1,
        () => 'the first get was not counted',
      )
      fast.send('get slow\r\n')
      await fast.readUntil('END\r\n')
      fast.send('delete slow\r\n')
      await fast.expect('DELETED\r\n')
      fast.send(`set slow 0 0 ${LARGE}\r\n`)
      fast.send(Buffer.alloc(LARGE, 'n'))
      fast.send('\r\nmn\r\n')
      await fast.expect('STORED\r\nMN\r\n')
      slow.socket.resume()
      const header = `VALUE slow 0 ${LARGE}\r\n`
      const answer = await slow.readBytes(header.length)
      assert.equal(answer.toString(), header)
      const first = await slow.readBytes(LARGE)
      assert.ok(first.equals(old), 'the first value is not the old one')
      await slow.expect('\r\nEND\r\n')
      let turned = false
      for (let index = 1; index < copies; index++) {
        await slow.expect(header)
        const value = await slow.readBytes(LARGE)
        const kind = value[0]
        assert.ok(
          value.equals(Buffer.alloc(LARGE, kind)),
          `value ${index} is a mixture of old and new bytes`,
        )
        if (kind === 'n'.charCodeAt(0)) turned = true
        else assert.ok(!turned, `value ${index} is old again`)
        await slow.expect('\r\nEND\r\n')
      }
    })

    test('a client that goes away in the middle of its replies harms nobody', async () => {
      const fast = await server.connect(scope)
      fast.send(`set gone 0 0 ${LARGE}\r\n`)
      fast.send(Buffer.alloc(LARGE, 'g'))
      fast.send('\r\n')
      await fast.expect('STORED\r\n')
      for (let index = 0; index < 5; index++) {
        const rude = await server.connect(scope)
        rude.socket.pause()
        rude.send('get gone\r\n'.repeat(10))
        rude.socket.resetAndDestroy()
      }
      fast.send('mg gone s\r\ndelete gone\r\n')
      await fast.expect(`HD s${LARGE}\r\nDELETED\r\n`)
    })

    test('a client that goes away in the middle of a line or of a value harms nobody', async () => {
      for (const bytes of [
        'se',
        'set gone2 0 0 10',
        'set gone2 0 0 10\r\nabc',
        'set gone2 0 0 1\r\n1\r',
      ]) {
        const rude = await server.connect(scope)
        rude.send(bytes)
        rude.socket.end()
        await rude.expectClose()
      }
      const fast = await server.connect(scope)
      fast.send('get gone2\r\n')
      await fast.expect('END\r\n')
    })

    test('what a client sent before it closed its side is still answered', async () => {
      const client = await server.connect(scope)
      client.socket.end('set half-closed 0 0 1\r\n1\r\nget half-closed\r\n')
      await client.expect('STORED\r\nVALUE half-closed 0 1\r\n1\r\nEND\r\n')
      await client.expectClose()
    })

    test('binary noise never stops the server', async () => {
      const seed = testSeed()
      const random = new Random(seed)
      for (let round = 0; round < 30; round++) {
        const noise = Buffer.alloc(random.between(1, 3000))
        for (let at = 0; at < noise.length; at++) noise[at] = random.below(256)
        // The first byte of the binary protocol would switch memcached over to it.
        if (noise[0] === 0x80) noise[0] = 0x81
        const rude = await server.connect(scope)
        rude.send(noise)
        rude.send('\r\nmn\r\n')
        rude.socket.end()
        await until(
          () => rude.closed,
          () => `the connection stayed open, seed ${seed}`,
        )
      }
      const client = await server.connect(scope)
      client.send('mn\r\n')
      await client.expect('MN\r\n')
    })
  })
}
