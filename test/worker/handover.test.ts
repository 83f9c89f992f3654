import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createCounters } from '../../src/telemetry/counters.ts'
import { Handover } from '../../src/worker/handover.ts'
import type { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

/** Connections of each worker, as the workers themselves say it once a second. */
async function byWorker(server: Server): Promise<number[]> {
  const text = await (await fetch(`${server.sidecar}/metrics`)).text()
  const counts: number[] = []
  for (const [, worker, value] of text.matchAll(
    /^memckv_connections\{thread="worker-(\d+)",state="\w+"\} (\d+)$/gm,
  )) {
    counts[Number(worker)] = (counts[Number(worker)] ?? 0) + Number(value)
  }
  return counts
}

async function evenly(server: Server, connections: number): Promise<number[]> {
  let seen: number[] = []
  return await until(
    async () => {
      seen = await byWorker(server)
      return seen.reduce((sum, count) => sum + count, 0) === connections ? seen : null
    },
    () => `${connections} connections, but ${seen.join(' ')}`,
  )
}

async function speak(client: Client): Promise<void> {
  client.send('mn\r\n')
  await client.expect('MN\r\n')
}

function descriptors(server: Server): number {
  return readdirSync(`/proc/${server.pid}/fd`).length
}

/** When the server is ready nobody can come to its channels any more. */
async function closedToStrangers(server: Server): Promise<void> {
  const own = new Set(
    readdirSync(`/proc/${server.pid}/fd`).map((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${server.pid}/fd/${name}`))?.[1]
      } catch {
        return ''
      }
    }),
  )
  const rows = (): string[][] =>
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , , , , inode]) => own.has(inode))
  assert.ok(rows().length >= 12, 'the channels are there')
  // The flag of a socket that listens (SO_ACCEPTCON). The last worker may still be reading who came.
  const listening = (): string[][] => rows().filter(([, , , flags]) => flags === '00010000')
  await until(
    () => listening().length === 0,
    () => `still open: ${listening().map((row) => row.at(-1))}`,
  )
}

describe('connections over several workers', () => {
  const scope = new SuiteScope()
  const directory = mkdtempSync(join(tmpdir(), 'memckv-handover-'))
  after(async () => {
    await scope.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('as many connections as workers are one for each', async () => {
    const server = await Server.start(scope, { flags: ['-t', '4'], sidecar: true })
    await closedToStrangers(server)
    for (const total of [4, 8, 12]) {
      for (let count = total - 4; count < total; count++) await speak(await server.connect(scope))
      assert.deepEqual(await evenly(server, total), [total / 4, total / 4, total / 4, total / 4])
    }
  })

  test('those of a unix socket, too', async () => {
    const unixSocket = join(directory, 'socket')
    const server = await Server.start(scope, { flags: ['-t', '3'], unixSocket, sidecar: true })
    const clients: Client[] = []
    for (let count = 0; count < 6; count++) {
      const client = await server.connect(scope)
      await speak(client)
      clients.push(client)
    }
    assert.deepEqual(await evenly(server, 6), [2, 2, 2])
    const stats = await clients[0]!.stats('conns')
    const listeners = [...stats].filter(([name]) => name.endsWith(':listen_addr'))
    assert.equal(listeners.length, 6)
    for (const [, address] of listeners) assert.equal(address, `unix:${unixSocket}`)
  })

  test('what a client sent before it was handed over is answered, and those that left leave nothing', async () => {
    const server = await Server.start(scope, { flags: ['-t', '4'] })
    const first = await server.connect(scope)
    await speak(first)
    const before = descriptors(server)
    const value = 'v'.repeat(100_000)
    for (let round = 0; round < 10; round++) {
      const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect(scope)))
      for (const [index, client] of clients.entries()) {
        client.send(`set key${index} 0 0 ${value.length}\r\n${value}\r\nget key${index}\r\n`)
        // A reset may come at any moment of its way.
        if (index % 4 === 3) client.socket.resetAndDestroy()
      }
      for (const [index, client] of clients.entries()) {
        if (index % 4 === 3) continue
        await client.expect(`STORED\r\nVALUE key${index} 0 ${value.length}\r\n${value}\r\nEND\r\n`)
        client.close()
      }
    }
    await until(
      async () => (await first.stats()).get('curr_connections') === '1',
      () => 'connections are left',
    )
    await until(
      () => descriptors(server) <= before,
      () => `${before} descriptors before, now ${descriptors(server)}`,
    )
  })
})

test('whoever does not know the secret is sent away', async () => {
  const start = {
    name: `memc-kv-test-${randomBytes(8).toString('hex')}`,
    secret: randomBytes(32),
    coming: new Int32Array(new SharedArrayBuffer(8)),
  }
  const counters = createCounters(3)
  const receive = (): never => assert.fail('nobody was handed over')
  const first = Handover.open({ index: 0, count: 2, start, counters, receive })
  for (const guess of [
    randomBytes(32),
    Buffer.concat([start.secret.subarray(0, 31), Buffer.of(0)]),
  ]) {
    const stranger = connect(`\0${start.name}-0`)
    stranger.on('error', () => {})
    stranger.write(guess)
    await new Promise((resolve) => stranger.on('close', resolve))
  }
  const second = Handover.open({ index: 1, count: 2, start, counters, receive })
  assert.ok((await first) !== null)
  assert.ok((await second) !== null)
})
