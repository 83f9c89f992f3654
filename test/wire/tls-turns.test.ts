import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { tlsFlags } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Server } from '../support/server.ts'
import { ca, client, pair, WIRES } from './tls-parts.ts'

/** A client whose first command comes in one packet with the end of its handshake. */
function early(scope: Scope, server: Server, command: string): Client {
  const socket = connectTls({ servername: 'localhost', ca, ...server.address })
  const one = new Client(socket)
  one.send(command)
  scope.after(async () => one.close())
  return one
}

for (const { wire, flags } of WIRES) {
  test(`a place that becomes free in the middle of a turn mixes up no bytes, on ${wire}`, async (t) => {
    const LINES = 90
    const WAITING = 8
    const server = await Server.start(t, {
      flags: [
        ...tlsFlags(pair),
        ...['-t', '1', '-c', String(LINES + 1), '-o', 'no_maxconns_fast'],
        ...flags,
      ],
      tls: client(),
    })
    const admin = await server.connect(t)
    admin.send('mn\r\n')
    await admin.expect('MN\r\n')
    const clients: Client[] = []
    for (let count = 0; count < LINES; count++) clients.push(await server.connect(t))
    for (const one of clients) one.send(`get ${'k'.repeat(200)}`)
    await until(
      async () => (await admin.stats()).get('curr_connections') === String(LINES + 1),
      () => 'not all have a place',
    )
    const waiting = Array.from({ length: WAITING }, (_, index) =>
      early(t, server, `mn\r\nset early${index} 0 0 1000\r\n${'e'.repeat(1000)}\r\n`),
    )
    await until(
      async () => (await admin.stats()).get('accepting_conns') === '0',
      () => 'nobody waits',
    )
    // Long lines that do not end: over the memory for them, the oldest goes in the turn of another.
    const more = ` ${'k'.repeat(200)}`.repeat(1000)
    for (const one of clients) one.send(more)
    for (const one of waiting) await one.expect('MN\r\nSTORED\r\n')
    for (const one of clients) one.send('\r\n')
    let served = 0
    for (const one of clients) {
      await one.readWhile((received) => !received.includes('\n'))
      const answer = one.takeAll()
      assert.match(answer, /^(END\r\n|SERVER_ERROR out of memory reading request\r\n|)$/)
      if (answer === 'END\r\n') served++
    }
    assert.ok(served >= LINES / 2, `${served} were served`)
    assert.ok(served <= LINES - WAITING, 'nobody had to go')
    assert.equal(server.child.exitCode, null, server.output())
  })
}
