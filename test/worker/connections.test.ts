import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

const directory = mkdtempSync(join(tmpdir(), 'memckv-idle-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** All four servers wait out their seconds of idleness at the same time. */
describe('the idle timeout', { concurrency: 4 }, () => {
  const scope = new SuiteScope()
  after(() => scope.close())
  for (const wire of WIRES) {
    test(`it is not for those in the middle of a value, or not reading, ${wire} wire`, async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-o', 'idle_timeout=1'],
        environment: hooked(wire),
      })
      const uploading = await server.connect(scope)
      const halfway = await server.connect(scope)
      const deaf = await server.connect(scope)
      const silent = await server.connect(scope)
      deaf.send(`set big 0 0 900000\r\n${'b'.repeat(900_000)}\r\n`)
      await deaf.expect('STORED\r\n')
      deaf.socket.pause()
      deaf.send('get big\r\n'.repeat(20))
      uploading.send('set up 0 0 10000\r\nhalf of it')
      halfway.send('set half 0 0 10\r\nhalf')
      silent.send('mn\r\n')
      await silent.expect('MN\r\n')
      const busy = await server.connect(scope)
      await until(
        async () => {
          await busy.stats()
          return silent.closed
        },
        () => 'the idle client stays',
      )
      const stats = await busy.stats()
      assert.equal(stats.get('idle_kicks'), '1')
      assert.equal(stats.get('curr_connections'), '4')
      uploading.send(`${'u'.repeat(9990)}\r\n`)
      await uploading.expect('STORED\r\n')
      halfway.send('half12\r\n')
      await halfway.expect('STORED\r\n')
      deaf.socket.resume()
      for (let count = 0; count < 20; count++) await deaf.readUntil('\r\nEND\r\n')
    })

    test(`on a unix socket nobody is idle for too long, ${wire} wire`, async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-o', 'idle_timeout=1'],
        unixSocket: join(directory, wire),
        environment: hooked(wire),
      })
      const silent = await server.connect(scope)
      const busy = await server.connect(scope)
      const end = performance.now() + 2700
      await until(
        async () => {
          await busy.stats()
          return performance.now() > end
        },
        () => 'time stands still',
      )
      silent.send('mn\r\n')
      await silent.expect('MN\r\n')
      assert.equal((await busy.stats()).get('idle_kicks'), '0')
    })
  }
})
