import { after, before, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import type { Client } from '../support/client.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { usersYaml, writeUsers } from '../support/users.ts'

/**
 * A client puts what somebody else gave it behind a length. Whatever the server thinks of the command, those
 * bytes are the command's, and none of them is ever a command of its own.
 */
const INNER = '\r\nset owned 0 0 1\r\n1\r\nflush_all\r\nquit\r\n'
const BAD_LINE = 'CLIENT_ERROR bad command line format'
const TOO_LARGE = 'SERVER_ERROR object too large for cache'

/** Lines that end in a length to be filled in, and what is said about them. */
const REFUSED: Readonly<Record<string, readonly [before: string, after: string, error: string]>> = {
  'flags that are no number': ['set k x 0 ', '', BAD_LINE],
  'flags below zero': ['set k -1 0 ', '', BAD_LINE],
  'flags beyond 64 bits': ['set k 18446744073709551616 0 ', '', BAD_LINE],
  'a time that is no number': ['add k 0 1x ', '', BAD_LINE],
  'a time beyond 64 bits': ['replace k 0 9223372036854775808 ', '', BAD_LINE],
  'a long key': [`append ${'k'.repeat(251)} 0 0 `, '', BAD_LINE],
  'a unique that is no number': ['cas k 0 0 ', ' -1', BAD_LINE],
  'no unique': ['cas k 0 0 ', '', BAD_LINE],
  'a long meta key': [`ms ${'k'.repeat(251)} `, '', BAD_LINE],
  'a flag that there is not': ['ms k ', ' Z', 'CLIENT_ERROR invalid flag'],
  'a flag twice': ['ms k ', ' c c', 'CLIENT_ERROR duplicate flag'],
  'a bad time': ['ms k ', ' Tx', 'CLIENT_ERROR bad token in command line format'],
  'a bad unique': ['ms k ', ' C-1', 'CLIENT_ERROR bad token in command line format'],
  'a key that is not base64': ['ms = ', ' b', 'CLIENT_ERROR error decoding key'],
  'a mode that there is not': ['ms k ', ' MX', 'CLIENT_ERROR invalid mode for ms M token'],
  'a long opaque': ['ms k ', ` O${'o'.repeat(40)}`, 'CLIENT_ERROR opaque token too long'],
  'too many flags': [
    'ms k ',
    ' c f h k l s t u v x I q F1 T1 E1 C1 D1 J1',
    'CLIENT_ERROR options flags are too long',
  ],
}

async function check(client: Client, stream: string, expected: string): Promise<void> {
  const bytes = Buffer.from(stream, 'latin1')
  for (const step of [bytes.length, 7]) {
    if (step === 7 && bytes.length > 3000) continue
    for (let at = 0; at < bytes.length; at += step) {
      client.send(bytes.subarray(at, at + step))
      if (step === 7) await new Promise((resolve) => setImmediate(resolve))
    }
    await client.expect(expected)
  }
  client.send('get owned\r\n')
  await client.expect('END\r\n')
}

for (const wire of isMemcached ? (['raw'] as const) : WIRES) {
  describe(`commands inside of values, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      const environment = isMemcached ? {} : hooked(wire)
      server = await Server.start(scope, { flags: ['-t', '1'], environment })
    })

    for (const [title, [head, tail, error]] of Object.entries(REFUSED)) {
      test(`${title}: the data is thrown away to the byte`, async () => {
        const client = await server.connect(scope)
        for (const data of [INNER, INNER.repeat(400)]) {
          const stream = `${head}${data.length}${tail}\r\n${data}\r\nmn\r\n`
          await check(client, stream, `${error}\r\nMN\r\n`)
        }
      })
    }

    test('too large a value is thrown away to the byte', async () => {
      const client = await server.connect(scope)
      const data = INNER.repeat(30_000)
      for (const line of [`set k 0 0 ${data.length}`, `ms k ${data.length} q`]) {
        await check(client, `${line}\r\n${data}\r\nmn\r\n`, `${TOO_LARGE}\r\nMN\r\n`)
      }
      await check(client, `set k 0 0 ${data.length} noreply\r\n${data}\r\nmn\r\n`, 'MN\r\n')
    })

    test('a value that does not end where it should takes its length and two bytes', async () => {
      const client = await server.connect(scope)
      for (const data of [INNER, INNER.repeat(400)]) {
        for (const end of ['xx', '\n\r', '\r\r', 'mn', '\0\0']) {
          const stream = `set k 0 0 ${data.length}\r\n${data}${end}mn\r\n`
          await check(client, stream, 'CLIENT_ERROR bad data chunk\r\nMN\r\n')
        }
      }
    })

    test('a value that was taken in is only ever a value', async () => {
      const client = await server.connect(scope)
      for (const data of [INNER, INNER.repeat(400)]) {
        const stream = `set k 0 0 ${data.length}\r\n${data}\r\nget k\r\nmg k v k Omn\r\n`
        const value = `${data.length}\r\n${data}\r\nEND\r\n`
        const meta = `VA ${data.length} kk Omn\r\n${data}\r\n`
        await check(client, stream, `STORED\r\nVALUE k 0 ${value}${meta}`)
      }
    })

    test('with no memory for it a value is thrown away to the byte', {
      skip: isMemcached,
    }, async () => {
      const full = await Server.start(scope, {
        flags: ['-t', '1', '-m', '8', '-M', '-I', '1m'],
        environment: hooked(wire),
      })
      const client = await full.connect(scope)
      const filling = 'f'.repeat(500_000)
      for (let key = 0; key < 30; key++) {
        client.send(`set full${key} 0 0 ${filling.length} noreply\r\n${filling}\r\n`)
      }
      for (let key = 0; key < 3000; key++) {
        client.send(`set small${key} 0 0 2000 noreply\r\n${'s'.repeat(2000)}\r\n`)
      }
      client.send('mn\r\n')
      await client.readUntil('MN\r\n')
      const refused = 'SERVER_ERROR out of memory storing object\r\nMN\r\n'
      for (const data of [INNER.repeat(100), INNER.repeat(2000)]) {
        await check(client, `set k 0 0 ${data.length}\r\n${data}\r\nmn\r\n`, refused)
      }
    })

    test('what a user may not do is thrown away to the byte', { skip: isMemcached }, async () => {
      const text = usersYaml({
        users: [{ name: 'root', password: 'secret', commands: ['all'] }],
        anonymous: { commands: ['read', 'write'], prefixes: ['o'] },
      })
      const limited = await Server.start(scope, {
        flags: ['-t', '1', '-I', '100k', '--auth.usersFile', writeUsers(scope, text)],
        environment: hooked(wire),
      })
      const client = await limited.connect(scope)
      const denied = 'CLIENT_ERROR permission denied\r\nMN\r\n'
      for (const data of [INNER, INNER.repeat(400), INNER.repeat(4000)]) {
        for (const line of [`set k 0 0 ${data.length}`, `ms k ${data.length}`]) {
          await check(client, `${line}\r\n${data}\r\nmn\r\n`, denied)
        }
        await check(client, `add k 0 0 ${data.length} noreply\r\n${data}\r\nmn\r\n`, 'MN\r\n')
      }
    })

    // Without the right to write every `set` is an attempt to log in, and one may be too long for that.
    test('a set that is taken for a login is thrown away to the byte', {
      skip: isMemcached,
    }, async () => {
      const text = usersYaml({
        users: [{ name: 'root', password: 'secret', commands: ['all'] }],
        anonymous: { commands: ['read'] },
      })
      const reading = await Server.start(scope, {
        flags: ['-t', '1', '--auth.usersFile', writeUsers(scope, text)],
        environment: hooked(wire),
      })
      const client = await reading.connect(scope)
      const inner = '\r\nget owned\r\nmn\r\nquit\r\n'
      const short = `set k 0 0 ${inner.length}\r\n${inner}\r\nmn\r\n`
      await check(client, short, 'CLIENT_ERROR authentication failure\r\nMN\r\n')
      const long = inner.repeat(1000)
      const stream = `set k 0 0 ${long.length}\r\n${long}\r\nmn\r\n`
      await check(client, stream, 'CLIENT_ERROR auth token too long\r\nMN\r\n')
    })
  })
}
