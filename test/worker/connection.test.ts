import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { checkStore, complaints, hooked, WIRES, wireOf } from '../fuzz/server-process.ts'
import { pieceAt } from '../fuzz/server-values.ts'
import { until } from '../support/deadline.ts'
import { Random, testSeed } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'

const LARGE = 'L'.repeat(20_000)
const MIDDLE = 'm'.repeat(9000)

/** A little of everything, with the reply to each. */
const TRANSCRIPT: readonly (readonly [send: string, expect: string])[] = [
  ['set a 5 0 3\r\nabc\r\n', 'STORED\r\n'],
  ['get a b a\r\n', 'VALUE a 5 3\r\nabc\r\nVALUE a 5 3\r\nabc\r\nEND\r\n'],
  [`set l 0 0 20000\r\n${LARGE}\r\n`, 'STORED\r\n'],
  ['get a l\r\n', `VALUE a 5 3\r\nabc\r\nVALUE l 0 20000\r\n${LARGE}\r\nEND\r\n`],
  [`append l 0 0 20000\r\n${LARGE}\r\n`, 'STORED\r\n'],
  ['mg l s\r\n', 'HD s40000\r\n'],
  [`set l 0 0 20000 noreply\r\n${LARGE}xxmn\r\n`, 'MN\r\n'],
  ['mg l s q\r\nmg none v q\r\nmn\r\n', 'HD s40000\r\nMN\r\n'],
  [`ms m 9000 q\r\n${MIDDLE}\r\nmg m v\r\n`, `VA 9000\r\n${MIDDLE}\r\n`],
  [
    'set a 0 0 5\r\nabcdefg\r\n',
    'CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\n',
  ],
  [`set l 0 0 9000\r\n${'y'.repeat(9002)}mn\r\n`, 'CLIENT_ERROR bad data chunk\r\nMN\r\n'],
  [
    `set t 0 0 2000000\r\n${'t'.repeat(2_000_000)}\r\n`,
    'SERVER_ERROR object too large for cache\r\n',
  ],
  [`get ${'none '.repeat(3000)}a\r\n`, 'VALUE a 5 3\r\nabc\r\nEND\r\n'],
  [`append a 0 0 8000 noreply\r\n${'z'.repeat(8000)}\r\nmg a s\r\n`, 'HD s8003\r\n'],
  ['delete l\r\nget l\r\nquit\r\n', 'DELETED\r\nEND\r\n'],
]

/** The transcript's bytes in the pieces of one mode. */
function* piecesOf(mode: 'commands' | 'one write' | 'random pieces', random: Random) {
  if (mode === 'commands') {
    for (const [send] of TRANSCRIPT) yield Buffer.from(send)
    return
  }
  const bytes = Buffer.from(TRANSCRIPT.map(([send]) => send).join(''))
  const most = mode === 'one write' ? bytes.length : 40
  for (let at = 0; at < bytes.length; ) {
    // The value of 2 MB and the long line would take all day in small pieces.
    const length =
      at > 100 && random.chance(0.7) ? 1 + random.below(30_000) : 1 + random.below(most)
    yield bytes.subarray(at, mode === 'one write' ? bytes.length : at + length)
    at += mode === 'one write' ? bytes.length : length
  }
}

for (const wire of WIRES) {
  describe(`one transcript, ${wire} wire`, () => {
    const scope = new SuiteScope()
    const seed = testSeed()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', '1'], environment: hooked(wire) })
    })
    test('it is this wire', () => {
      assert.equal(wireOf(server), wire)
    })
    const modes = ['commands', 'one write', 'random pieces', 'random pieces'] as const
    for (const [index, mode] of modes.entries()) {
      test(`in ${mode}, seed ${seed}`, async () => {
        const client = await server.connect(scope)
        client.send('flush_all\r\n')
        await client.expect('OK\r\n')
        for (const piece of piecesOf(mode, new Random(seed + index))) {
          client.send(piece)
          await new Promise((resolve) => setImmediate(resolve))
        }
        for (const [send, expected] of TRANSCRIPT) {
          client.place = `${JSON.stringify(send.slice(0, 60))}: `
          await client.expect(expected)
        }
        await client.expectClose()
      })
    }
  })
}

for (const wire of WIRES) {
  describe(`rude clients, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, {
        flags: ['-t', '1', '-R', '3'],
        environment: hooked(wire),
      })
    })

    test('data and the end of it in one go: everything is answered, then it closes', async () => {
      const client = await server.connect(scope)
      const value = pieceAt(1, 700_000)
      const commands = [Buffer.from('set half 0 0 700000\r\n'), value]
      commands.push(Buffer.from(`\r\n${'get half\r\n'.repeat(20)}get hal`))
      client.socket.pause()
      client.socket.end(Buffer.concat(commands))
      client.socket.resume()
      await client.expect('STORED\r\n')
      for (let count = 0; count < 20; count++) {
        await client.expect('VALUE half 0 700000\r\n')
        assert.ok((await client.readBytes(700_000)).equals(value))
        await client.expect('\r\nEND\r\n')
      }
      await client.expectClose()
    })

    test('after quit nothing is done, and what was asked before it is sent whole', async () => {
      const client = await server.connect(scope)
      client.send(`set big 0 0 600000\r\n${'q'.repeat(600_000)}\r\n`)
      await client.expect('STORED\r\n')
      client.socket.pause()
      client.send(`${'get big\r\n'.repeat(15)}quit\r\ndelete big\r\nget big\r\n`)
      client.socket.resume()
      for (let count = 0; count < 15; count++) {
        await client.expect('VALUE big 0 600000\r\n')
        assert.ok((await client.readBytes(600_000)).equals(Buffer.alloc(600_000, 'q')))
        await client.expect('\r\nEND\r\n')
      }
      await client.expectClose()
      const other = await server.connect(scope)
      other.send('mg big s\r\n')
      await other.expect('HD s600000\r\n')
    })

    test('what one client has not finished does not change how another is read', async () => {
      // The second line of a value comes late, and meanwhile another client begins a line.
      const client = await server.connect(scope)
      const other = await server.connect(scope)
      client.send('set joined 0 0 1\r\nj\r\n')
      await client.expect('STORED\r\n')
      client.send(`append joined 0 0 3000\r\n${'x'.repeat(2500)}`)
      other.send('mn\r\nget joi')
      await other.expect('MN\r\n')
      client.send('x'.repeat(502))
      await client.expect('CLIENT_ERROR bad data chunk\r\n')
      other.send('ned\r\n')
      await other.expect('VALUE joined 0 1\r\nj\r\nEND\r\n')
    })

    test('those who vanish in the middle of an upload or of a reply leave nothing behind', async () => {
      const watcher = await server.connect(scope)
      watcher.send(`set reply 0 0 900000\r\n${'r'.repeat(900_000)}\r\n`)
      await watcher.expect('STORED\r\n')
      for (let round = 0; round < 12; round++) {
        const client = await server.connect(scope)
        if (round % 3 === 0) client.send(`set up 0 0 900000\r\n${'u'.repeat(round * 40_000)}`)
        if (round % 3 === 1) client.send(`append reply 0 0 900\r\n${'u'.repeat(800)}`)
        if (round % 3 === 2) {
          client.socket.pause()
          client.send('get reply\r\n'.repeat(20))
          await until(
            async () => [...(await watcher.stats('conns')).values()].includes('conn_mwrite'),
            () => 'nobody is blocked',
          )
        }
        if (round % 2 === 0) client.socket.resetAndDestroy()
        else client.close()
      }
      // The clients of the other tests are still here, so wait for silence and not for a number.
      await until(
        async () => {
          const states = [...(await watcher.stats('conns')).values()]
          return !states.some((state) => /conn_(nread|mwrite|waiting|swallow)/.test(state))
        },
        () => 'a connection is not given up',
      )
      assert.equal((await watcher.stats()).get('read_buf_count'), '0')
      assert.equal(await checkStore(server), 0)
      watcher.send('mg reply s\r\nget up\r\n')
      await watcher.expect('HD s900000\r\nEND\r\n')
      assert.deepEqual(complaints(server), [])
    })
  })
}
