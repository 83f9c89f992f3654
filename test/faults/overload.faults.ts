import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import type { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

const MIB = 2 ** 20

describe('many clients want too much', () => {
  const scope = new SuiteScope()
  after(() => scope.close())

  test('when unfinished commands fill their memory, the oldest of them go', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'], environment: hooked('raw') })
    const watcher = await watching(server, scope)
    const halves: Client[] = []
    for (let count = 0; count < 60; count++) {
      const client = await connected(server, scope)
      client.send(longLine(200_000))
      halves.push(client)
    }
    const honest = await server.connect(scope)
    // Most of the 16 MiB that there are, in stashes of 256 KiB.
    await until(
      async () => Number((await honest.stats()).get('read_buf_bytes')) === 15 * MIB,
      () => 'the lines are not all kept',
    )
    // Two ticks later they are older than anything that begins now.
    await pause(2100)
    for (let count = 0; count < 3; count++) {
      honest.send(longLine(900_000))
      await pause(50)
      honest.send('\r\n')
      await honest.expect('END\r\n')
    }
    const gone = halves.filter(({ closed }) => closed)
    assert.ok(gone.length > 0 && gone.length <= 6, `${gone.length} had to go`)
    assert.deepEqual(gone, halves.slice(0, gone.length))
    for (const client of gone) {
      await client.expect('SERVER_ERROR out of memory reading request\r\n')
    }
    const told = gone.map(({ socket }) => portOf(socket))
    assert.deepEqual(await closedForMemory(watcher, gone.length), told)
    const left = halves.at(-1)!
    left.send('\r\n')
    await left.expect('END\r\n')
  })

  test('long pipelines of many clients are slowed down, not refused', async () => {
    const server = await Server.start(scope, {
      flags: ['-t', '1', '-R', '5'],
      environment: hooked('raw'),
    })
    const COMMANDS = 3000
    const commands = Buffer.from('get nothing_at_all\r\n'.repeat(COMMANDS))
    const clients: Client[] = []
    for (let count = 0; count < 280; count++) clients.push(await server.connect(scope))
    // All of it is there when the server looks: 17 MB, and 16 MiB are for what has to wait.
    server.child.kill('SIGSTOP')
    for (const client of clients) client.send(commands)
    await pause(200)
    server.child.kill('SIGCONT')
    for (const client of clients) await client.readBytes(COMMANDS * 'END\r\n'.length)
    const stats = await clients[0]!.stats()
    assert.equal(stats.get('read_buf_oom'), '0')
    assert.equal(stats.get('read_buf_bytes'), '0')
  })

  for (const wire of WIRES) {
    test(`two long pipelines take turns, ${wire} wire`, async () => {
      const TURN = 20
      const COMMANDS = 2000
      const server = await Server.start(scope, {
        flags: ['-t', '1', '-R', String(TURN)],
        environment: hooked(wire),
      })
      const first = await server.connect(scope)
      const second = await server.connect(scope)
      first.send('set first 0 0 1\r\n0\r\nset second 0 0 1\r\n0\r\n')
      await first.expect('STORED\r\nSTORED\r\n')
      server.child.kill('SIGSTOP')
      first.send(`${'incr first 1\r\n'.repeat(COMMANDS)}get second\r\n`)
      second.send(`${'incr second 1\r\n'.repeat(COMMANDS)}get first\r\n`)
      await pause(200)
      server.child.kill('SIGCONT')
      const others = [await lastCount(first), await lastCount(second)]
      // Whoever is done sees how far the other is.
      const behind = COMMANDS - Math.min(...others)
      assert.ok(behind <= 2 * TURN, `one was done when the other had ${behind} commands to go`)
    })
  }

  test('when slow readers hold the memory for replies, those go that have not read for longest', async () => {
    const server = await Server.start(scope, { flags: ['-t', '1'], environment: hooked('raw') })
    const watcher = await watching(server, scope)
    const setter = await server.connect(scope)
    setter.send(`set value 0 0 1000000\r\n${'v'.repeat(1_000_000)}\r\n`)
    await setter.expect('STORED\r\n')
    const slow: Client[] = []
    for (let count = 0; count < 300; count++) {
      slow.push(await deaf(server, scope))
    }
    const figure = async (name: string): Promise<number> => Number((await setter.stats()).get(name))
    let seen = ''
    await until(
      async () => {
        const states = [...(await setter.stats('conns')).values()]
        const stuck = states.filter((state) => state === 'conn_mwrite').length
        seen = `${stuck} are stuck, ${await figure('response_obj_oom')} had to go`
        return stuck + (await figure('response_obj_oom')) === 300
      },
      () => seen,
    )
    const count = await figure('response_obj_oom')
    assert.ok(count > 0, 'nobody had to go')
    const gone = await closedForMemory(watcher, count)
    // One more may have had to go since.
    assert.ok(gone.length >= count, `${gone.length} of ${count}`)
    const oldest = slow.slice(0, gone.length).map(({ socket }) => portOf(socket))
    assert.deepEqual(gone.toSorted(), oldest.toSorted())
  })
})

async function watching(server: Server, scope: SuiteScope): Promise<Client> {
  const client = await server.connect(scope)
  client.send('watch connevents\r\n')
  await client.expect('OK\r\n')
  return client
}

/** Ports of the clients that were closed to free memory, once there are so many. */
async function closedForMemory(watcher: Client, count: number): Promise<string[]> {
  return until(
    () => {
      const text = watcher.pending.toString()
      const found = [...text.matchAll(/rport=(\d+) transport=tcp reason=memory/g)]
      return found.length >= count ? found.map(([, port]) => port ?? '') : null
    },
    () => `fewer than ${count} were closed`,
  )
}

/** Of clients that may be closed, when a socket no longer knows it. */
const ports = new WeakMap<Socket, string>()

function portOf(socket: Socket): string {
  return ports.get(socket) ?? ''
}

async function connected(server: Server, scope: SuiteScope): Promise<Client> {
  const client = await server.connect(scope)
  ports.set(client.socket, String(client.socket.localPort))
  return client
}

async function deaf(server: Server, scope: SuiteScope): Promise<Client> {
  const client = await connected(server, scope)
  client.socket.pause()
  client.send('get value\r\n'.repeat(40))
  return client
}

/** Of a command without its end. */
function longLine(bytes: number): Buffer {
  return Buffer.from(`get ${'kkkkkkkkk '.repeat(bytes / 10)}`)
}

async function lastCount(client: Client): Promise<number> {
  await client.readUntil(' 0 4\r\n').catch(() => Buffer.alloc(0))
  const rest = (await client.readUntil('END\r\n')).toString()
  return Number(rest.split('\r\n')[0])
}
