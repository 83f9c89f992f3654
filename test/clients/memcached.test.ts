import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Memcached from 'memcached'
import { skipSeconds } from '../support/held-clock.ts'
import { Server, SuiteScope } from '../support/server.ts'

/** The callback of every call of this client, as a promise. */
function promise<T>(call: (done: (error: unknown, data: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, data) => (error === undefined || error === null ? resolve(data) : reject(error)))
  })
}

describe('npm memcached 2', () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  let server: Server
  let client: Memcached
  before(async () => {
    server = await Server.start(scope, { flags: ['-t', '2'], debugTime: true })
    client = new Memcached(`127.0.0.1:${server.port}`, { timeout: 5_000, retries: 0 })
    scope.after(async () => client.end())
  })

  test('sets of every kind of value come back', async () => {
    const values = [
      'text',
      '',
      'änderung €',
      42,
      true,
      { an: ['object'] },
      Buffer.from([0, 13, 10, 255]),
    ]
    for (const [index, value] of values.entries()) {
      assert.equal(await promise<boolean>((done) => client.set(`v${index}`, value, 0, done)), true)
      assert.deepEqual(await promise<unknown>((done) => client.get(`v${index}`, done)), value)
    }
    const large = 'x'.repeat(900_000)
    await promise<boolean>((done) => client.set('large', large, 0, done))
    assert.equal(await promise<unknown>((done) => client.get('large', done)), large)
  })

  test('add, replace, append and prepend', async () => {
    assert.equal(await promise<boolean>((done) => client.add('a', 'b', 0, done)), true)
    await assert.rejects(
      promise<boolean>((done) => client.add('a', 'x', 0, done)),
      /not stored/i,
    )
    assert.equal(await promise<boolean>((done) => client.append('a', 'c', done)), true)
    assert.equal(await promise<boolean>((done) => client.prepend('a', 'a', done)), true)
    assert.equal(await promise<unknown>((done) => client.get('a', done)), 'abc')
    assert.equal(await promise<boolean>((done) => client.replace('a', 'r', 0, done)), true)
    await assert.rejects(promise<boolean>((done) => client.replace('none', 'x', 0, done)))
  })

  test('a multiget returns what is there', async () => {
    const keys = Array.from({ length: 200 }, (_, index) => `multi${index}`)
    await Promise.all(keys.map((key) => promise<boolean>((done) => client.set(key, key, 0, done))))
    const found = await promise<Record<string, unknown>>((done) =>
      client.getMulti([...keys, 'multi-none'], done),
    )
    assert.deepEqual(found, Object.fromEntries(keys.map((key) => [key, key])))
  })

  test('gets and cas', async () => {
    await promise<boolean>((done) => client.set('cas', 'one', 0, done))
    const first = await promise<{ cas: string; cas_key?: string }>((done) =>
      client.gets('cas', done),
    )
    assert.equal(
      await promise<boolean>((done) => client.cas('cas', 'two', first.cas, 0, done)),
      true,
    )
    const again = await promise<boolean>((done) => client.cas('cas', 'three', first.cas, 0, done))
    assert.equal(again, false)
    assert.equal(await promise<unknown>((done) => client.get('cas', done)), 'two')
  })

  test('counters', async () => {
    await promise<boolean>((done) => client.set('count', 10, 0, done))
    assert.equal(await promise<unknown>((done) => client.incr('count', 5, done)), 15)
    assert.equal(await promise<unknown>((done) => client.decr('count', 20, done)), 0)
    assert.equal(await promise<unknown>((done) => client.incr('no-count', 1, done)), false)
  })

  test('times to live, touch and delete', async () => {
    await promise<boolean>((done) => client.set('short', 'x', 10, done))
    await promise<boolean>((done) => client.set('touched', 'x', 10, done))
    await promise<void>((done) => client.touch('touched', 1000, (error) => done(error, undefined)))
    await skipSeconds(await server.connect(scope), 20)
    assert.equal(await promise<unknown>((done) => client.get('short', done)), undefined)
    assert.equal(await promise<unknown>((done) => client.get('touched', done)), 'x')
    assert.equal(await promise<boolean>((done) => client.del('touched', done)), true)
    assert.equal(await promise<boolean>((done) => client.del('touched', done)), false)
  })

  test('version, stats, settings, slabs, items, cachedump and flush', async () => {
    const versions = await promise<{ version: string }[]>((done) => client.version(done as never))
    assert.equal(versions[0]?.version, '1.6.45')
    const stats = await promise<{ pid: number }[]>((done) => client.stats(done as never))
    assert.equal(stats[0]?.pid, server.pid)
    const settings = await promise<{ num_threads: number }[]>((done) =>
      client.settings(done as never),
    )
    assert.equal(settings[0]?.num_threads, 2)
    await promise<unknown>((done) => client.slabs(done as never))
    await promise<unknown>((done) => client.items(done as never))
    await promise<unknown>((done) =>
      client.cachedump(`127.0.0.1:${server.port}`, 1, 10, done as never),
    )
    await promise<unknown>((done) => client.flush(done as never))
    assert.equal(await promise<unknown>((done) => client.get('large', done)), undefined)
  })
})
