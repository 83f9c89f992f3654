import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { closed, runTranscript } from '../support/transcript.ts'

const scope = new SuiteScope()
after(() => scope.close())

describe('the connection limit', () => {
  test('over it a client is told and closed, and the others stay', async () => {
    const server = await Server.start(scope, { flags: ['-t', '2', '-c', '100'] })
    const clients: Client[] = []
    for (let index = 0; index < 101; index++) clients.push(await server.connect(scope))
    const refused: Client[] = []
    for (const client of clients) {
      client.send('mn\r\n')
      const line = await client.readLine()
      if (line === 'MN') continue
      assert.equal(line, 'ERROR Too many open connections')
      refused.push(client)
    }
    assert.ok(refused.length >= 1)
    if (!isMemcached) assert.equal(refused.length, 1)
    for (const client of refused) await client.expectClose()
    const [first] = clients
    assert.ok(first !== undefined)
    const rejected = Number((await first.stats()).get('rejected_connections'))
    assert.equal(rejected, refused.length)
    // A place becomes free when somebody leaves.
    for (const client of clients.slice(50)) client.close()
    await until(
      async () => {
        const again = await server.connect(scope)
        again.send('mn\r\n')
        return (await again.readLine()) === 'MN'
      },
      () => 'no new connection was accepted',
    )
  })

  test('without maxconns_fast accepting stops until somebody leaves', async () => {
    const server = await Server.start(scope, {
      flags: ['-t', '1', '-c', '60', '-o', 'no_maxconns_fast'],
    })
    const first = await server.connect(scope)
    const clients: Client[] = []
    for (let index = 0; index < 80; index++) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      const client = new Client(socket)
      scope.after(async () => client.close())
      clients.push(client)
    }
    await until(
      async () => (await first.stats()).get('accepting_conns') === '0',
      () => 'accepting_conns is not 0',
    )
    assert.ok(Number((await first.stats()).get('listen_disabled_num')) >= 1)
    for (const client of clients) client.close()
    await until(
      async () => (await first.stats()).get('accepting_conns') === '1',
      () => 'accepting_conns is not 1 again',
    )
    const later = await server.connect(scope)
    later.send('mn\r\n')
    await later.expect('MN\r\n')
  })
})

describe('the idle timeout', () => {
  test('an idle client is closed without a word and counted, a busy one and a watcher stay', async () => {
    const server = await Server.start(scope, { flags: ['-t', '2', '-o', 'idle_timeout=2'] })
    const idle = await server.connect(scope)
    const busy = await server.connect(scope)
    const watcher = await server.connect(scope)
    watcher.send('watch connevents\r\n')
    await watcher.expect('OK\r\n')
    idle.send('mn\r\n')
    await idle.expect('MN\r\n')
    const start = performance.now()
    await until(
      async () => {
        busy.send('mn\r\n')
        await busy.expect('MN\r\n')
        return idle.closed
      },
      () => 'the idle client was not closed',
    )
    await idle.expectClose()
    const waited = performance.now() - start
    assert.ok(waited > 1_000, `closed after ${waited} ms`)
    assert.equal((await busy.stats()).get('idle_kicks'), '1')
    let event = ''
    while (!event.includes('conn_close')) event = await watcher.readLine()
    assert.match(event, / type=conn_close .* reason=idle_timeout cfd=\d+$/)
    assert.equal(watcher.closed, false)
  })
})

describe('a unix socket', () => {
  const directory = mkdtempSync(join(tmpdir(), 'memckv-unix-'))
  after(() => rmSync(directory, { recursive: true, force: true }))

  test('it serves, shows in stats conns, and has the mask asked for', async () => {
    const path = join(directory, 'socket')
    const server = await Server.start(scope, {
      flags: ['-t', '2', '-a', '750'],
      unixSocket: path,
    })
    assert.deepEqual(server.addresses, [{ path }])
    assert.equal((statSync(path).mode & 0o777).toString(8), '750')
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['set a 0 0 1\n1', 'STORED'],
      [`set b 0 0 100000\n${'b'.repeat(100_000)}`, 'STORED'],
      ['get a', 'VALUE a 0 1\n1\nEND'],
      ['get b', `VALUE b 0 100000\n${'b'.repeat(100_000)}\nEND`],
    ])
    const conns = await client.stats('conns')
    const listener = [...conns].find(([, value]) => value === 'conn_listening')?.[0]
    const address = conns.get(listener?.replace('state', 'addr') ?? '') ?? ''
    // memcached cuts a long path short.
    assert.ok(
      isMemcached ? `unix:${path}`.startsWith(address) : address === `unix:${path}`,
      address,
    )
    const watcher = await server.connect(scope)
    watcher.send('watch connevents\r\n')
    await watcher.expect('OK\r\n')
    await server.connect(scope)
    assert.match(
      await watcher.readLine(),
      / type=conn_new rip=unix rport=0 transport=local cfd=\d+$/,
    )
    const settings = await client.stats('settings')
    assert.equal(settings.get('domain_socket'), path)
    assert.equal(settings.get('umask'), '750')
    await runTranscript(client, [['quit', closed()]])
  })

  test('a stale socket is replaced', async () => {
    const path = join(directory, 'stale')
    const first = await Server.start(scope, { flags: ['-t', '1'], unixSocket: path })
    await first.stop('SIGKILL')
    assert.ok(statSync(path).isSocket())
    // No waiting for the path here: it is there already, so the connect decides.
    const second = await Server.start(scope, { flags: ['-t', '1'], unixSocket: path })
    const client = await second.connect(scope)
    client.send('version\r\n')
    await client.expect('VERSION 1.6.45\r\n')
  })
})
