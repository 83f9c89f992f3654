import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Authenticator } from '../../src/commands/auth.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { AdminBench } from './admin-bench.ts'

const USERS = [
  { name: 'foo', password: 'bar' },
  { name: 'baz', password: 'a long one' },
]
const FAILURE = 'CLIENT_ERROR authentication failure\r\n'

test('the right password frees the connection', async () => {
  const bench = await AdminBench.make([], USERS)
  assert.equal(bench.authenticate('foo bar\r\n'), 'STORED\r\n')
  assert.equal(bench.session.authenticated, true)
  assert.equal(bench.context.counters[COUNTER.authCommands], 1)
  assert.equal(bench.context.counters[COUNTER.authErrors], 0)
})

test('the password is all that follows the first space', async () => {
  const bench = await AdminBench.make([], USERS)
  assert.equal(bench.authenticate('baz a long one\r\n'), 'STORED\r\n')
  assert.equal(bench.session.authenticated, true)
})

test('anything else is a failure, and is counted', async () => {
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
    assert.equal(bench.authenticate(`${token}\r\n`), FAILURE, token)
    assert.equal(bench.session.authenticated, false)
  }
  assert.equal(bench.context.counters[COUNTER.authCommands], wrong.length)
  assert.equal(bench.context.counters[COUNTER.authErrors], wrong.length)
})

test('a token without a space is told, and not counted', async () => {
  const bench = await AdminBench.make([], USERS)
  assert.equal(bench.authenticate('foobar\r\n'), 'CLIENT_ERROR bad authentication token format\r\n')
  assert.equal(bench.session.authenticated, false)
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
