import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { Server } from '../support/server.ts'
import { authority, ca, client, outcomeOf, own, pair, WIRES } from './tls-parts.ts'

for (const { wire, flags } of WIRES) {
  test(`certificates of clients: none, requested, required, on ${wire}`, async (t) => {
    const stranger = new Authority(t).pair('stranger')
    const known = authority.pair('app', { names: 'DNS:app.svc,URI:spiffe://cluster/app' })
    const listen = ['-l', '127.0.0.1,btls:127.0.0.2,mtls:127.0.0.3,notls:127.0.0.4', '-p', '-1']
    const server = await Server.start(t, {
      listen,
      flags: [
        ...tlsFlags(pair, `ssl_ca_cert=${authority.file}`, 'ssl_verify_mode=1'),
        ...['-t', '1', ...flags],
      ],
    })
    const { port } = server
    const answers = /^answered VERSION/
    const cases = [
      ['127.0.0.1', client(), true],
      ['127.0.0.1', own(known), true],
      ['127.0.0.1', own(stranger), false],
      ['127.0.0.2', client(), true],
      ['127.0.0.2', own(stranger), true],
      ['127.0.0.3', client(), false],
      ['127.0.0.3', own(known), true],
      ['127.0.0.3', own(stranger), false],
    ] as const
    for (const [host, options, isAnswered] of cases) {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const outcome = await outcomeOf({ host, port }, { ...options, maxVersion })
        assert.equal(answers.test(outcome), isAnswered, `${host} ${maxVersion}: ${outcome}`)
      }
    }
    const plain = await Client.connect({ host: '127.0.0.4', port })
    plain.send('mn\r\n')
    await plain.expect('MN\r\n')
    plain.close()
  })

  test(`a session without a client certificate does not open the port that requires one, on ${wire}`, async (t) => {
    const server = await Server.start(t, {
      listen: ['-l', 'btls:127.0.0.1,mtls:127.0.0.2', '-p', '-1'],
      flags: [...tlsFlags(pair, `ssl_ca_cert=${authority.file}`), '-t', '1', ...flags],
    })
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = connectTls({ servername: 'localhost', ca, maxVersion, ...server.address })
      let session: Buffer | undefined
      first.on('session', (ticket) => {
        session = ticket
      })
      first.write('version\r\n')
      await once(first, 'data')
      first.destroy()
      const second = { host: '127.0.0.2', port: server.port }
      assert.doesNotMatch(await outcomeOf(second, { session, maxVersion }), /answered/)
    }
  })
}

test('only the versions and ciphers that are allowed are spoken', async (t) => {
  const server = await Server.start(t, {
    flags: [...tlsFlags(pair, 'ssl_min_version=3', 'ssl_ciphers=TLS_AES_128_GCM_SHA256')],
  })
  assert.match(
    await outcomeOf(server.address, { maxVersion: 'TLSv1.2' }),
    /PROTOCOL_VERSION|ECONNRESET/,
  )
  assert.match(
    await outcomeOf(server.address, { ciphers: 'TLS_AES_256_GCM_SHA384' }),
    /HANDSHAKE_FAILURE|ECONNRESET|closed/,
  )
  assert.match(await outcomeOf(server.address, { ciphers: 'TLS_AES_128_GCM_SHA256' }), /^answered/)
})

test('a list of ciphers for TLS 1.2 leaves TLS 1.3 as it is', async (t) => {
  const cipher = 'ECDHE-ECDSA-AES128-GCM-SHA256'
  const server = await Server.start(t, { flags: tlsFlags(pair, `ssl_ciphers=${cipher}`) })
  assert.match(await outcomeOf(server.address, { minVersion: 'TLSv1.3' }), /^answered/)
  assert.match(
    await outcomeOf(server.address, { maxVersion: 'TLSv1.2', ciphers: cipher }),
    /^answered/,
  )
  const other = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' } as const
  assert.match(await outcomeOf(server.address, other), /HANDSHAKE_FAILURE|ECONNRESET|closed/)
})

test('without tickets no session is resumed', async (t) => {
  const server = await Server.start(t, {
    flags: [...tlsFlags(pair), '--tls.sessionTickets=false', '-t', '1'],
  })
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = connectTls({ servername: 'localhost', ca, maxVersion, ...server.address })
    let session: Buffer | undefined
    first.on('session', (ticket) => {
      session = ticket
    })
    first.write('version\r\n')
    await once(first, 'data')
    first.destroy()
    const options: ConnectionOptions = { servername: 'localhost', ca, maxVersion }
    const again = connectTls(
      session === undefined
        ? { ...options, ...server.address }
        : { ...options, session, ...server.address },
    )
    again.write('version\r\n')
    await once(again, 'data')
    assert.ok(!again.isSessionReused())
    again.destroy()
  }
})

test('refresh_certs is no command without TLS', async (t) => {
  const server = await Server.start(t)
  const one = await server.connect(t)
  one.send('refresh_certs\r\n')
  await one.expect('ERROR\r\n')
})

test('a client that begins TLS on a plain port is closed and counted', async (t) => {
  const server = await Server.start(t, { sidecar: true })
  const outcome = await outcomeOf(server.address, {})
  assert.doesNotMatch(outcome, /answered/)
  const page = await (await fetch(`${server.sidecar}/metrics`)).text()
  assert.match(page, /^memckv_tls_hellos_refused_total 1$/m)
})
