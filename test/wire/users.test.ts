import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { launch, Server, SuiteScope } from '../support/server.ts'
import { logIn, sendLogin, usersFlags, usersFolder, writeUsers } from '../support/users.ts'

import { AFTER, auditOf, BEFORE, DENIED, FIRST, logged, loggedIn, WRONG } from './users-parts.ts'

const scope = new SuiteScope()
after(() => scope.close())

describe('both files together', () => {
  const plainFile = (text: string): string => {
    const path = join(usersFolder(scope), 'plain')
    writeFileSync(path, text)
    return path
  }

  test('either lets its users in, -Y with all rights', async () => {
    const server = await Server.start(scope, {
      flags: ['-Y', plainFile('old:secret\n')],
      environment: usersFlags(writeUsers(scope, AFTER)),
    })
    const old = await server.connect(scope)
    await logIn(old, 'old', 'secret')
    old.send('flush_all\r\n')
    await old.expect('OK\r\n')
    const client = await loggedIn(scope, server, 'kept')
    client.send('flush_all\r\n')
    await client.expect(DENIED)
  })

  test('a name in both is refused at the start', async () => {
    const server = launch(scope, {
      flags: ['-Y', plainFile('kept:secret\n')],
      environment: usersFlags(writeUsers(scope, AFTER)),
    })
    const { code } = await server.ended()
    assert.equal(code, 66)
    assert.match(server.output(), /users\[0\]\.name: \S+ \(auth\.file, -Y\) has that user too/)
    assert.equal(server.output().includes('secret'), false)
  })
})

describe('who guesses', { concurrency: true }, () => {
  test('waits, and nobody else does', async () => {
    const server = await Server.start(scope, {
      flags: ['-t', '1'],
      environment: usersFlags(writeUsers(scope, BEFORE)),
      sidecar: true,
    })
    const before = await loggedIn(scope, server, 'kept')
    const guesser = await server.connect(scope)
    for (let guess = 0; guess < 4; guess++) {
      sendLogin(guesser, 'gone', `guess ${guess}`)
      await guesser.expect(WRONG)
    }
    // The last of these, though right, waits for many seconds, one after another as they are looked at;
    // whoever came from here before does not, nor does a client at work.
    const guessers = await Promise.all(Array.from({ length: 10 }, () => server.connect(scope)))
    guessers.forEach((one, index) => {
      sendLogin(one, 'gone', index === 9 ? 'gone' : `another guess ${index}`)
    })
    const again = await loggedIn(scope, server, 'kept')
    for (const client of [before, again]) {
      client.send('get x\r\n')
      await client.expect('END\r\n')
    }
    assert.equal(guessers.at(-1)?.pending.length, 0, 'the guesser still waits')
    const page = await (await fetch(`${server.sidecar}/metrics`)).text()
    assert.match(page, /^memckv_auth_failures_total [4-9]$/m)
    assert.match(page, /^memckv_auth_delayed_total [1-9]\d*$/m)
  })

  test('waits for a user of -Y as well, also with the right password', async () => {
    const path = join(usersFolder(scope), 'plain')
    writeFileSync(path, 'user:right\n')
    const server = await Server.start(scope, { flags: ['-t', '1', '-Y', path] })
    const guesser = await server.connect(scope)
    for (let guess = 0; guess < 6; guess++) {
      sendLogin(guesser, 'user', `guess ${guess}`)
      await guesser.expect(WRONG)
    }
    const order: string[] = []
    sendLogin(guesser, 'user', 'right')
    const answered = guesser.expect('STORED\r\n').then(() => order.push('login'))
    const other = await server.connect(scope)
    other.send('get x\r\n')
    await other.expect(FIRST)
    order.push('other')
    await answered
    assert.deepEqual(order, ['other', 'login'])
  })
})

test('the log says who came, who failed and who was refused, and never a key or a password', async () => {
  const server = await Server.start(scope, {
    flags: ['-t', '1', '-vvv'],
    environment: usersFlags(writeUsers(scope, BEFORE)),
    sidecar: true,
  })
  const client = await loggedIn(scope, server, 'kept')
  client.send('mg secretkey v\r\nflush_all\r\nshutdown\r\n')
  await client.expect(`EN\r\n${DENIED}${DENIED}`)
  const other = await server.connect(scope)
  sendLogin(other, 'kept', 'secretpass')
  await other.expect(WRONG)
  sendLogin(other, 'secretname', 'secretpass')
  await other.expect(WRONG)
  await logged(server, 'login failed', 2)
  const lines = auditOf(server).map(({ level, msg, user, command, reason, by }) => ({
    level,
    msg,
    user,
    ...(command === undefined ? {} : { command, reason }),
    ...(by === undefined ? {} : { by }),
  }))
  assert.deepEqual(lines, [
    { level: 'info', msg: 'login accepted', user: 'kept', by: 'password' },
    {
      level: 'warn',
      msg: 'permission denied',
      user: 'kept',
      command: 'flush_all',
      reason: 'flush',
    },
    {
      level: 'warn',
      msg: 'permission denied',
      user: 'kept',
      command: 'shutdown',
      reason: 'shutdown',
    },
    { level: 'warn', msg: 'login failed', user: 'kept' },
    { level: 'warn', msg: 'login failed', user: null },
  ])
  for (const { address } of auditOf(server)) assert.equal(address, '127.0.0.1')
  // Nor do pages and statistics.
  const root = await loggedIn(scope, server, 'gone')
  const pages = await Promise.all(
    ['/metrics', '/config', '/debug/connections'].map(
      async (path) => await (await fetch(`${server.sidecar}${path}`)).text(),
    ),
  )
  const shown = [server.output(), ...pages, JSON.stringify([...(await root.stats('settings'))])]
  for (const text of shown) {
    for (const secret of ['secretkey', 'secretpass', 'secretname', 'scrypt']) {
      assert.equal(text.includes(secret), false, secret)
    }
  }
  assert.match(pages[0] ?? '', /^memckv_permission_denied_total\{reason="flush"\} 1$/m)
  assert.match(pages[0] ?? '', /^memckv_users 3$/m)
})

test('lines about refused commands are few, and say how many they stand for', async () => {
  const server = await Server.start(scope, {
    flags: ['-t', '1'],
    environment: usersFlags(writeUsers(scope, BEFORE)),
    sidecar: true,
  })
  const client = await loggedIn(scope, server, 'kept')
  client.send('flush_all\r\n'.repeat(5000))
  await client.expect(DENIED.repeat(5000))
  const page = await (await fetch(`${server.sidecar}/metrics`)).text()
  assert.match(page, /^memckv_permission_denied_total\{reason="flush"\} 5000$/m)
  const lines = auditOf(server).filter(({ msg }) => msg === 'permission denied')
  assert.ok(lines.length >= 1 && lines.length <= 40, String(lines.length))
})

for (const [what, text, status] of [
  ['malformed', 'users:\n- name: x\n', 66],
  ['missing', null, 66],
] as const) {
  test(`a file that is ${what} stops the start in one line`, async () => {
    const path = text === null ? '/nowhere/users.yaml' : writeUsers(scope, text)
    const server = launch(scope, { environment: usersFlags(path) })
    const { code } = await server.ended()
    assert.equal(code, status)
    assert.match(server.output(), /^memc-kv: users file \S+users\.yaml.*\n$/)
  })
}

test('docs/examples/users.yaml does what it says', async () => {
  const path = join(import.meta.dirname, '../../docs/examples/users.yaml')
  const server = await Server.start(scope, { environment: usersFlags(path) })
  const as = async (user: string, password = `${user}-password`): Promise<Client> => {
    const client = await server.connect(scope)
    await logIn(client, user, password)
    return client
  }
  for (const client of [await as('shop'), await as('shop', 'shop-new-password')]) {
    client.send('set shop:1 0 0 1\r\nv\r\nget shop:1 basket:1\r\nflush_all\r\n')
    await client.expect(`STORED\r\n${DENIED}${DENIED}`)
  }
  const reports = await as('reports')
  reports.send('get shop:1\r\ndelete shop:1\r\nstats\r\n')
  await reports.expect(`VALUE shop:1 0 1\r\nv\r\nEND\r\n${DENIED}${DENIED}`)
  const monitoring = await as('monitoring')
  assert.ok((await monitoring.stats()).has('curr_items'))
  monitoring.send('get shop:1\r\nlru_crawler metadump all\r\n')
  await monitoring.expect(DENIED + DENIED)
  const operator = await as('operator')
  operator.send('get shop:1\r\nshutdown\r\nflush_all\r\n')
  await operator.expect(`${DENIED}${DENIED}OK\r\n`)
  const root = await as('root')
  root.send('get shop:1\r\nverbosity 0\r\n')
  await root.expect('END\r\nOK\r\n')
  const anybody = await server.connect(scope)
  anybody.send('get public:1\r\nget shop:1\r\n')
  await anybody.expect(`END\r\n${DENIED}`)
})
