import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import type { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

const NEVER = { MEMCKV_CONNECTIONS_REQUEST_TIMEOUT: '0', MEMCKV_CONNECTIONS_WRITE_TIMEOUT: '0' }

/** Replies of a megabyte: more than the slow client can take in its time. */
const GETS = 100

/** All servers wait out their seconds at the same time. */
describe('timeouts of connections', { concurrency: 6 }, () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  for (const wire of WIRES) {
    test(`a command that does not come to its end is given up, ${wire} wire`, async () => {
      const server = await start(scope, wire, { MEMCKV_CONNECTIONS_REQUEST_TIMEOUT: '2s' })
      const watcher = await server.connect(scope)
      watcher.send('watch connevents\r\n')
      await watcher.expect('OK\r\n')
      const line = await server.connect(scope)
      const value = await server.connect(scope)
      const large = await server.connect(scope)
      const unwanted = await server.connect(scope)
      const silent = await server.connect(scope)
      const late = [line, value, large, unwanted]
      line.send('get a')
      value.send('set half 0 0 10\r\nhalf')
      large.send('set large 0 0 100000\r\nhalf')
      unwanted.send('set unwanted 0 0 99999999\r\nhalf')
      // A byte now and then does not help, nor do commands that were complete before.
      const drip = setInterval(() => line.send('a'), 100)
      const uploading = await server.connect(scope)
      uploading.send('mn\r\nset up 0 0 400000\r\n')
      await uploading.expect('MN\r\n')
      for (let piece = 0; piece < 10; piece++) {
        uploading.send('u'.repeat(40_000))
        await pause(400)
      }
      uploading.send('\r\n')
      await uploading.expect('STORED\r\n')
      clearInterval(drip)
      await until(
        () => late.every(({ closed }) => closed),
        () => `open: ${late.map(({ closed }) => !closed)}`,
      )
      for (const client of late.slice(0, 3)) assert.equal(client.pending.length, 0)
      silent.send('mn\r\n')
      await silent.expect('MN\r\n')
      const gone = watcher.pending.toString().match(/reason=request_timeout/g) ?? []
      assert.equal(gone.length, 4)
      assert.equal((await silent.stats()).get('curr_connections'), '3')
    })

    test(`replies that nobody takes are given up, ${wire} wire`, async () => {
      const server = await start(scope, wire, { MEMCKV_CONNECTIONS_WRITE_TIMEOUT: '2s' })
      const watcher = await server.connect(scope)
      watcher.send('watch connevents mutations\r\n')
      await watcher.expect('OK\r\n')
      const deafWatcher = await server.connect(scope)
      deafWatcher.send('watch fetchers\r\n')
      await deafWatcher.expect('OK\r\n')
      deafWatcher.socket.pause()
      await fillWatcher(server, scope)
      const setter = await server.connect(scope)
      setter.send(`set big 0 0 1000000\r\n${'b'.repeat(1_000_000)}\r\n`)
      await setter.expect('STORED\r\n')
      const deaf = await server.connect(scope)
      const gone = await server.connect(scope)
      const slow = await server.connect(scope)
      for (const client of [deaf, gone, slow]) {
        client.socket.pause()
        client.send('get big\r\n'.repeat(GETS))
      }
      // It will send no more, but has not taken what it asked for.
      gone.socket.end()
      const each = 'VALUE big 0 1000000\r\n'.length + 1_000_000 + '\r\nEND\r\n'.length
      await takeSlowly(slow, 3500, GETS * each)
      const figures = await until(
        async () => {
          const stats = await setter.stats()
          return stats.get('curr_connections') === '4' ? stats : null
        },
        () => 'clients that do not read are kept',
      )
      assert.equal(figures.get('response_obj_oom'), '0')
      const events = watcher.pending.toString().match(/reason=write_timeout/g) ?? []
      assert.equal(events.length, 2)
      assert.ok(!deafWatcher.closed)
    })
  }

  test('0 is never', async () => {
    const server = await start(scope, 'raw', NEVER)
    const half = await server.connect(scope)
    const deaf = await server.connect(scope)
    half.send('set half 0 0 10\r\nhalf')
    deaf.send(`set big 0 0 1000000\r\n${'b'.repeat(1_000_000)}\r\n`)
    await deaf.expect('STORED\r\n')
    deaf.socket.pause()
    deaf.send('get big\r\n'.repeat(20))
    await pause(3500)
    half.send('half12\r\n')
    await half.expect('STORED\r\n')
    deaf.socket.resume()
    for (let count = 0; count < 20; count++) await deaf.readUntil('\r\nEND\r\n')
  })

  test('time in which the server itself was stopped is not held against clients', async () => {
    const server = await start(scope, 'raw', { MEMCKV_CONNECTIONS_REQUEST_TIMEOUT: '2s' })
    const half = await server.connect(scope)
    half.send('set half 0 0 10\r\nhalf')
    await pause(300)
    server.child.kill('SIGSTOP')
    await pause(4000)
    server.child.kill('SIGCONT')
    await pause(500)
    half.send('half12\r\n')
    await half.expect('STORED\r\n')
  })
})

function start(
  scope: SuiteScope,
  wire: (typeof WIRES)[number],
  environment: Readonly<Record<string, string>>,
): Promise<Server> {
  return Server.start(scope, {
    flags: ['-t', '1'],
    environment: { ...hooked(wire), ...NEVER, ...environment },
  })
}

/** Events of misses, until there are more than the watcher's buffer and the kernel keep for it. */
async function fillWatcher(server: Server, scope: SuiteScope): Promise<void> {
  const client = await server.connect(scope)
  const gets = 'get nothing\r\n'.repeat(500)
  await until(
    async () => {
      client.send(gets)
      await client.readBytes('END\r\n'.length * 500)
      return Number((await client.stats()).get('log_watcher_skipped')) > 0
    },
    () => 'the watcher takes everything',
  )
  client.close()
}

/**
 * Takes a megabyte now and then, for that long, then all the rest. Much less would look like nothing to
 * the server: kernels tell it of room by megabytes, when that much is under way.
 */
async function takeSlowly(client: Client, milliseconds: number, bytes: number): Promise<void> {
  const { socket } = client
  const end = performance.now() + milliseconds
  let taken = 0
  let pauseAt = 0
  socket.removeAllListeners('data')
  socket.on('data', (chunk: Buffer) => {
    taken += chunk.length
    if (taken >= pauseAt) socket.pause()
  })
  while (performance.now() < end) {
    pauseAt = taken + 1_000_000
    socket.resume()
    await until(
      () => taken >= pauseAt,
      () => `${taken} bytes taken`,
    )
    await pause(50)
  }
  pauseAt = bytes
  socket.resume()
  await until(
    () => taken === bytes,
    () => `${taken} of ${bytes} bytes taken, closed ${client.closed}`,
  )
}
