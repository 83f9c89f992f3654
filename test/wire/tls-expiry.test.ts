import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { tlsFlags } from '../support/certificates.ts'
import { Server } from '../support/server.ts'
import { authority, outcomeOf, own, pair, WIRES } from './tls-parts.ts'

for (const { wire, flags } of WIRES) {
  test(`a session does not outlive the certificate of its client, on ${wire}`, async (t) => {
    // OpenSSL has a clock of its own, so a full handshake still passes when the server's is two days on.
    const later = 'const%20now=Date.now;Date.now=()=>now()+2*86400000'
    for (const days of [1, 30]) {
      const server = await Server.start(t, {
        flags: [
          ...tlsFlags(pair, `ssl_ca_cert=${authority.file}`, 'ssl_verify_mode=2'),
          ...['-t', '1', ...flags],
        ],
        environment: { NODE_OPTIONS: `--import=data:text/javascript,${later}` },
      })
      const app = own(authority.pair('app', { days }))
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const options = { servername: 'localhost', ...app, maxVersion, ...server.address }
        const first = connectTls(options)
        let session: Buffer | undefined
        first.on('session', (ticket) => {
          session = ticket
        })
        first.write('version\r\n')
        await once(first, 'data')
        first.destroy()
        assert.ok(session !== undefined)
        const outcome = await outcomeOf(server.address, { ...app, session, maxVersion })
        assert.equal(/^answered/.test(outcome), days === 30, `${days} ${maxVersion}: ${outcome}`)
      }
    }
  })
}
