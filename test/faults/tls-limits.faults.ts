import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { tlsFlags } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { until } from '../support/deadline.ts'
import { Server } from '../support/server.ts'
import { client, pair, WIRES } from '../wire/tls-parts.ts'

for (const { wire, flags } of WIRES) {
  test(`handshakes that do not end are closed, on ${wire}`, async (t) => {
    const server = await Server.start(t, {
      flags: [...tlsFlags(pair), '-t', '1', '--tls.handshakeTimeout=300ms', ...flags],
      tls: client(),
    })
    const silent = await Client.connect(server.address)
    await silent.expectClose()
    const one = await server.connect(t)
    assert.equal((await one.stats()).get('ssl_handshake_errors'), '1')
  })

  test(`a flood of half handshakes takes no place from who is through, on ${wire}`, async (t) => {
    const server = await Server.start(t, {
      flags: [...tlsFlags(pair), '-t', '1', '-c', '5', '--tls.handshakesMax=16', ...flags],
      tls: client(),
    })
    const half = await Promise.all(
      Array.from({ length: 100 }, () => Client.connect(server.address)),
    )
    t.after(() => {
      for (const each of half) each.close()
    })
    const one = await server.connect(t)
    const stats = await one.stats()
    assert.equal(stats.get('curr_connections'), '1')
    await until(
      () => half.filter((each) => each.closed).length === 100 - 15,
      () => `${half.filter((each) => each.closed).length} are closed`,
    )
  })

  test(`over the connection limit a client is told so, on ${wire}`, async (t) => {
    const server = await Server.start(t, {
      flags: [...tlsFlags(pair), '-t', '1', '-c', '1', ...flags],
      tls: client(),
    })
    const one = await server.connect(t)
    one.send('mn\r\n')
    await one.expect('MN\r\n')
    const two = await server.connect(t)
    await two.expect('ERROR Too many open connections\r\n')
    await two.expectClose()
  })

  test(`a client that waits for a place is served when there is one, on ${wire}`, async (t) => {
    const server = await Server.start(t, {
      flags: [...tlsFlags(pair), '-t', '1', '-c', '1', '-o', 'no_maxconns_fast', ...flags],
      tls: client(),
    })
    const one = await server.connect(t)
    one.send('mn\r\n')
    await one.expect('MN\r\n')
    const two = await server.connect(t)
    two.send('mn\r\n')
    await two.expectSilence()
    one.close()
    await two.expect('MN\r\n')
  })

  test(`SIGTERM ends connections and handshakes, on ${wire}`, async (t) => {
    const server = await Server.start(t, {
      flags: [...tlsFlags(pair), '-t', '2', ...flags],
      tls: client(),
    })
    const idle = await server.connect(t)
    const silent = connectTcp({ host: '127.0.0.1', port: server.port })
    silent.on('error', () => {})
    await once(silent, 'connect')
    idle.send('mn\r\n')
    await idle.expect('MN\r\n')
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    await idle.expectClose()
  })
}
