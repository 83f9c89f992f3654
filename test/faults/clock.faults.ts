import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pause, until } from '../support/deadline.ts'
import { Server } from '../support/server.ts'
import { Load, report } from './load.ts'

/** Debian's package faketime; of the wall clock only, which is what jumps. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
const skip = existsSync(LIBRARY) ? false : 'it needs the Debian package faketime'

const DAY_SECONDS = 86_400

test('the wall clock jumps, forward and back, under load', { skip }, async (scope) => {
  const folder = mkdtempSync(join(tmpdir(), 'memckv-clock-'))
  scope.after(async () => rmSync(folder, { recursive: true }))
  const file = join(folder, 'offset')
  const jump = (seconds: number): void =>
    writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}s\n`)
  jump(0)
  const server = await Server.start(scope, {
    flags: ['-t', '4', '-m', '256'],
    environment: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  })
  const client = await server.connect(scope)
  const unixSeconds = Math.floor(Date.now() / 1000)
  client.send(`set relative 0 1000 1\r\n1\r\nset absolute 0 ${unixSeconds + 1000} 1\r\n1\r\n`)
  client.send(`set soon 0 ${unixSeconds + 10} 1\r\n1\r\n`)
  await client.expect('STORED\r\n'.repeat(3))
  const load = new Load(scope, server)
  for (const days of [1, -1, 400, -400, 0]) {
    jump(days * DAY_SECONDS)
    await load.replies(1000)
    client.send('get relative absolute\r\n')
    await client.expect('VALUE relative 0 1\r\n1\r\nVALUE absolute 0 1\r\n1\r\nEND\r\n')
    // What the process takes for now, in the lines of its log.
    const before = told(server)
    server.child.kill('SIGHUP')
    await until(
      () => told(server) > before,
      () => 'SIGHUP was not answered',
    )
  }
  const { replies, resets, ends } = await load.end()
  await pause(Math.max(0, (unixSeconds + 10) * 1000 - Date.now()))
  client.send('get soon\r\n')
  await client.expect('END\r\n')
  const years = new Set([...server.output().matchAll(/"time":"(\d{4})/g)].map(([, year]) => year))
  assert.ok(years.size >= 3, `the clock did not jump: ${[...years]}`)
  report('wall clock jumps', { jumps: 5, replies, 'cut off': resets + ends })
  assert.equal(resets + ends, 0)
})

function told(server: Server): number {
  return server.output().split('nothing to reload').length
}
