import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Connection } from '../../src/worker/connection.ts'
import { closeSpread } from '../../src/worker/drain.ts'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

describe('a drain', () => {
  test('asks one connection after the other, spread over the window', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const asked: number[] = []
    const connections = [0, 1, 2].map((number) => ({ number }) as unknown as Connection)
    closeSpread(connections, 1000, (connection) => asked.push(connection.number))
    for (const [elapsed, expected] of [
      [249, []],
      [1, [0]],
      [249, [0]],
      [1, [0, 1]],
      [250, [0, 1, 2]],
    ] as const) {
      context.mock.timers.tick(elapsed)
      assert.deepEqual(asked, expected)
    }
  })
})

for (const wire of WIRES) {
  describe(`the end of a server, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())

    test('a command that has begun is answered, the idle go, nobody new is let in', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '2'],
        environment: { ...hooked(wire), MEMCKV_SHUTDOWN_DRAIN: '300ms' },
      })
      const idle = await server.connect(scope)
      const halfway = await server.connect(scope)
      const slow = await server.connect(scope)
      slow.send(`set large 0 0 1000000\r\n${'v'.repeat(1_000_000)}\r\n`)
      await slow.expect('STORED\r\n')
      slow.socket.pause()
      slow.send('get large\r\n'.repeat(10))
      halfway.send('set begun 0 0 20000\r\nthe beginning')
      idle.send('mn\r\n')
      await idle.expect('MN\r\n')
      const look = await server.connect(scope)
      await until(
        async () => (await look.stats()).get('cmd_get') !== '0',
        () => 'no get began',
      )
      const begun = Number((await look.stats()).get('cmd_get'))
      const end = server.stop()
      await idle.expectClose()
      await assert.rejects(server.connect(), 'the port is closed')
      halfway.send(`${'x'.repeat(20_000 - 13)}\r\n`)
      await halfway.expect('STORED\r\n')
      await halfway.expectClose()
      slow.socket.resume()
      const reply = `VALUE large 0 1000000\r\n${'v'.repeat(1_000_000)}\r\nEND\r\n`
      await slow.readWhile(() => true)
      const replies = slow.takeAll()
      const answered = replies.length / reply.length
      assert.ok(answered >= begun, `${answered} answered, ${begun} had begun`)
      assert.ok(replies === reply.repeat(answered), 'a part of a reply')
      assert.deepEqual(await end, { code: 0, signal: null })
    })
  })
}
