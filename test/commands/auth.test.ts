import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { Authenticator } from '../../src/commands/auth.ts'
import { OUTCOME } from '../../src/commands/context.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { AdminBench } from './admin-bench.ts'

const USERS = [
  { name: 'foo', password: 'bar' },
  { name: 'baz', password: 'a long one' },
]

test('the right password frees the connection', async () => {
  const bench = await AdminBench.make([], USERS)
  assert.equal(bench.authenticate('foo bar\r\n'), 'STORED\r\n')
  assert.equal(bench.session.welcomed, 'foo')
  assert.equal(bench.context.counters[COUNTER.authCommands], 1)
  assert.deepEqual(bench.deferred, [])
})

test('the password is all that follows the first space', async () => {
  const bench = await AdminBench.make([], USERS)
  assert.equal(bench.authenticate('baz a long one\r\n'), 'STORED\r\n')
  assert.equal(bench.session.welcomed, 'baz')
})

test('anything else is handed to the control thread, and is counted', async () => {
  const bench = await AdminBench.make([], USERS)
  const wrong = [
    'foo baz',
    'foo ba',
    'foo barr',
    'foo ',
    ' bar',
    ' ',
    'fo obar',
    'foobar ',
    'baz bar',
  ]
  for (const token of wrong) {
    assert.equal(bench.authenticate(`${token}\r\n`), '', token)
    assert.equal(bench.outcome, OUTCOME.deferred)
    assert.equal(bench.session.welcomed, null)
  }
  assert.equal(bench.context.counters[COUNTER.authCommands], wrong.length)
  assert.equal(bench.deferred.length, wrong.length)
  assert.equal(bench.deferred[0], 'login: ["foo","baz"] unknown')
})

test('while guessers are slowed down, the right password waits too', async () => {
  const bench = await AdminBench.make([], USERS)
  bench.context.runtime[RUNTIME.loginsSlowed] = 1
  assert.equal(bench.authenticate('foo bar\r\n'), '')
  assert.equal(bench.session.welcomed, null)
  assert.deepEqual(bench.deferred, ['login: ["foo","bar"] accepted'])
})

test('a token without a space is told, and not counted', async () => {
  const bench = await AdminBench.make([], USERS)
  assert.equal(bench.authenticate('foobar\r\n'), 'CLIENT_ERROR bad authentication token format\r\n')
  assert.equal(bench.session.welcomed, null)
  assert.equal(bench.context.counters[COUNTER.authCommands], 0)
})

test('a reread list replaces the old one', () => {
  const authenticator = new Authenticator(USERS)
  const accepts = (name: string, password: string): boolean =>
    authenticator.accepts(Buffer.from(name, 'latin1'), Buffer.from(password, 'latin1'))
  assert.equal(accepts('foo', 'bar'), true)
  authenticator.replace([{ name: 'new', password: 'pass\xe9' }])
  assert.equal(accepts('foo', 'bar'), false)
  assert.equal(accepts('new', 'pass\xe9'), true)
})

test('without users nobody is accepted', () => {
  assert.equal(new Authenticator([]).accepts(Buffer.alloc(0), Buffer.alloc(0)), false)
})
