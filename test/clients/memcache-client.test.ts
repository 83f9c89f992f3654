import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { MemcacheClient } from 'memcache-client'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { skipSeconds } from '../support/held-clock.ts'
import { Server, SuiteScope } from '../support/server.ts'

for (const secure of [false, true])
  describe(`npm memcache-client 1${secure ? ' over TLS' : ''}`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())
    let server: Server
    let client: MemcacheClient
    before(async () => {
      const authority = secure ? new Authority(scope) : null
      const flags = authority === null ? [] : tlsFlags(authority.pair('server'))
      const tls =
        authority === null
          ? {}
          : { tls: { ca: readFileSync(authority.file), servername: 'localhost' } }
      server = await Server.start(scope, { flags: ['-t', '2', ...flags], debugTime: true, ...tls })
      client = new MemcacheClient({
        ...tls,
        server: { server: `127.0.0.1:${server.port}`, maxConnections: 3 },
        ignoreNotStored: false,
        cmdTimeout: 5_000,
      })
      scope.after(async () => client.shutdown())
    })

    test('sets of every kind of value come back', async () => {
      for (const [index, value] of ['text', 'änderung €', 42, { an: ['object'] }].entries()) {
        assert.deepEqual(await client.set(`v${index}`, value), ['STORED'])
        assert.deepEqual((await client.get<{ value: unknown }>(`v${index}`)).value, value)
      }
      const bytes = Buffer.from([0, 13, 10, 255, 13, 10])
      await client.set('bytes', bytes)
      assert.deepEqual((await client.get<{ value: Buffer }>('bytes')).value, bytes)
      const large = 'x'.repeat(900_000)
      await client.set('large', large)
      assert.equal((await client.get<{ value: string }>('large')).value, large)
    })

    test('add, replace, append and prepend', async () => {
      assert.deepEqual(await client.add('a', 'b'), ['STORED'])
      await assert.rejects(client.add('a', 'x'), /NOT_STORED/)
      assert.deepEqual(await client.append('a', 'c'), ['STORED'])
      assert.deepEqual(await client.prepend('a', 'a'), ['STORED'])
      assert.equal((await client.get<{ value: string }>('a')).value, 'abc')
      assert.deepEqual(await client.replace('a', 'r'), ['STORED'])
      await assert.rejects(client.replace('none', 'x'), /NOT_STORED/)
    })

    test('many commands at once, and a multiget', async () => {
      const keys = Array.from({ length: 300 }, (_, index) => `multi${index}`)
      await Promise.all(keys.map((key) => client.set(key, key)))
      const found = await client.get<Record<string, { tokens: string[]; value: string }>>([
        ...keys,
        'multi-none',
      ])
      assert.deepEqual(Object.keys(found).sort(), [...keys].sort())
      for (const key of keys) assert.equal(found[key]?.value, key)
    })

    test('gets and cas', async () => {
      await client.set('cas', 'one')
      const { casUniq } = await client.gets<{ casUniq: string }>('cas')
      assert.ok(casUniq !== undefined)
      assert.deepEqual(await client.cas('cas', 'two', { casUniq }), ['STORED'])
      await assert.rejects(client.cas('cas', 'three', { casUniq }), /EXISTS/)
      assert.equal((await client.get<{ value: string }>('cas')).value, 'two')
    })

    test('counters', async () => {
      await client.set('count', '10')
      assert.equal(await client.incr('count', 5), '15')
      assert.equal(await client.decr('count', 20), '0')
      await assert.rejects(client.incr('no-count', 1), /NOT_FOUND/)
    })

    test('times to live, touch, delete and noreply', async () => {
      await client.set('short', 'x', { lifetime: 10 })
      await client.set('touched', 'x', { lifetime: 10 })
      assert.deepEqual(await client.touch('touched', 1000), ['TOUCHED'])
      await skipSeconds(await server.connect(scope), 20)
      assert.equal(await client.get('short'), undefined)
      assert.equal((await client.get<{ value: string }>('touched')).value, 'x')
      assert.deepEqual(await client.delete('touched'), ['DELETED'])
      await assert.rejects(client.delete('touched'), /NOT_FOUND/)
      await client.set('quiet', 'x', { noreply: true })
      // Another connection of the client may be asked first, so this waits until it is there.
      for (let tries = 0; (await client.get('quiet')) === undefined; tries++)
        assert.ok(tries < 1_000)
    })

    test('version and stats', async () => {
      assert.deepEqual(await client.version(), ['VERSION', '1.6.45'])
      const stats = await client.cmd<{ STAT: string[][] }>('stats')
      assert.ok(stats.STAT.some(([name, value]) => name === 'pid' && value === String(server.pid)))
    })
  })
