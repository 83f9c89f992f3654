import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

for (const wire of WIRES) {
  describe(`the connection limit, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())

    test('with maxconns_fast the last lines of a refused client come before the close', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-c', '3'],
        environment: hooked(wire),
      })
      const inside = [await server.connect(scope), await server.connect(scope)]
      inside.push(await server.connect(scope))
      for (const client of inside) {
        client.send('mn\r\n')
        await client.expect('MN\r\n')
      }
      for (let count = 0; count < 5; count++) {
        const refused = await server.connect(scope)
        await refused.expect('ERROR Too many open connections\r\n')
        await refused.expectClose()
      }
      const stats = await inside[0]!.stats()
      assert.equal(stats.get('rejected_connections'), '5')
      assert.equal(stats.get('curr_connections'), '3')
      assert.equal(stats.get('total_connections'), '3')
    })

    test('without it clients wait in order, and what they sent meanwhile is answered', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '2', '-c', '2', '-b', '4', '-o', 'no_maxconns_fast'],
        environment: hooked(wire),
      })
      const inside = [await server.connect(scope), await server.connect(scope)]
      for (const client of inside) {
        client.send('mn\r\n')
        await client.expect('MN\r\n')
      }
      const [first] = inside
      assert.ok(first !== undefined)
      const waiting: Client[] = []
      for (let count = 0; count < 3; count++) {
        const client = await server.connect(scope)
        client.send(`set waiter${count} 0 0 20000\r\n${'w'.repeat(20_000)}\r\n`)
        waiting.push(client)
      }
      const gone = await server.connect()
      gone.close()
      await until(
        async () => (await first.stats()).get('accepting_conns') === '0',
        () => 'nobody waits',
      )
      for (const client of waiting) assert.equal(client.pending.length, 0)
      assert.equal((await first.stats()).get('curr_connections'), '2')
      // Each that leaves lets one in, whichever worker the two are with.
      inside[1]!.close()
      const left = new Set(waiting)
      while (left.size > 0) {
        const admitted = await until(
          () => [...left].find((client) => client.pending.length > 0) ?? null,
          () => `${left.size} clients still wait`,
        )
        await admitted.expect('STORED\r\n')
        left.delete(admitted)
        admitted.close()
      }
      await until(
        async () => (await first.stats()).get('accepting_conns') === '1',
        () => 'accepting has not begun again',
      )
      const stats = await first.stats()
      assert.ok(Number(stats.get('listen_disabled_num')) >= 1)
      assert.ok(Number(stats.get('time_in_listen_disabled_us')) > 0)
      const later = await server.connect(scope)
      later.send('mn\r\n')
      await later.expect('MN\r\n')
    })

    test('more than the backlog do not wait, and nobody waits for a server that ends', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-c', '1', '-b', '2', '-o', 'no_maxconns_fast'],
        environment: hooked(wire),
      })
      const inside = await server.connect(scope)
      inside.send('mn\r\n')
      await inside.expect('MN\r\n')
      const outside = await Promise.all([1, 2, 3, 4].map(() => waiter(scope, server)))
      const refused = await until(
        () => {
          const found = outside.filter((client) => client.closed)
          return found.length === 2 ? found : null
        },
        () => 'not two of four were refused',
      )
      assert.deepEqual(await server.stop(), { code: 0, signal: null })
      for (const client of outside) {
        client.place = refused.includes(client) ? 'over the backlog: ' : 'waiting at the end: '
        await client.expect('ERROR Too many open connections\r\n')
        await client.expectClose()
      }
    })
  })
}

async function waiter(scope: SuiteScope, server: Server): Promise<Client> {
  const socket = connect(server.port, '127.0.0.1')
  const client = new Client(socket)
  scope.after(async () => client.close())
  await new Promise((resolve) => socket.once('connect', resolve))
  return client
}
