import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import { HeldClock } from '../support/held-clock.ts'
import { canMoveClock, Server, SuiteScope } from '../support/server.ts'
import { runTranscript } from '../support/transcript.ts'

/** A planned flush acts when the server next looks at its clock, which is at most a second later. */
async function gone(client: Client, keys: string): Promise<void> {
  await until(
    async () => {
      client.send(`get ${keys}\r\n`)
      return (await client.readUntil('END\r\n')).toString() === 'END\r\n'
    },
    () => `${keys} not flushed`,
    3_000,
  )
}

/** By then every server has looked at its clock, the reference too. */
const EVERY_CLOCK_MILLISECONDS = 1_100

const skip = canMoveClock() ? false : 'this memcached cannot move its clock'

/** flush_all touches every client's items, so these run one after another on servers of their own. */
for (const threads of [1, 4]) {
  describe(`flush_all, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', String(threads)], debugTime: !skip })
    })

    test('everything stored so far is gone, and what is stored next stays', async () => {
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['set @a 0 0 1\n1', 'STORED'],
        ['set @b 0 100 1\n2', 'STORED'],
        [`set @c 0 0 20000\n${'c'.repeat(20_000)}`, 'STORED'],
        ['flush_all', 'OK'],
        ['get @a @b @c', 'END'],
        ['add @a 0 0 1\n3', 'STORED'],
        ['get @a', 'VALUE @a 0 1\n3\nEND'],
        ['flush_all 0', 'OK'],
        ['mg @a', 'EN'],
        [
          'set @a 0 0 1\n4\nflush_all\nset @a 0 0 1\n5\nget @a',
          'STORED\nOK\nSTORED\nVALUE @a 0 1\n5\nEND',
        ],
        ['flush_all -1', 'OK'],
        ['append @a 0 0 1\n6', 'NOT_STORED'],
        ['set @n 0 0 1\n1', 'STORED'],
        ['flush_all noreply', ''],
        ['incr @n 1', 'NOT_FOUND'],
        ['set @n 0 0 1\n1', 'STORED'],
        ['flush_all 0 noreply', ''],
        ['touch @n 0', 'NOT_FOUND'],
        ['delete @n', 'NOT_FOUND'],
      ])
    })

    test('an argument that is no number is refused and flushes nothing', async () => {
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['set @a 0 0 1\n1', 'STORED'],
        ['flush_all x', 'CLIENT_ERROR invalid exptime argument'],
        ['flush_all 1x', 'CLIENT_ERROR invalid exptime argument'],
        ['flush_all x noreply', ''],
        ['get @a', 'VALUE @a 0 1\n1\nEND'],
      ])
    })

    test('another connection sees it at once', async () => {
      const one = await server.connect(scope)
      const others = await Promise.all(Array.from({ length: 8 }, () => server.connect(scope)))
      for (const [index, other] of others.entries()) {
        other.send(`set flushed${index} 0 0 1\r\n1\r\n`)
        await other.expect('STORED\r\n')
      }
      one.send('flush_all\r\n')
      await one.expect('OK\r\n')
      for (const [index, other] of others.entries()) {
        other.send(`get flushed${index}\r\nadd flushed${index} 0 0 1\r\n2\r\n`)
        await other.expect('END\r\nSTORED\r\n')
      }
      one.send('get flushed0 flushed7\r\n')
      await one.expect('VALUE flushed0 0 1\r\n2\r\nVALUE flushed7 0 1\r\n2\r\nEND\r\n')
    })

    test('a read of a flushed item counts in get_flushed', { skip }, async () => {
      const client = await server.connect(scope)
      const before = await client.stats()
      const clock = await HeldClock.hold(client)
      await runTranscript(client, [['set flushed 0 0 1\n1', 'STORED']])
      // memcached unlinks at once what is of the same second, and then counts a plain miss.
      await clock.move(5)
      await runTranscript(client, [
        ['flush_all', 'OK'],
        ['get flushed', 'END'],
        ['get flushed', 'END'],
      ])
      await clock.release()
      const after = await client.stats()
      assert.equal(Number(after.get('get_flushed')) - Number(before.get('get_flushed')), 1)
      assert.equal(Number(after.get('get_misses')) - Number(before.get('get_misses')), 2)
      assert.equal(Number(after.get('cmd_flush')) - Number(before.get('cmd_flush')), 1)
    })

    test('a delayed flush acts one second early, and only on what was stored until then', {
      skip,
    }, async () => {
      const client = await server.connect(scope)
      const clock = await HeldClock.hold(client)
      await runTranscript(client, [
        ['set old 0 0 1\n1', 'STORED'],
        ['flush_all 10', 'OK'],
        ['get old', 'VALUE old 0 1\n1\nEND'],
      ])
      await clock.move(8)
      await pause(EVERY_CLOCK_MILLISECONDS)
      await runTranscript(client, [
        ['get old', 'VALUE old 0 1\n1\nEND'],
        ['set late 0 0 1\n1', 'STORED'],
      ])
      await clock.release()
      const again = await HeldClock.hold(client)
      await runTranscript(client, [['flush_all 10', 'OK']])
      await again.move(9)
      await gone(client, 'old late')
      await again.move(1)
      await runTranscript(client, [['set next 0 0 1\n1', 'STORED']])
      await again.move(10)
      await runTranscript(client, [['get old late next', 'VALUE next 0 1\n1\nEND']])
      await again.release()
    })

    test('a new flush replaces the pending one', { skip }, async () => {
      const client = await server.connect(scope)
      const clock = await HeldClock.hold(client)
      await runTranscript(client, [
        ['set a 0 0 1\n1', 'STORED'],
        ['flush_all 10', 'OK'],
        ['flush_all 100', 'OK'],
      ])
      await clock.move(50)
      await runTranscript(client, [
        ['get a', 'VALUE a 0 1\n1\nEND'],
        ['flush_all', 'OK'],
        ['set b 0 0 1\n1', 'STORED'],
      ])
      await clock.move(100)
      await runTranscript(client, [['get a b', 'VALUE b 0 1\n1\nEND']])
      await clock.release()
    })

    test('a delay above thirty days is a Unix time', { skip }, async () => {
      const client = await server.connect(scope)
      const unix = Number((await client.stats()).get('time'))
      const clock = await HeldClock.hold(client)
      await runTranscript(client, [
        ['set u 0 0 1\n1', 'STORED'],
        [`flush_all ${unix + 100}`, 'OK'],
        ['get u', 'VALUE u 0 1\n1\nEND'],
      ])
      await clock.move(90)
      await runTranscript(client, [['get u', 'VALUE u 0 1\n1\nEND']])
      await clock.move(20)
      await gone(client, 'u')
      await clock.release()
    })

    test('what was flushed stays flushed when a later flush is planned', async () => {
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['set gone 0 0 1\n1', 'STORED'],
        ['flush_all', 'OK'],
        ['get gone', 'END'],
        ['flush_all 100', 'OK'],
        ['get gone', 'END'],
        ['flush_all', 'OK'],
      ])
    })
  })
}
