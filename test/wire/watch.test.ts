import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { nextPrefix, runTranscript } from '../support/transcript.ts'

async function watch(scope: SuiteScope, server: Server, words: string): Promise<Client> {
  const watcher = await server.connect(scope)
  watcher.send(`watch ${words}\r\n`)
  await watcher.expect('OK\r\n')
  return watcher
}

/** The next event that mentions the word; every line read must look like an event. */
async function event(watcher: Client, mention: string): Promise<string> {
  for (;;) {
    const line = await watcher.readLine()
    assert.match(line, /^skipped=\d+$|^ts=\d+\.\d+ gid=\d+ type=\w+ /)
    if (line.includes(mention)) return line
  }
}

async function events(watcher: Client, mention: string, count: number): Promise<string[]> {
  const lines: string[] = []
  while (lines.length < count) {
    const line = await event(watcher, mention)
    lines.push(line.replace(/^.*? type=/, '').replace(/ cfd=\d+/, ' cfd=N'))
  }
  return lines
}

for (const threads of [1, 4]) {
  describe(`watch, ${threads} worker(s)`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    before(async () => {
      server = await Server.start(scope, { flags: ['-t', String(threads)] })
    })

    test('fetchers see every look-up, of other commands too', async () => {
      const watcher = await watch(scope, server, 'fetchers')
      const client = await server.connect(scope)
      const prefix = nextPrefix()
      const key = `${prefix}f`
      const names = { prefix, captures: new Map<string, string>() }
      await runTranscript(client, [['get @f', 'END']], names)
      await runTranscript(client, [['set @f 0 0 3\nabc', 'STORED']], names)
      await runTranscript(client, [['get @f', 'VALUE @f 0 3\nabc\nEND']], names)
      await runTranscript(client, [['mg @f v', 'VA 3\nabc']], names)
      const lines = await events(watcher, `key=${key} `, 4)
      assert.deepEqual(lines, [
        `item_get key=${key} status=not_found clsid=0 cfd=N size=0`,
        `item_get key=${key} status=not_found clsid=0 cfd=N size=0`,
        `item_get key=${key} status=found clsid=1 cfd=N size=3`,
        `item_get key=${key} status=found clsid=1 cfd=N size=3`,
      ])
      watcher.close()
    })

    test('no word means fetchers', async () => {
      const watcher = await server.connect(scope)
      watcher.send('watch\r\n')
      await watcher.expect('OK\r\n')
      const client = await server.connect(scope)
      client.send('get default-watch\r\n')
      await client.expect('END\r\n')
      assert.match(await event(watcher, 'key=default-watch '), /status=not_found/)
      watcher.close()
    })

    test('mutations see what is stored and what is not', async () => {
      const watcher = await watch(scope, server, 'mutations')
      const client = await server.connect(scope)
      const prefix = nextPrefix()
      const key = `${prefix}m`
      await runTranscript(
        client,
        [
          ['set @m 0 0 3\nabc', 'STORED'],
          ['add @m 0 0 1\n1', 'NOT_STORED'],
          ['replace @m 0 100 2\n12', 'STORED'],
          ['append @m 0 0 1\n1', 'STORED'],
          ['prepend @m 0 0 1\n1', 'STORED'],
          ['cas @m 0 0 1 1\n1', 'EXISTS'],
          ['delete @m', 'DELETED'],
          ['cas @m 0 0 1 1\n1', 'NOT_FOUND'],
          [
            `set @m 0 0 1048576\n${'x'.repeat(1_048_576)}`,
            'SERVER_ERROR object too large for cache',
          ],
        ],
        { prefix, captures: new Map() },
      )
      const lines = await events(watcher, `key=${key} `, 8)
      const short = lines.map((line) =>
        line
          .replace(`item_store key=${key} `, '')
          .replace(/ clsid=.*/, '')
          .replace(/ttl=(99|98)/, 'ttl=100'),
      )
      assert.deepEqual(short.slice(0, 7), [
        'status=stored cmd=set ttl=0',
        'status=not_stored cmd=add ttl=0',
        'status=stored cmd=replace ttl=100',
        'status=stored cmd=append ttl=100',
        'status=stored cmd=prepend ttl=100',
        'status=exists cmd=cas ttl=0',
        'status=not_found cmd=cas ttl=0',
      ])
      assert.match(short[7] ?? '', /^status=too_large cmd=set ttl=0/)
      assert.match(lines[0] ?? '', / clsid=1 cfd=N size=3$/)
      watcher.close()
    })

    test('deletions see delete and md, not md I and no miss', async () => {
      const watcher = await watch(scope, server, 'deletions')
      const client = await server.connect(scope)
      const prefix = nextPrefix()
      await runTranscript(
        client,
        [
          ['delete @a', 'NOT_FOUND'],
          ['set @a 0 0 3\nabc', 'STORED'],
          ['delete @a', 'DELETED'],
          ['set @b 0 0 5\nabcde', 'STORED'],
          ['md @b I', 'HD'],
          ['md @b', 'HD'],
        ],
        { prefix, captures: new Map() },
      )
      const lines = await events(watcher, `key=${prefix}`, 2)
      assert.match(lines[0] ?? '', /^deleted key=\S+a cmd=delete clsid=1 size=3$/)
      assert.match(lines[1] ?? '', /^deleted key=\S+b cmd=md clsid=1 size=5$/)
      watcher.close()
    })

    test('connevents see connections come and go, and why', async () => {
      const watcher = await watch(scope, server, 'connevents')
      const client = await server.connect()
      client.send('mn\r\n')
      await client.expect('MN\r\n')
      const { port } = client.socket.address() as { port: number }
      const came = await event(watcher, `rport=${port} `)
      assert.match(came, / type=conn_new rip=127\.0\.0\.1 rport=\d+ transport=tcp cfd=\d+$/)
      const number = /cfd=(\d+)/.exec(came)?.[1]
      const conns = await (await server.connect(scope)).stats('conns')
      assert.equal(conns.get(`${number}:addr`), `tcp:127.0.0.1:${port}`)
      client.send('quit\r\n')
      await client.expectClose()
      const went = await event(watcher, `rport=${port} `)
      assert.match(went, / type=conn_close .* transport=tcp reason=normal cfd=\d+$/)
      const web = await server.connect()
      const webPort = (web.socket.address() as { port: number }).port
      web.send('GET / HTTP/1.1\r\n\r\n')
      await web.expectClose()
      await event(watcher, `conn_new rip=127.0.0.1 rport=${webPort} `)
      assert.match(await event(watcher, `rport=${webPort} `), /reason=error/)
      watcher.close()
    })

    test('keys are percent coded, and several words are watched at once', async () => {
      const watcher = await watch(scope, server, 'mutations fetchers deletions')
      const client = await server.connect(scope)
      const key = `odd%\t\xff${nextPrefix()}`
      client.send(`set ${key} 0 0 1\r\n1\r\ndelete ${key}\r\n`)
      await client.expect('STORED\r\nDELETED\r\n')
      const tail = key.slice(6)
      const lines = await events(watcher, `key=odd%25%09%FF${tail} `, 4)
      assert.deepEqual(lines.map((line) => line.split(' ')[0]).sort(), [
        'deleted',
        'item_get',
        'item_get',
        'item_store',
      ])
      watcher.close()
    })

    test('words that nobody sends events for are accepted, unknown ones are not', async () => {
      const client = await server.connect(scope)
      client.send('watch foo\r\n')
      await client.expect('ERROR\r\n')
      client.send('watch fetchers foo\r\n')
      await client.expect('ERROR\r\n')
      client.send('watch rawcmds sysevents proxyreqs proxyevents proxyuser\r\n')
      await client.expect('OK\r\n')
      client.close()
    })

    test('watch cannot be pipelined behind other commands', async () => {
      const client = await server.connect(scope)
      client.send('get none\r\nwatch\r\n')
      await client.expect('END\r\nERROR cannot pipeline other commands before watch\r\n')
    })

    test('a watcher only receives', async () => {
      const watcher = await watch(scope, server, 'deletions')
      watcher.send('get foo\r\nversion\r\n')
      await watcher.expectSilence(100)
      watcher.close()
    })

    test('gid grows by one for each event', async () => {
      // Other clients' events have numbers too, so this one sees all there are.
      const watcher = await watch(
        scope,
        server,
        'fetchers mutations evictions connevents deletions',
      )
      const client = await server.connect(scope)
      client.send('set gid 0 0 1\r\n1\r\n'.repeat(5))
      await client.expect('STORED\r\n'.repeat(5))
      const gids: number[] = []
      while (gids.length < 10) {
        gids.push(Number(/gid=(\d+)/.exec(await event(watcher, 'key=gid '))?.[1]))
      }
      assert.deepEqual(
        gids.map((gid) => gid - (gids[0] ?? 0)),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      )
      watcher.close()
    })
  })
}

describe('watchers at the limits', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('the twenty-first watcher is one too many', async () => {
    const server = await Server.start(scope, { flags: ['-t', '2'] })
    for (let index = 0; index < 20; index++) await watch(scope, server, 'deletions')
    const last = await server.connect(scope)
    last.send('watch\r\n')
    await last.expect('WATCHER_TOO_MANY log watcher limit reached\r\n')
    if (!isMemcached) last.send('mn\r\n')
  })

  test('a watcher that does not read loses lines, and the server does not grow', async () => {
    const server = await Server.start(scope, { flags: ['-t', '2'] })
    const watcher = await watch(scope, server, 'fetchers')
    watcher.socket.pause()
    const client = await server.connect(scope)
    const burst =
      'get none-of-these-keys-exists-but-they-are-long-enough-to-fill-a-buffer\r\n'.repeat(2_000)
    await until(
      async () => {
        client.send(burst)
        await client.expect('END\r\n'.repeat(2_000))
        return Number((await client.stats()).get('log_watcher_skipped')) > 0
      },
      () => 'no line was ever skipped',
      30_000,
    )
    watcher.socket.resume()
    const more = setInterval(() => client.send('get after-skip\r\n'), 20)
    let line = ''
    try {
      while (!line.startsWith('skipped=')) line = await event(watcher, '')
    } finally {
      clearInterval(more)
    }
    assert.match(line, /^skipped=[1-9]\d*$/)
    watcher.close()
  })

  test('watchers are counted', async () => {
    const server = await Server.start(scope, { flags: ['-t', '2'] })
    const client = await server.connect(scope)
    const watchers = async (): Promise<string | undefined> => {
      // memcached notices that a watcher has left when it next writes to it.
      client.send('get none\r\n')
      await client.expect('END\r\n')
      return (await client.stats()).get('log_watchers')
    }
    const first = await watch(scope, server, 'fetchers')
    const second = await watch(scope, server, 'fetchers mutations')
    await until(
      async () => (await watchers()) === '2',
      () => 'log_watchers is not 2',
    )
    first.close()
    second.close()
    await until(
      async () => (await watchers()) === '0',
      () => 'log_watchers is not 0 again',
    )
  })

  test('evictions are seen', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-m', '8'] })
    const watcher = await watch(scope, server, 'evictions')
    const client = await server.connect(scope)
    const value = 'v'.repeat(4_000)
    const sets = Array.from(
      { length: 4_000 },
      (_, index) => `set evicted${index} 0 0 4000 noreply\r\n${value}\r\n`,
    )
    client.send(`${sets.join('')}mn\r\n`)
    await client.expect('MN\r\n')
    const line = await event(watcher, 'type=eviction ')
    assert.match(line, / type=eviction key=evicted\d+ fetch=no ttl=-1 la=\d+ clsid=18 size=4000$/)
    assert.ok(Number((await client.stats()).get('evictions')) > 0)
  })
})
