import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { HeldClock } from '../support/held-clock.ts'
import { canMoveClock, Server, SuiteScope } from '../support/server.ts'
import type { Step } from '../support/transcript.ts'
import { intended, nextPrefix, runTranscript } from '../support/transcript.ts'

const skip = canMoveClock() ? false : 'this memcached cannot move its clock'

describe('expiry by the clock', { skip }, () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  before(async () => {
    server = await Server.start(scope, { flags: ['-t', '2'], debugTime: true })
  })

  /** The steps before the clock moves, and those after each move. */
  async function timeline(
    client: Client,
    ...parts: readonly (readonly Step[] | number)[]
  ): Promise<void> {
    const names = { prefix: nextPrefix(), captures: new Map<string, string>() }
    const clock = await HeldClock.hold(client)
    try {
      for (const part of parts) {
        if (typeof part === 'number') await clock.move(part)
        else await runTranscript(client, part, names)
      }
    } finally {
      await clock.release()
    }
  }

  test('an item is there one second before its time and gone when it is reached', async () => {
    const client = await server.connect(scope)
    await timeline(
      client,
      [
        ['set @a 0 10 1\n1', 'STORED'],
        ['set @b 0 9 1\n1', 'STORED'],
        ['mg @a t', 'HD t10'],
      ],
      9,
      [
        ['mg @a t v', 'VA 1 t1\n1'],
        ['get @a @b', 'VALUE @a 0 1\n1\nEND'],
        ['add @b 0 0 1\n2', 'STORED'],
      ],
      1,
      [
        ['get @a', 'END'],
        ['get @b', 'VALUE @b 0 1\n2\nEND'],
      ],
    )
  })

  test('an expired item is a miss for every command', async () => {
    const client = await server.connect(scope)
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    await timeline(
      client,
      names.map((name) => [`set @${name} 0 5 1\n1`, 'STORED'] as const),
      5,
      [
        ['gets @a', 'END'],
        ['gat 0 @b', 'END'],
        ['touch @c 0', 'NOT_FOUND'],
        ['incr @d 1', 'NOT_FOUND'],
        ['append @e 0 0 1\n1', 'NOT_STORED'],
        ['replace @f 0 0 1\n1', 'NOT_STORED'],
        ['cas @g 0 0 1 1\n1', 'NOT_FOUND'],
        ['delete @h', 'NOT_FOUND'],
        ['mg @i', 'EN'],
        ['me @i', 'EN'],
        ['md @i', 'NF'],
        ['ma @i', 'NF'],
        ['ms @i 1 MA\n1', 'NS'],
      ],
    )
  })

  test('touch and gat move the time', async () => {
    const client = await server.connect(scope)
    await timeline(
      client,
      [
        ['set @a 0 5 1\n1', 'STORED'],
        ['set @b 0 5 1\n1', 'STORED'],
        ['set @c 0 5 1\n1', 'STORED'],
        ['touch @a 50', 'TOUCHED'],
        ['gat 0 @b', 'VALUE @b 0 1\n1\nEND'],
      ],
      20,
      [
        ['get @a @b @c', 'VALUE @a 0 1\n1\nVALUE @b 0 1\n1\nEND'],
        ['mg @a t', 'HD t30'],
        ['mg @b t', 'HD t-1'],
      ],
    )
  })

  test('the last access and the time left follow the clock', async () => {
    const client = await server.connect(scope)
    await timeline(client, [['set @a 0 100 1\n1', 'STORED']], 30, [
      ['mg @a l t u', 'HD l30 t70'],
      ['mg @a l t', 'HD l30 t70'],
      // memcached takes note of an access at most once a minute.
      ['mg @a l h', intended('HD l0 h1', 'HD l30 h1')],
      ['me @a', /ME \S+ exp=70 la=(0|30) cas=\d+ fetch=yes cls=1 size=66/],
    ])
  })

  test('R wins only when less than its argument is left', async () => {
    const client = await server.connect(scope)
    await timeline(client, [['set @a 0 60 1\n1', 'STORED']], 30, [
      ['mg @a R30 t', 'HD t30'],
      ['mg @a R31 t', 'HD t30 W'],
      ['mg @a R31 t', 'HD t30 Z'],
    ])
  })

  test('an absolute time is kept through a move of the clock', async () => {
    const client = await server.connect(scope)
    const unix = Number((await client.stats()).get('time'))
    await timeline(
      client,
      [
        [`set @a 0 ${unix + 100} 1\n1`, 'STORED'],
        [`set @b 0 ${unix + 500} 1\n1`, 'STORED'],
      ],
      200,
      [['get @a @b', 'VALUE @b 0 1\n1\nEND']],
    )
  })

  test('debugtime takes a number, p or r', async () => {
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['debugtime', 'ERROR'],
      ['debugtime x', 'ERROR'],
      ['debugtime 0', 'OK'],
      ['debugtime -1', 'OK'],
      ['debugtime 1', 'OK'],
    ])
  })
})

describe('expiry by waiting', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('an item of two seconds lives at least one and is gone after three', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'] })
    const client = await server.connect(scope)
    client.send('set short 0 2 1\r\n1\r\nget short\r\ndebugtime 1\r\n')
    await client.expect('STORED\r\nVALUE short 0 1\r\n1\r\nEND\r\nERROR\r\n')
    const start = performance.now()
    for (;;) {
      client.send('get short\r\n')
      const line = await client.readLine()
      if (line === 'END') break
      await client.readUntil('END\r\n')
      if (performance.now() - start > 4_000) throw new Error('the item does not expire')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const lived = performance.now() - start
    if (lived < 900) throw new Error(`the item expired after ${lived} ms`)
  })
})
