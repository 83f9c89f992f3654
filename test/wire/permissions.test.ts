import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { LOGIN_KEY } from '../../src/auth/access.ts'
import type { PermissionName } from '../../src/auth/permissions.ts'
import { PERMISSION_NAMES } from '../../src/auth/permissions.ts'
import { OPCODE_WORDS } from '../../src/protocol/opcode.ts'
import type { Client } from '../support/client.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { logIn, sendLogin, usersFlags, writeUsers } from '../support/users.ts'

const DENIED = 'CLIENT_ERROR permission denied\r\n'
const WRONG = 'CLIENT_ERROR authentication failure\r\n'
const FIRST = 'CLIENT_ERROR unauthenticated\r\n'

/** What each command needs, as docs/users.md says it; the other table is in auth/permissions.ts. */
const COMMANDS: readonly [line: string, needs: readonly PermissionName[]][] = [
  ['get k', ['read']],
  ['get k other', ['read']],
  ['gets k', ['read']],
  ['gat 0 k', ['read', 'write']],
  ['gats 0 k', ['read', 'write']],
  ['set k 0 0 1\r\nv', ['write']],
  ['add k 0 0 1\r\nv', ['write']],
  ['replace k 0 0 1\r\nv', ['write']],
  ['append k 0 0 1\r\nv', ['write']],
  ['prepend k 0 0 1\r\nv', ['write']],
  ['cas k 0 0 1 1\r\nv', ['write']],
  ['delete k', ['write']],
  ['incr k 1', ['read', 'write']],
  ['decr k 1', ['read', 'write']],
  ['touch k 0', ['write']],
  ['mg k v', ['read']],
  ['mg k t', ['read']],
  ['mg k v T30', ['read', 'write']],
  ['mg k v N30', ['read', 'write']],
  ['mg k v R30', ['read', 'write']],
  ['ms k 1\r\nv', ['write']],
  ['ms k 1 MA\r\nv', ['write']],
  ['md k', ['write']],
  ['md k I T30', ['write']],
  ['ma k', ['read', 'write']],
  ['me k', ['stats']],
  ['version', []],
  ['verbosity 0', ['manage']],
  ['flush_all 30000', ['flush']],
  ['stats', ['stats']],
  ['stats settings', ['stats']],
  ['stats items', ['stats']],
  ['stats slabs', ['stats']],
  ['stats sizes', ['stats']],
  ['stats conns', ['stats']],
  ['stats reset', ['manage']],
  ['stats detail off', ['manage']],
  ['stats detail dump', ['dump']],
  ['stats cachedump 1 1', ['dump']],
  ['stats  cachedump  1 1', ['dump']],
  ['lru_crawler metadump all', ['dump']],
  [' lru_crawler  mgdump all', ['dump']],
  ['lru_crawler crawl all', ['manage']],
  ['lru tune 10 20 0.1 2.0', ['manage']],
  ['slabs automove 0', ['manage']],
  ['refresh_certs', ['manage']],
  ['cache_memlimit 1', ['manage']],
  ['debugtime p', ['manage']],
  ['watch mutations', ['watch']],
  ['shutdown what', ['shutdown']],
]

/** Not asked one by one: they end the connection, or the test of another uses them. */
const OTHER_WORDS = ['invalid', 'quit', 'mn', 'auth']

for (const threads of [1, 4]) {
  // Both wires, and both numbers of workers: what is asked of a user is the same in all four cases.
  for (const raw of [threads === 4]) {
    describe(`permissions, ${threads} worker(s), ${raw ? 'raw' : 'stream'} wire`, () => {
      const scope = new SuiteScope()
      after(() => scope.close())
      let server: Server
      before(async () => {
        const single = PERMISSION_NAMES.flatMap((name) => [
          { name: `only-${name}`, password: `only-${name}`, commands: [name] },
          {
            name: `not-${name}`,
            password: `not-${name}`,
            commands: PERMISSION_NAMES.filter((other) => other !== name),
          },
        ])
        const path = writeUsers(scope, {
          users: [
            ...single,
            { name: 'root', password: 'root', commands: ['all'] },
            { name: 'data', password: 'data', commands: ['read', 'write'] },
            {
              name: 'a',
              password: 'a',
              commands: ['read', 'write', 'stats'],
              prefixes: ['a:', 'aa'],
            },
            { name: 'ra', password: 'ra', commands: ['read'], prefixes: ['a:'] },
          ],
        })
        server = await Server.start(scope, {
          flags: ['-t', String(threads)],
          environment: { ...usersFlags(path), MEMCKV_LISTEN_RAW_SOCKETS: String(raw) },
        })
      })

      async function as(user: string): Promise<Client> {
        const client = await server.connect(scope)
        await logIn(client, user)
        return client
      }

      /** Whether the command is refused, and that the connection is in step behind it. */
      async function isDenied(client: Client, line: string): Promise<boolean> {
        client.send(`${line}\r\nmn\r\n`)
        const reply = (await client.readUntil('MN\r\n')).toString('latin1')
        if (reply.includes('permission denied')) {
          assert.equal(reply, `${DENIED}MN\r\n`, line)
          return true
        }
        return false
      }

      test('each command needs exactly its permissions', async () => {
        for (const name of PERMISSION_NAMES) {
          const without = await as(`not-${name}`)
          const only = await as(`only-${name}`)
          for (const [line, needs] of COMMANDS) {
            // What is allowed is tried with a line that does nothing for good.
            if (needs.includes(name)) {
              assert.equal(await isDenied(without, line), true, `${line} without ${name}`)
            }
            if (needs.some((need) => need !== name)) {
              assert.equal(await isDenied(only, line), true, `${line} with ${name} alone`)
            } else if (!line.startsWith('watch')) {
              assert.equal(await isDenied(only, line), false, `${line} with ${name}`)
            }
          }
        }
      })

      test('who has all rights is never refused', async () => {
        const client = await as('root')
        for (const [line] of COMMANDS) {
          if (!line.startsWith('watch')) assert.equal(await isDenied(client, line), false, line)
        }
      })

      test('who may only read does not take the right to renew a stale item', async () => {
        const root = await as('root')
        root.send('set a:stale 0 0 1\r\n1\r\nmd a:stale I T30\r\n')
        await root.expect('STORED\r\nHD\r\n')
        const reader = await as('ra')
        reader.send('mg a:stale v\r\n')
        await reader.expect('VA 1 X\r\n1\r\n')
        root.send('mg a:stale v\r\nmg a:stale v\r\n')
        await root.expect('VA 1 X W\r\n1\r\nVA 1 Z X\r\n1\r\n')
      })

      test('keys outside of the prefixes are refused, all keys of a command being looked at', async () => {
        const client = await as('a')
        const refused = [
          'get b',
          'get a:1 b',
          'get a:1  a:2   b',
          'get a:1 aa2 a',
          'gets a:1 b:1',
          'gat 0 a:1 b',
          'touch b 0',
          'delete b',
          'incr b 1',
          'mg b v',
          'md b',
          'ma b',
          'me b',
          'set b 0 0 1\r\nv',
          'ms b 1\r\nv',
          `mg ${Buffer.from('b:1').toString('base64')} v b`,
          // Looks right as long as it is not decoded.
          'mg aaaa v b',
          'ms aaaa 1 b\r\nv',
          'md aaaa b',
        ]
        for (const line of refused) assert.equal(await isDenied(client, line), true, line)
        const allowed = [
          'get a:1',
          'get a:1 aa2 a:',
          'gat 0 a:1 aa',
          'set a:1 0 0 1\r\nv',
          'ms aa1 1\r\nv',
          'mg aaaa v',
          `mg ${Buffer.from('a:1').toString('base64')} v b`,
          'stats',
        ]
        for (const line of allowed) assert.equal(await isDenied(client, line), false, line)
        assert.equal(await isDenied(client, 'flush_all'), true)
      })

      test('nothing of a refused multiget is answered, not even its allowed keys', async () => {
        const owner = await as('data')
        owner.send('set a:1 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\n')
        await owner.expect('STORED\r\nSTORED\r\n')
        const client = await as('ra')
        client.send('get a:1 b\r\nget a:1\r\n')
        await client.expect(`${DENIED}VALUE a:1 0 1\r\nx\r\nEND\r\n`)
      })

      test('the value of a refused command is thrown away, whatever it looks like', async () => {
        const client = await as('only-read')
        const evil = 'delete b\r\nset b 0 0 1\r\nz\r\nflush_all\r\n'
        client.send(`set b 0 0 ${evil.length}\r\n${evil}\r\nmn\r\n`)
        await client.expect(`${DENIED}MN\r\n`)
        client.send(`ms b ${evil.length}\r\n${evil}\r\nmn\r\n`)
        await client.expect(`${DENIED}MN\r\n`)
        // In pieces, which come after the line was refused.
        client.send(`set b 0 0 ${evil.length}\r\n`)
        for (const byte of `${evil}\r\n`) {
          client.send(byte)
          await new Promise((resolve) => setImmediate(resolve))
        }
        client.send('mn\r\n')
        await client.expect(`${DENIED}MN\r\n`)
      })

      test('a refused large value takes no memory, and a too large one removes nothing', async () => {
        const owner = await as('root')
        owner.send('set b 0 0 1\r\ny\r\n')
        await owner.expect('STORED\r\n')
        const client = await as('ra')
        client.send('set b 0 0 1048000\r\n')
        client.send(Buffer.alloc(500_000, 'x'))
        const before = await owner.stats()
        assert.equal(before.get('read_buf_bytes_free') !== undefined, true)
        client.send(Buffer.alloc(548_000, 'x'))
        client.send('\r\nmn\r\n')
        await client.expect(`${DENIED}MN\r\n`)
        client.send(`set b 0 0 3000000\r\n`)
        client.send(Buffer.alloc(3_000_000, 'x'))
        client.send('\r\nmn\r\n')
        await client.expect(`${DENIED}MN\r\n`)
        client.send('set b 0 0 1\r\nlonger\r\nmn\r\n')
        await client.expect(`${DENIED}`)
        owner.send('get b\r\n')
        await owner.expect('VALUE b 0 1\r\ny\r\nEND\r\n')
      })

      test('noreply hides the refusal as it hides the reply; the meta q does not', async () => {
        const client = await as('only-read')
        client.send('set b 0 0 1 noreply\r\nv\r\ndelete b noreply\r\nflush_all noreply\r\nmn\r\n')
        await client.expect('MN\r\n')
        client.send('set none 0 0 1 noreply\r\nv\r\nget none\r\n')
        await client.expect('END\r\n')
        client.send('ms b 1 q\r\nv\r\nmn\r\n')
        await client.expect(`${DENIED}MN\r\n`)
        const writer = await as('only-write')
        writer.send('set b 0 0 1 noreply\r\nv\r\nget b\r\nmn\r\n')
        await writer.expect(`${DENIED}MN\r\n`)
      })

      test('before the login nothing is understood, and a failed one changes nothing', async () => {
        const client = await server.connect(scope)
        client.send('get a:1\r\n')
        await client.expect(FIRST)
        for (const [user, password] of [
          ['a', 'b'],
          ['nobody', 'a'],
          ['a', ''],
        ] as const) {
          sendLogin(client, user, password)
          await client.expect(WRONG)
          client.send('get a:1\r\n')
          await client.expect(FIRST)
        }
        await logIn(client, 'a')
        // A later `set` is one, also when it looks like a login.
        client.send('set a:x 0 0 9\r\nroot root\r\nget a:x\r\n')
        await client.expect('STORED\r\nVALUE a:x 0 9\r\nroot root\r\nEND\r\n')
        assert.equal(await isDenied(client, 'flush_all'), true)
      })

      test('many that log in with the same pair at once are all let in', async () => {
        const clients = await Promise.all(Array.from({ length: 50 }, () => server.connect(scope)))
        for (const client of clients) sendLogin(client, 'data', 'data')
        await Promise.all(clients.map((client) => client.expect('STORED\r\n')))
      })
    })
  }
}

test('the table of this test has each word of the protocol', () => {
  const words = new Set(COMMANDS.map(([line]) => line.trim().split(/\s/)[0]))
  const missing = OPCODE_WORDS.filter((word) => !words.has(word) && !OTHER_WORDS.includes(word))
  assert.deepEqual(missing, [])
})

describe('connections that have not logged in', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  async function start(commands: readonly string[], prefixes?: readonly string[]): Promise<Server> {
    const path = writeUsers(scope, {
      users: [{ name: 'root', password: 'root', commands: ['all'] }],
      anonymous: { commands, ...(prefixes === undefined ? {} : { prefixes }) },
    })
    return await Server.start(scope, { flags: ['-t', '1'], environment: usersFlags(path) })
  }

  test('may read, and every set of theirs is a login', async () => {
    const server = await start(['read'])
    const client = await server.connect(scope)
    client.send('get x\r\nversion\r\ndelete x\r\nadd x 0 0 1\r\nv\r\n')
    await client.expect('END\r\nVERSION 1.6.45\r\n')
    await client.expect(DENIED + DENIED)
    sendLogin(client, 'root', 'wrong')
    await client.expect(WRONG)
    await logIn(client, 'root')
    client.send('set x 0 0 1\r\nv\r\n')
    await client.expect('STORED\r\n')
  })

  test('may write, and log in by a key of its own', async () => {
    const server = await start(['read', 'write'], ['pub:'])
    const client = await server.connect(scope)
    client.send('set pub:x 0 0 9\r\nroot root\r\nset x 0 0 9\r\nroot root\r\nflush_all\r\n')
    await client.expect(`STORED\r\n${DENIED}${DENIED}`)
    sendLogin(client, 'root', 'root', LOGIN_KEY)
    await client.expect('STORED\r\n')
    client.send('get x\r\nflush_all\r\n')
    await client.expect('END\r\nOK\r\n')
  })
})
