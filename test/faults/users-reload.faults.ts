import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import {
  logIn,
  sendLogin,
  usersFlags,
  usersFolder,
  usersYaml,
  writeUsers,
} from '../support/users.ts'
import { AFTER, BEFORE, DENIED, FIRST, logged, loggedIn, WRONG } from '../wire/users-parts.ts'

const scope = new SuiteScope()
after(() => scope.close())

/** Each worker follows by itself; the line of the log is written when all have been told. */
async function refused(client: Client): Promise<void> {
  await until(
    async () => {
      client.send('get nothing\r\n')
      return (await client.readLine()) !== 'END'
    },
    () => 'the worker does not follow',
  )
}

describe('a changed file of users', { concurrency: true }, () => {
  for (const by of ['signal', 'change', 'link'] as const) {
    test(`holds for connections that are there already (${by})`, async () => {
      const folder = usersFolder(scope)
      // As Kubernetes lays out a volume: users.yaml -> ..data/users.yaml, ..data -> a folder.
      for (const [name, users] of [
        ['one', BEFORE],
        ['two', AFTER],
      ] as const) {
        mkdirSync(join(folder, name))
        writeFileSync(join(folder, name, 'users.yaml'), usersYaml(users))
      }
      symlinkSync('one', join(folder, '..data'))
      symlinkSync('..data/users.yaml', join(folder, 'users.yaml'))
      const path = join(folder, 'users.yaml')
      const server = await Server.start(scope, {
        flags: ['-t', '4'],
        environment: usersFlags(path),
      })
      const kept = await loggedIn(scope, server, 'kept')
      const gone = await loggedIn(scope, server, 'gone')
      const half = await loggedIn(scope, server, 'gone')
      const viewer = await loggedIn(scope, server, 'viewer')
      viewer.send('watch\r\n')
      await viewer.expect('OK\r\n')
      half.send('set x 0 0 100\r\nhalf of it')
      gone.send('set b 0 0 1\r\nv\r\n')
      await gone.expect('STORED\r\n')
      kept.send('get b\r\n')
      await kept.expect('VALUE b 0 1\r\nv\r\nEND\r\n')

      if (by === 'link') {
        symlinkSync('two', join(folder, '..data_tmp'))
        renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
      } else {
        writeFileSync(path, usersYaml(AFTER))
        if (by === 'signal') server.child.kill('SIGHUP')
      }
      await logged(server, 'users reloaded')
      await Promise.all([refused(kept), refused(gone)])

      // Whose rights changed, who is gone, who was in the middle of a value, and who watched.
      kept.send('get b\r\nget a:1\r\nset a:1 0 0 1\r\nv\r\n')
      await kept.expect(`${DENIED}END\r\n${DENIED}`)
      gone.send('get b\r\n')
      await gone.expect(FIRST)
      sendLogin(gone, 'gone', 'gone')
      await gone.expect(WRONG)
      await half.expectClose()
      // Behind the events that it was sent.
      await viewer.readWhile(() => true)
      // The old password of somebody who has two now.
      const client = await server.connect(scope)
      await logIn(client, 'kept', 'new')
      await loggedIn(scope, server, 'kept')
    })
  }

  test('that cannot be used changes nothing, and is told without its content', async () => {
    const path = writeUsers(scope, BEFORE)
    const server = await Server.start(scope, { environment: usersFlags(path), sidecar: true })
    const client = await loggedIn(scope, server, 'kept')
    writeFileSync(path, 'users:\n- name: kept\n  passwordHash: hunter2\n')
    await logged(server, 'users not reloaded; the old ones stay')
    client.send('set a:1 0 0 1\r\nv\r\n')
    await client.expect('STORED\r\n')
    await loggedIn(scope, server, 'gone')
    assert.match(server.output(), /users\.yaml, line 3: users\[0\]\.passwordHash: it must be/)
    assert.equal(server.output().includes('hunter2'), false)
    const outdated = async (): Promise<string | undefined> =>
      /^memckv_users_outdated (\d)$/m.exec(
        await (await fetch(`${server.sidecar}/metrics`)).text(),
      )?.[1]
    assert.equal(await outdated(), '1')
    writeFileSync(path, usersYaml(BEFORE))
    await logged(server, 'users reloaded')
    assert.equal(await outdated(), '0')
  })
})
