import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Connection } from '../../src/worker/connection.ts'
import { Turns } from '../../src/worker/turns.ts'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { Server, SuiteScope } from '../support/server.ts'

class Recorder {
  readonly name: string
  readonly #turns: Turns
  readonly #log: string[]
  left: number

  constructor(name: string, turns: Turns, log: string[], left: number) {
    this.name = name
    this.#turns = turns
    this.#log = log
    this.left = left
  }

  takeTurn(): void {
    this.#log.push(this.name)
    this.left -= 1
    if (this.left > 0) this.#turns.add(this as unknown as Connection)
  }
}

describe('turns', () => {
  test('those who wait go on one after the other, each for one turn', async () => {
    const turns = new Turns()
    const log: string[] = []
    for (const [name, left] of [
      ['a', 3],
      ['b', 1],
      ['c', 2],
    ] as const) {
      turns.add(new Recorder(name, turns, log, left) as unknown as Connection)
    }
    assert.deepEqual(log, [])
    await setImmediate()
    assert.equal(log.join(''), 'abc')
    await setImmediate()
    assert.equal(log.join(''), 'abcac')
    await setImmediate()
    assert.equal(log.join(''), 'abcaca')
    await setImmediate()
    assert.equal(log.join(''), 'abcaca')
  })
})

for (const wire of WIRES) {
  describe(`turns on the ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      const flags = ['-t', '1', '-R', '5']
      server = await Server.start(scope, { flags, environment: hooked(wire) })
    })

    test('a client with many commands yields, and all are answered in order', async () => {
      const client = await server.connect(scope)
      const before = Number((await client.stats()).get('conn_yields'))
      client.send('set turn 0 0 1\r\n0\r\n')
      client.send('incr turn 1\r\n'.repeat(100))
      const numbers = Array.from({ length: 100 }, (_, index) => `${index + 1}\r\n`)
      await client.expect(`STORED\r\n${numbers.join('')}`)
      const yields = Number((await client.stats()).get('conn_yields')) - before
      assert.ok(yields >= 15 && yields <= 25, `${yields} yields for 101 commands, 5 a turn`)
    })

    test('a client that sends faster than its turns come is slowed down, not thrown out', async () => {
      const client = await server.connect(scope)
      const other = await server.connect(scope)
      // 12 MB of short commands: far more than all stashes may hold.
      const commands = Buffer.from('delete nothing noreply\r\n'.repeat(500))
      for (let count = 0; count < 1000; count++) client.send(commands)
      client.send('mn\r\n')
      let slowest = 0
      while (client.pending.length === 0) {
        const start = performance.now()
        const stats = await other.stats()
        slowest = Math.max(slowest, performance.now() - start)
        const stashed = Number(stats.get('read_buf_bytes'))
        assert.ok(stashed <= 1024 * 1024, `${stashed} bytes are kept for one client`)
        assert.ok(!client.closed, 'the server closed the connection')
      }
      await client.expect('MN\r\n')
      assert.ok(slowest < 2000, `another client waited ${slowest} ms`)
    })
  })
}
