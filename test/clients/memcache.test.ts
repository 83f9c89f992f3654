import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Memcache } from 'memcache'
import { skipSeconds } from '../support/held-clock.ts'
import { Server, SuiteScope } from '../support/server.ts'

describe('npm memcache 1', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  let client: Memcache
  before(async () => {
    server = await Server.start(scope, { flags: ['-t', '2'], debugTime: true })
    client = new Memcache({ nodes: [`127.0.0.1:${server.port}`], timeout: 5_000 })
    await client.connect()
    scope.after(async () => client.disconnect())
  })

  test('values come back', async () => {
    for (const value of ['text', 'with spaces and\ttabs', 'x'.repeat(500_000)]) {
      assert.equal(await client.set('v', value), true)
      assert.equal(await client.get('v'), value)
    }
    assert.equal(await client.get('none'), undefined)
  })

  test('add, replace, append and prepend', async () => {
    assert.equal(await client.add('a', 'b'), true)
    assert.equal(await client.add('a', 'x'), false)
    assert.equal(await client.append('a', 'c'), true)
    assert.equal(await client.prepend('a', 'a'), true)
    assert.equal(await client.get('a'), 'abc')
    assert.equal(await client.replace('a', 'r'), true)
    assert.equal(await client.replace('none', 'x'), false)
  })

  test('a multiget returns what is there', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `multi${index}`)
    for (const key of keys) await client.set(key, key)
    const found = await client.gets([...keys, 'multi-none'])
    assert.deepEqual(found, new Map(keys.map((key) => [key, key])))
  })

  test('cas', async () => {
    await client.set('cas', 'one')
    const raw = await server.connect(scope)
    raw.send('gets cas\r\n')
    const unique = /VALUE cas 0 3 (\d+)\r\n/.exec((await raw.readUntil('END\r\n')).toString())?.[1]
    assert.ok(unique !== undefined)
    assert.equal(await client.cas('cas', 'two', unique), true)
    assert.equal(await client.cas('cas', 'three', unique), false)
    assert.equal(await client.get('cas'), 'two')
  })

  test('counters', async () => {
    await client.set('count', '10')
    assert.equal(await client.incr('count', 5), 15)
    assert.equal(await client.decr('count', 20), 0)
    assert.equal(await client.incr('no-count', 1), undefined)
  })

  test('times to live, touch and delete', async () => {
    await client.set('short', 'x', 10)
    await client.set('touched', 'x', 10)
    assert.equal(await client.touch('touched', 1000), true)
    await skipSeconds(await server.connect(scope), 20)
    assert.equal(await client.get('short'), undefined)
    assert.equal(await client.get('touched'), 'x')
    assert.equal(await client.delete('touched'), true)
    assert.equal(await client.delete('touched'), false)
  })

  test('version, stats and flush', async () => {
    assert.match([...(await client.version()).values()].join(), /1\.6\.45/)
    const [stats] = (await client.stats()).values()
    assert.equal((stats as { pid?: string } | undefined)?.pid, String(server.pid))
    assert.equal(await client.flush(), true)
    assert.equal(await client.get('a'), undefined)
  })
})
