import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { launch, Server, SuiteScope } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'
import { closed, runTranscript } from '../support/transcript.ts'

const scope = new SuiteScope()
after(() => scope.close())

describe('switches', () => {
  test('-F, -X and -W refuse flushing, dumping and watching', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-F', '-X', '-W'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['set a 0 0 1\n1', 'STORED'],
      ['flush_all', 'CLIENT_ERROR flush_all not allowed'],
      ['flush_all 10', 'CLIENT_ERROR flush_all not allowed'],
      ['get a', 'VALUE a 0 1\n1\nEND'],
      ['stats cachedump 1 1', 'CLIENT_ERROR stats cachedump not allowed'],
      ['stats detail on', 'CLIENT_ERROR stats detail not allowed'],
      ['stats detail dump', 'CLIENT_ERROR stats detail not allowed'],
      ['lru_crawler metadump all', 'ERROR metadump not allowed'],
      ['lru_crawler mgdump all', 'ERROR key dump not allowed'],
      ['watch', 'CLIENT_ERROR watch commands not allowed'],
      ['watch fetchers', 'CLIENT_ERROR watch commands not allowed'],
    ])
    assert.equal((await client.stats()).get('cmd_flush'), '2')
  })

  test('-C makes every unique 0 and cas useless', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-C'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['set a 0 0 1\n1', 'STORED'],
      ['gets a', 'VALUE a 0 1 0\n1\nEND'],
      ['cas a 0 0 1 0\n2', 'EXISTS'],
      ['cas a 0 0 1 1\n2', 'EXISTS'],
      ['cas none 0 0 1 1\n2', 'NOT_FOUND'],
      ['mg a c', 'HD c0'],
      ['get a', 'VALUE a 0 1\n1\nEND'],
    ])
    // Without the unique an item is 8 bytes smaller.
    const me = /size=(\d+)/.exec((await client.ask('me a\r\nmn', 'MN')).join(''))
    assert.equal(me?.[1], String(48 + 1 + 1 + 1 + 2))
  })

  test('-M refuses to store when memory is full, and evicts nothing', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-m', '8', '-M'] })
    const client = await server.connect(scope)
    const value = 'v'.repeat(50_000)
    let stored = 0
    for (; ; stored++) {
      client.send(`set full${stored} 0 0 50000\r\n${value}\r\n`)
      const line = await client.readLine()
      if (line !== 'STORED') {
        assert.equal(line, 'SERVER_ERROR out of memory storing object')
        break
      }
      assert.ok(stored < 1_000, '50 MB fit into 8 MB')
    }
    assert.ok(stored > 50, `only ${stored} values of 50 kB fit`)
    const stats = await client.stats()
    assert.equal(stats.get('evictions'), '0')
    for (let index = 0; index < stored; index++) {
      client.send(`mg full${index} s\r\n`)
      await client.expect('HD s50000\r\n')
    }
    client.send(`set full0 0 0 50000 noreply\r\n${value}\r\nmn\r\n`)
    await client.expect('MN\r\n')
    client.send('flush_all\r\n')
    await client.expect('OK\r\n')
    client.send(`set again 0 0 50000\r\n${value}\r\n`)
    await client.expect('STORED\r\n')
  })

  test('without -M old items make room', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1', '-m', '8'] })
    const client = await server.connect(scope)
    const value = 'v'.repeat(50_000)
    for (let index = 0; index < 400; index++) {
      client.send(`set evict${index} 0 0 50000\r\n${value}\r\n`)
      await client.expect('STORED\r\n')
    }
    client.send('mg evict399 s\r\nmg evict0 s\r\n')
    await client.expect('HD s50000\r\nEN\r\n')
    const stats = await client.stats()
    assert.ok(Number(stats.get('evictions')) > 200)
    assert.equal(Number(stats.get('curr_items')) + Number(stats.get('evictions')), 400)
  })
})

describe('shutdown', () => {
  test('without -A it is refused', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'] })
    const client = await server.connect(scope)
    await runTranscript(client, [
      ['shutdown', 'SERVER_ERROR: shutdown not enabled'],
      ['shutdown graceful', 'SERVER_ERROR: shutdown not enabled'],
    ])
  })

  for (const command of ['shutdown', 'shutdown graceful']) {
    test(`with -A ${command} closes and exits`, async () => {
      const server = await Server.start(scope, { flags: ['-t', '2', '-A'] })
      const client = await server.connect(scope)
      await runTranscript(client, [
        ['shutdown foo', 'CLIENT_ERROR invalid shutdown mode'],
        [command, closed()],
      ])
      const exit = await server.ended()
      if (!isMemcached) assert.equal(exit.code, 0)
    })
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) {
    test(`${signal} ends it in good order`, async () => {
      const server = await Server.start(scope, { flags: ['-t', '2'] })
      const client = await server.connect(scope)
      client.send('set a 0 0 1\r\n1\r\n')
      await client.expect('STORED\r\n')
      const exit = await server.stop(signal)
      assert.deepEqual(exit, { code: 0, signal: null })
      await client.expectClose()
    })
  }

  test('SIGHUP and SIGPIPE do not end it', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'] })
    const client = await server.connect(scope)
    server.child.kill('SIGHUP')
    server.child.kill('SIGPIPE')
    for (let index = 0; index < 20; index++) {
      client.send('mn\r\n')
      await client.expect('MN\r\n')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })
})

describe('starts that must fail', () => {
  const bad: Record<string, readonly string[]> = {
    'no threads': ['-t', '0'],
    'no connections': ['-c', '0'],
    'an item size below 1024': ['-I', '1000'],
    'an item size above half the memory': ['-m', '8', '-I', '5m'],
    'an item size above 1 GB': ['-m', '4096', '-I', '2000m'],
    'an unknown protocol': ['-B', 'http'],
    'an unknown extended option': ['-o', 'no_such_option'],
    'an unknown flag': ['--no-such-flag'],
    'no commands per turn': ['-R', '0'],
    'SASL, which is not built in': ['-S'],
  }
  for (const [title, flags] of Object.entries(bad)) {
    test(title, async () => {
      const server = launch(scope, { flags })
      const exit = await server.ended()
      assert.notEqual(exit.code, 0)
    })
  }

  test('an address that cannot be resolved', async () => {
    const server = launch(scope, { listen: ['-l', 'no-such-host.invalid', '-p', '-1'] })
    const exit = await server.ended()
    assert.notEqual(exit.code, 0)
  })

  test('a port that is taken', async () => {
    const first = await Server.start(scope, { flags: ['-t', '1'] })
    const second = launch(scope, {
      listen: ['-l', '127.0.0.1', '-p', String(first.port)],
      flags: ['-t', '1'],
    })
    const exit = await second.ended()
    assert.notEqual(exit.code, 0)
  })
})

describe('help and version', () => {
  test('-h says how and exits with 0', async () => {
    const server = launch(scope, { flags: ['-h'] })
    assert.equal((await server.ended()).code, 0)
    assert.match(server.output(), /--memory-limit/)
  })

  test('-V names memcached and its version', async () => {
    const server = launch(scope, { flags: ['-V'] })
    assert.equal((await server.ended()).code, 0)
    assert.match(server.output(), /memcached 1\.6\.45/)
  })
})

describe('listening', () => {
  test('several addresses, and the file of ports', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'memckv-ports-'))
    scope.after(async () => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'ports')
    const server = await Server.start(scope, {
      listen: ['-l', '127.0.0.1,[::1]', '-p', '-1'],
      flags: ['-t', '2'],
      environment: isMemcached ? {} : { MEMCACHED_PORT_FILENAME: file },
    })
    assert.equal(server.addresses.length, 2)
    for (const address of server.addresses) {
      const { Client } = await import('../support/client.ts')
      const client = await Client.connect(address)
      client.send('version\r\n')
      await client.expect('VERSION 1.6.45\r\n')
      client.close()
    }
    if (isMemcached) return
    assert.ok(existsSync(file))
    const ports = server.addresses.map((address) => ('port' in address ? address.port : 0))
    const text = readFileSync(file, 'utf8')
    assert.match(text, new RegExp(`TCP INET: ${ports[0]}\\n`))
    assert.match(text, new RegExp(`TCP INET6: ${ports[1]}\\n`))
  })
})
