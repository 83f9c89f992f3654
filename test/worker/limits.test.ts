import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

const MIB = 1024 * 1024

/** Memory of the process that is its own: what it shares with files does not count. */
function memoryOf(server: Server): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  const word = (name: string): number => Number(RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1])
  return (word('RssAnon') + word('RssShmem')) * 1024
}

for (const wire of WIRES) {
  describe(`what clients may make the server hold, ${wire} wire`, () => {
    const scope = new SuiteScope()
    const directory = mkdtempSync(join(tmpdir(), 'memckv-limits-'))
    after(async () => {
      await scope.close()
      rmSync(directory, { recursive: true, force: true })
    })

    test('a multiget of 100 MB that nobody reads costs a buffer and no copy', async () => {
      const server = await Server.start(scope, { flags: ['-t', '1'], environment: hooked(wire) })
      const client = await server.connect(scope)
      client.send(`set mb 0 0 1000000\r\n${'m'.repeat(1_000_000)}\r\nget mb\r\n`)
      await client.expect('STORED\r\n')
      await client.readUntil('END\r\n')
      const before = memoryOf(server)
      client.socket.pause()
      client.send(`get${' mb'.repeat(100)}\r\n`)
      const other = await server.connect(scope)
      await until(
        async () => [...(await other.stats('conns')).values()].includes('conn_mwrite'),
        () => 'the client is not blocked',
      )
      for (let count = 0; count < 20; count++) await other.stats()
      const grown = memoryOf(server) - before
      assert.ok(grown < 16 * MIB, `${Math.round(grown / MIB)} MiB more for one slow client`)
      const stats = await other.stats()
      assert.ok(Number(stats.get('response_obj_bytes')) <= MIB, stats.get('response_obj_bytes'))
    })

    test('with too many clients that do not read, the longest stuck of them go', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '1'],
        unixSocket: join(directory, 'slow'),
        environment: hooked(wire),
      })
      const setter = await server.connect(scope)
      setter.send(`set value 0 0 1000000\r\n${'v'.repeat(1_000_000)}\r\n`)
      await setter.expect('STORED\r\n')
      const slow: Client[] = []
      for (let count = 0; count < 300; count++) {
        const client = await server.connect(scope)
        client.socket.pause()
        client.send('get value\r\n')
        slow.push(client)
      }
      const stats = await until(
        async () => {
          const now = await setter.stats()
          const isDone = Number(now.get('get_hits')) === 300
          return isDone ? now : null
        },
        () => 'not all were answered',
      )
      // On the stream wire the bytes wait in the stream, with no bound but the turn's 64 KiB each.
      if (wire === 'raw') {
        assert.ok(Number(stats.get('curr_connections')) < 300, 'nobody had to go')
        assert.ok(Number(stats.get('response_obj_bytes')) <= 17 * MIB)
        assert.ok(Number(stats.get('response_obj_oom')) > 0)
      }
      const last = slow.at(-1)!
      last.socket.resume()
      await last.expect('VALUE value 0 1000000\r\n')
      assert.ok((await last.readBytes(1_000_000)).equals(Buffer.alloc(1_000_000, 'v')))
      await last.expect('\r\nEND\r\n')
    })

    test('long lines without an end are kept up to a limit; over it a client is told', async () => {
      const server = await Server.start(scope, { flags: ['-t', '1'], environment: hooked(wire) })
      const long = Buffer.from(`get ${'k'.repeat(200)} `.repeat(1000).replaceAll('get', 'key'))
      const clients: Client[] = []
      for (let count = 0; count < 80; count++) {
        const client = await server.connect(scope)
        client.send('get ')
        client.send(long)
        clients.push(client)
      }
      const other = await server.connect(scope)
      await allIsRead(other)
      const told = await until(
        () => {
          const found = clients.filter(({ closed }) => closed)
          return found.length > 0 ? found : null
        },
        () => '80 lines of 200 kB were all kept',
      )
      for (const client of told) {
        await client.expect('SERVER_ERROR out of memory reading request\r\n')
      }
      const stats = await other.stats()
      assert.ok(Number(stats.get('read_buf_bytes')) <= 16 * MIB)
      assert.ok(Number(stats.get('read_buf_oom')) >= told.length)
      for (const client of clients.filter(({ closed }) => !closed).slice(0, 3)) {
        client.send('\r\n')
        await client.expect('END\r\n')
      }
      for (const client of clients) client.close()
      await until(
        async () => (await other.stats()).get('read_buf_count') === '0',
        () => 'stashes of clients that are gone are kept',
      )
    })

    test('a pipeline that nobody reads keeps one buffer, not one for each turn', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-R', '1'],
        environment: hooked(wire),
      })
      const client = await server.connect(scope)
      const other = await server.connect(scope)
      client.send(`set value 0 0 8000\r\n${'v'.repeat(8000)}\r\n`)
      await client.expect('STORED\r\n')
      client.socket.pause()
      client.send('get value\r\n'.repeat(2500))
      await until(
        async () => [...(await other.stats('conns')).values()].includes('conn_mwrite'),
        () => 'the client is not blocked',
      )
      for (let turn = 0; turn < 100; turn++) await other.stats()
      const stats = await other.stats()
      assert.ok(Number(stats.get('response_obj_bytes')) <= MIB / 4, stats.get('response_obj_bytes'))
      assert.equal(stats.get('response_obj_oom'), '0')
      client.socket.resume()
      for (let count = 0; count < 2500; count += 100) {
        await client.readBytes(100 * ('VALUE value 0 8000\r\n\r\nEND\r\n'.length + 8000))
      }
    })

    test('an idle connection costs little', async () => {
      const server = await Server.start(scope, {
        flags: ['-t', '2', '-c', '3000'],
        environment: hooked(wire),
      })
      // Heaps grow by megabytes, and malloc's by huge pages; the more connections, the less that counts.
      const COUNT = 2500
      // The first ones warm everything up.
      await Promise.all(Array.from({ length: 200 }, () => used(server, scope)))
      const before = memoryOf(server)
      await Promise.all(Array.from({ length: COUNT }, () => used(server, scope)))
      const each = (memoryOf(server) - before) / COUNT
      assert.ok(each < (wire === 'raw' ? 6000 : 16_000), `${Math.round(each)} bytes for each`)
    })
  })
}

async function used(server: Server, scope: SuiteScope): Promise<void> {
  const client = await server.connect(scope)
  client.send('get nothing\r\n')
  await client.expect('END\r\n')
}

/** Until nothing but these questions has come in for a while, so that whoever had to go has gone. */
async function allIsRead(client: Client): Promise<void> {
  let before = 0
  let quiet = 0
  await until(
    async () => {
      const now = Number((await client.stats()).get('bytes_read'))
      quiet = now - before === 'stats\r\n'.length ? quiet + 1 : 0
      before = now
      return quiet >= 5
    },
    () => 'clients go on sending',
  )
}
