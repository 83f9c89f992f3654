import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { Server, SuiteScope } from '../support/server.ts'
import type { Step } from '../support/transcript.ts'
import { runTranscript } from '../support/transcript.ts'

type Counts = Readonly<Record<string, number>>

interface Row {
  readonly steps: readonly Step[]
  readonly counts: Counts
}

/** Every counter that a client's commands can move, except the traffic itself. */
const WATCHED = `cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses get_expired
  delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits
  cas_badval touch_hits touch_misses store_too_large total_items curr_items`.split(/\s+/)

/** What each command counts, and that it counts nothing else. */
const ROWS: Readonly<Record<string, Row>> = {
  'one set and one get': {
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      ['get @a', 'VALUE @a 0 1\n1\nEND'],
    ],
    counts: { total_items: 1, curr_items: 1, cmd_get: 1, cmd_set: 1, get_hits: 1 },
  },
  'a get counts every key, hit or miss': {
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      ['get @a @x @a @y @z', 'VALUE @a 0 1\n1\nVALUE @a 0 1\n1\nEND'],
      ['gets @x', 'END'],
    ],
    counts: { total_items: 1, curr_items: 1, cmd_get: 6, cmd_set: 1, get_hits: 2, get_misses: 4 },
  },
  'storage commands count whatever their outcome': {
    steps: [
      ['add @a 0 0 1\n1', 'STORED'],
      ['add @a 0 0 1\n1', 'NOT_STORED'],
      ['replace @x 0 0 1\n1', 'NOT_STORED'],
      ['replace @a 0 0 1\n1', 'STORED'],
      ['append @x 0 0 1\n1', 'NOT_STORED'],
      ['append @a 0 0 1\n1', 'STORED'],
      ['prepend @a 0 0 1\n1', 'STORED'],
      ['ms @a 1\n1', 'HD'],
      ['ms @a 1 ME\n1', 'NS'],
    ],
    counts: { cmd_set: 9, total_items: 5, curr_items: 1 },
  },
  'a storage command that was refused does not count': {
    steps: [
      ['set @a x 0 1\n1', 'CLIENT_ERROR bad command line format'],
      ['set @a 0 0 x', 'CLIENT_ERROR bad command line format'],
    ],
    counts: {},
  },
  'too large a value': {
    steps: [
      [`set @a 0 0 1048576\n${'x'.repeat(1_048_576)}`, 'SERVER_ERROR object too large for cache'],
    ],
    counts: { store_too_large: 1 },
  },
  deletes: {
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      ['delete @a', 'DELETED'],
      ['delete @a', 'NOT_FOUND'],
      ['md @a', 'NF'],
      ['set @a 0 0 1\n1', 'STORED'],
      ['md @a C1', 'EX'],
      ['md @a', 'HD'],
    ],
    counts: { cmd_set: 2, total_items: 2, delete_hits: 2, delete_misses: 3 },
  },
  'counters up and down': {
    steps: [
      ['set @n 0 0 1\n5', 'STORED'],
      ['incr @n 1', '6'],
      ['decr @n 1', '5'],
      ['decr @n 1', '4'],
      ['incr @x 1', 'NOT_FOUND'],
      ['decr @x 1', 'NOT_FOUND'],
      ['ma @n', 'HD'],
      ['ma @n MD', 'HD'],
      ['ma @x', 'NF'],
      ['ma @x MD', 'NF'],
    ],
    counts: {
      cmd_set: 1,
      total_items: 1,
      curr_items: 1,
      incr_hits: 2,
      incr_misses: 2,
      decr_hits: 3,
      decr_misses: 2,
    },
  },
  cas: {
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      ['gets @a', 'VALUE @a 0 1 {n=cas}\n1\nEND'],
      ['cas @a 0 0 1 {cas}\n2', 'STORED'],
      ['cas @a 0 0 1 {cas}\n3', 'EXISTS'],
      ['cas @x 0 0 1 1\n3', 'NOT_FOUND'],
    ],
    counts: {
      cmd_get: 1,
      get_hits: 1,
      cmd_set: 4,
      cas_hits: 1,
      cas_badval: 1,
      cas_misses: 1,
      total_items: 2,
      curr_items: 1,
    },
  },
  'touch and gat': {
    steps: [
      ['set @a 0 0 1\n1', 'STORED'],
      ['touch @a 0', 'TOUCHED'],
      ['touch @x 0', 'NOT_FOUND'],
      ['gat 0 @a @x', 'VALUE @a 0 1\n1\nEND'],
      ['gats 0 @a', 'VALUE @a 0 1 {n}\n1\nEND'],
    ],
    counts: {
      cmd_set: 1,
      total_items: 1,
      curr_items: 1,
      cmd_touch: 5,
      touch_hits: 3,
      touch_misses: 2,
    },
  },
  mg: {
    steps: [
      ['ms @a 1\n1', 'HD'],
      ['mg @a', 'HD'],
      ['mg @a v', 'VA 1\n1'],
      ['mg @x', 'EN'],
      ['mg @x q', ''],
    ],
    counts: { cmd_set: 1, total_items: 1, curr_items: 1, cmd_get: 4, get_hits: 2, get_misses: 2 },
  },
  'mg with T is a touch': {
    steps: [
      ['ms @a 1\n1', 'HD'],
      ['mg @a T0 v', 'VA 1\n1'],
    ],
    counts: { cmd_set: 1, total_items: 1, curr_items: 1, cmd_touch: 1, touch_hits: 1 },
  },
  'me is the only one in cmd_meta': {
    steps: [
      ['me @x', 'EN'],
      ['mn', 'MN'],
      ['ms @a 1\n1', 'HD'],
      ['me @a', /ME .*/],
    ],
    counts: { cmd_set: 1, total_items: 1, curr_items: 1, cmd_meta: 2 },
  },
  'an expired item is a miss that was expired': {
    steps: [
      ['set @a 0 -1 1\n1', 'STORED'],
      ['get @a', 'END'],
      // 31 days are not a duration any more but a time long ago.
      ['set @a 0 2678400 1\n1', 'STORED'],
      ['get @a', 'END'],
    ],
    counts: { cmd_set: 2, total_items: 2, cmd_get: 2, get_misses: 2, get_expired: 2 },
  },
  flush_all: {
    steps: [
      ['flush_all 1000', 'OK'],
      ['flush_all x', 'CLIENT_ERROR invalid exptime argument'],
      ['version', 'VERSION 1.6.45'],
    ],
    counts: { cmd_flush: 2 },
  },
}

async function counters(client: Client): Promise<Map<string, number>> {
  const stats = await client.stats()
  return new Map(WATCHED.map((name) => [name, Number(stats.get(name))]))
}

for (const threads of [1, 4]) {
  describe(`what counts what, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', String(threads)] })
    })

    for (const [title, row] of Object.entries(ROWS)) {
      test(title, async () => {
        const reader = await server.connect(scope)
        const client = await server.connect(scope)
        const before = await counters(reader)
        await runTranscript(client, row.steps)
        const after = await counters(reader)
        const moved: Record<string, number> = {}
        for (const [name, value] of after) {
          const difference = value - (before.get(name) ?? 0)
          if (difference !== 0) moved[name] = difference
        }
        assert.deepEqual(moved, row.counts)
      })
    }

    test('bytes is the sum of item sizes by the formula', async () => {
      const client = await server.connect(scope)
      const before = Number((await client.stats()).get('bytes'))
      await runTranscript(client, [
        ['set bytes-a 0 0 100\n'.concat('x'.repeat(100)), 'STORED'],
        ['set bytes-b 5 0 10\n1234567890', 'STORED'],
      ])
      const after = Number((await client.stats()).get('bytes'))
      assert.equal(after - before, 48 + 7 + 1 + 100 + 2 + 8 + (48 + 7 + 1 + 10 + 2 + 8 + 4))
    })

    test('connections and bytes on the wire count', async () => {
      const client = await server.connect(scope)
      const before = await client.stats()
      const more = await Promise.all(Array.from({ length: 5 }, () => server.connect(scope)))
      for (const other of more) {
        other.send('mn\r\n')
        await other.expect('MN\r\n')
      }
      const open = await client.stats()
      const delta = (name: string): number => Number(open.get(name)) - Number(before.get(name))
      assert.equal(delta('curr_connections'), 5)
      assert.equal(delta('total_connections'), 5)
      assert.equal(delta('bytes_read'), 5 * 'mn\r\n'.length + 'stats\r\n'.length)
      assert.ok(delta('bytes_written') > 5 * 'MN\r\n'.length)
    })

    test('reset zeroes counters, not what is there', async () => {
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['set reset 0 0 1\n1', 'STORED'],
        ['get reset', 'VALUE reset 0 1\n1\nEND'],
      ])
      const before = await client.stats()
      await runTranscript(client, [['stats reset', 'RESET']])
      const after = await client.stats()
      for (const name of [
        'cmd_get',
        'cmd_set',
        'get_hits',
        'get_misses',
        'total_items',
        'cmd_touch',
      ]) {
        assert.equal(after.get(name), '0', name)
      }
      for (const name of ['curr_items', 'bytes', 'curr_connections', 'limit_maxbytes', 'threads']) {
        assert.equal(after.get(name), before.get(name), name)
      }
    })
  })
}

describe('stats detail', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('counts by prefix while it is on', async () => {
    const server = await Server.start(scope, { flags: ['-t', '2'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['stats detail dump', 'END'],
      ['get foo:123', 'END'],
      ['stats detail on', 'OK'],
      ['get foo:123', 'END'],
      ['set foo:123 0 0 1\n1', 'STORED'],
      ['get foo:123 foo:456', 'VALUE foo:123 0 1\n1\nEND'],
      ['delete foo:123', 'DELETED'],
      ['delete foo:123', 'NOT_FOUND'],
      ['get none', 'END'],
      ['touch foo:1 0', 'NOT_FOUND'],
      ['incr foo:1 1', 'NOT_FOUND'],
      ['stats detail dump', 'PREFIX foo get 3 hit 1 set 1 del 2\nEND'],
      ['stats detail off', 'OK'],
      ['get foo:123', 'END'],
      ['stats detail dump', 'PREFIX foo get 3 hit 1 set 1 del 2\nEND'],
      ['stats detail on', 'OK'],
      ['gets bar:1', 'END'],
      ['gat 0 bar:1', 'END'],
      ['stats detail off', 'OK'],
    ])
    const lines = await client.ask('stats detail dump')
    assert.deepEqual(lines.sort(), [
      'PREFIX bar get 2 hit 0 set 0 del 0',
      'PREFIX foo get 3 hit 1 set 1 del 2',
    ])
  })

  test('-D chooses the delimiter and turns it on', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-D', '/'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['set a/b/c 0 0 1\n1', 'STORED'],
      ['get a:b', 'END'],
      ['stats detail dump', 'PREFIX a get 0 hit 0 set 1 del 0\nEND'],
    ])
  })
})

describe('stats sizes', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('counts items by 32 bytes when told to', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-o', 'track_sizes'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['stats sizes', 'END'],
      ['set a 0 0 1\n1', 'STORED'],
      ['set b 0 0 1\n1', 'STORED'],
      [`set c 0 0 100\n${'x'.repeat(100)}`, 'STORED'],
      ['stats sizes', 'STAT 64 2\nSTAT 160 1\nEND'],
      ['delete a', 'DELETED'],
      ['set c 0 0 1\n1', 'STORED'],
      ['stats sizes', 'STAT 64 2\nEND'],
      ['flush_all', 'OK'],
      ['get b c', 'END'],
      ['stats sizes', 'END'],
    ])
  })
})
