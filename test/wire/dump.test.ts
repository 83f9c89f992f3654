import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { runTranscript } from '../support/transcript.ts'

for (const threads of [1, 4]) {
  describe(`dumps of keys, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', String(threads)] })
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['set plain 0 0 3\nabc', 'STORED'],
        ['set timed 7 1000 2\nab', 'STORED'],
        ['set odd%key\t 0 0 0\n', 'STORED'],
        ['set gone 0 -1 1\n1', 'STORED'],
        ['set fetched 0 0 1\n1', 'STORED'],
        ['get fetched', 'VALUE fetched 0 1\n1\nEND'],
        [`set large 0 0 20000\n${'l'.repeat(20_000)}`, 'STORED'],
        [`ms ${Buffer.from('bin\x01key').toString('base64')} 1 b\n1`, 'HD'],
      ])
    })

    async function dump(command: string, end: string): Promise<string[]> {
      const client = await server.connect(scope)
      client.send(`${command}\r\n`)
      await client.expect('OK\r\n')
      const text = (await client.readUntil(`${end}\r\n`)).toString('latin1')
      client.close()
      return text.slice(0, -`${end}\r\n`.length).split(/\r?\n/).slice(0, -1)
    }

    test('metadump lists every live item with its figures', async () => {
      const now = Math.floor(Date.now() / 1000)
      for (const scopeOfDump of ['all', 'hash']) {
        const lines = (await dump(`lru_crawler metadump ${scopeOfDump}`, 'END')).sort()
        assert.equal(lines.length, 6, lines.join('\n'))
        for (const line of lines) {
          assert.match(
            line,
            /^key=\S+ exp=(-1|\d+) la=\d+ cas=\d+ fetch=(yes|no) cls=\d+ size=\d+ flags=\d+ $/,
          )
        }
        const of = (key: string): string =>
          lines.find((line) => line.startsWith(`key=${key} `)) ?? assert.fail(`no ${key}`)
        assert.match(of('plain'), / exp=-1 .* fetch=no cls=1 size=67 flags=0 $/)
        assert.match(of('fetched'), / fetch=yes /)
        assert.match(of('timed'), / size=70 flags=7 $/)
        const expires = Number(/exp=(\d+)/.exec(of('timed'))?.[1])
        assert.ok(Math.abs(expires - now - 1000) <= 3, `exp ${expires - now}`)
        assert.match(of('odd%25key%09'), / size=67 /)
        assert.match(of('large'), / cls=25 /)
        assert.ok(
          lines.some((line) => line.startsWith('key=bin%01key ')),
          lines.join('\n'),
        )
      }
    })

    test('metadump lines end in a space and a bare newline', async () => {
      const client = await server.connect(scope)
      client.send('lru_crawler metadump all\r\n')
      await client.expect('OK\r\n')
      const text = (await client.readUntil('END\r\n')).toString('latin1')
      assert.equal(text.match(/ \n/g)?.length, 6)
      assert.equal(text.indexOf('\r'), text.length - 2)
    })

    test('metadump of classes lists only those', async () => {
      const large = await dump('lru_crawler metadump 25', 'END')
      assert.deepEqual(
        large.map((line) => line.split(' ')[0]),
        ['key=large'],
      )
      const both = await dump('lru_crawler metadump 1,25', 'END')
      assert.equal(both.length, 6)
    })

    test('mgdump lists mg commands, base64 for keys that were', async () => {
      for (const scopeOfDump of ['all', 'hash']) {
        const lines = (await dump(`lru_crawler mgdump ${scopeOfDump}`, 'EN')).sort()
        const encoded = Buffer.from('bin\x01key').toString('base64')
        assert.ok(lines.includes('mg plain'), lines.join('\n'))
        assert.ok(lines.includes(`mg ${encoded} b`), lines.join('\n'))
        assert.equal(lines.length, 6)
      }
    })

    test('the connection goes on after a dump', async () => {
      const client = await server.connect(scope)
      client.send('lru_crawler metadump all\r\n')
      await client.readUntil('END\r\n')
      await runTranscript(client, [['get plain', 'VALUE plain 0 3\nabc\nEND']])
      client.send('lru_crawler mgdump all\r\n')
      await client.readUntil('EN\r\n')
      await runTranscript(client, [['get plain', 'VALUE plain 0 3\nabc\nEND']])
    })

    test('a dump cannot be pipelined behind other commands', async () => {
      const client = await server.connect(scope)
      client.send('get plain\r\nlru_crawler metadump all\r\n')
      await client.expect(
        'VALUE plain 0 3\r\nabc\r\nEND\r\nERROR cannot pipeline other commands before metadump\r\n',
      )
      client.send('get plain\r\nlru_crawler mgdump all\r\n')
      await client.expect(
        'VALUE plain 0 3\r\nabc\r\nEND\r\nERROR cannot pipeline other commands before mgdump\r\n',
      )
    })

    test('a dump of a class that cannot be', async () => {
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['lru_crawler metadump x', 'BADCLASS invalid class id'],
        ['lru_crawler metadump 99', 'BADCLASS invalid class id'],
      ])
    })

    test('cachedump lists a class', async () => {
      const client = await server.connect(scope)
      const lines = await client.ask('stats cachedump 1 100')
      for (const line of lines) assert.match(line, /^ITEM [^ ]+ \[\d+ b; \d+ s\]$/)
      assert.equal(
        lines.some((line) => line.startsWith('ITEM gone ')),
        false,
      )
      // memcached looks only at the items its maintainer has already called cold.
      if (isMemcached) return
      assert.ok(lines.includes('ITEM plain [3 b; 0 s]'), lines.join('\n'))
      const timed = lines.find((line) => line.startsWith('ITEM timed '))
      const seconds = Number(/; (\d+) s/.exec(timed ?? '')?.[1])
      assert.ok(Math.abs(seconds - Math.floor(Date.now() / 1000) - 1000) <= 5, timed)
      assert.equal((await client.ask('stats cachedump 1 2')).length, 2)
      assert.deepEqual(await client.ask('stats cachedump 25 0'), ['ITEM large [20000 b; 0 s]'])
    })

    test('many items are dumped each once, while a slow reader takes its time', async () => {
      const client = await server.connect(scope)
      const count = 20_000
      client.send(
        Array.from({ length: count }, (_, index) => `set many${index} 0 0 1 noreply\r\n1\r\n`).join(
          '',
        ),
      )
      client.send('mn\r\n')
      await client.expect('MN\r\n')
      client.send('lru_crawler metadump hash\r\n')
      await client.expect('OK\r\n')
      client.socket.pause()
      await new Promise((resolve) => setTimeout(resolve, 50))
      client.socket.resume()
      const text = (await client.readUntil('\nEND\r\n')).toString('latin1')
      const keys = [...text.matchAll(/key=(many\d+) /g)].map((match) => match[1])
      assert.equal(new Set(keys).size, count)
      assert.equal(keys.length, count)
    })
  })
}

describe('the size of one class, as memcached names it', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('classes grow by a quarter from 96 bytes', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'] })
    const client = await server.connect(scope)
    const expected: Record<number, number> = { 1: 1, 2: 50, 5: 150, 10: 600, 19: 5_000, 25: 20_000 }
    for (const [number, bytes] of Object.entries(expected)) {
      const key = `class${number}`
      client.send(`set ${key} 0 0 ${bytes}\r\n${'x'.repeat(bytes)}\r\nme ${key}\r\n`)
      await client.expect('STORED\r\n')
      const line = await client.readLine()
      if (isMemcached) assert.match(line, / cls=\d+ /)
      assert.equal(/ cls=(\d+) /.exec(line)?.[1], number, line)
    }
  })
})
