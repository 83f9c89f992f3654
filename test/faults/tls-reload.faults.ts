import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { Pair } from '../support/certificates.ts'
import { tlsFlags } from '../support/certificates.ts'
import { until } from '../support/deadline.ts'
import { Server } from '../support/server.ts'
import { authority, client, WIRES } from '../wire/tls-parts.ts'

for (const { wire, flags } of WIRES) {
  test(`a new pair is used by new connections, and the old ones stay, on ${wire}`, async (t) => {
    const folder = join(authority.folder, `swap-${wire}`)
    mkdirSync(join(folder, 'v1'), { recursive: true })
    mkdirSync(join(folder, 'v2'))
    const put = (version: string, { cert, key }: Pair): void => {
      copyFileSync(cert, join(folder, version, 'tls.crt'))
      copyFileSync(key, join(folder, version, 'tls.key'))
    }
    const link = (version: string): void => {
      symlinkSync(version, join(folder, '..data-new'))
      renameSync(join(folder, '..data-new'), join(folder, '..data'))
    }
    put('v1', authority.pair('first'))
    put('v2', authority.pair('second'))
    link('v1')
    symlinkSync('..data/tls.crt', join(folder, 'tls.crt'))
    symlinkSync('..data/tls.key', join(folder, 'tls.key'))
    const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
    const server = await Server.start(t, {
      flags: [...tlsFlags(files), '-t', '2', ...flags],
      tls: client(),
    })
    const old = await server.connect(t)
    const nameNow = async (): Promise<string> => {
      const one = await server.connect()
      const name = String((one.socket as TLSSocket).getPeerCertificate().subject.CN)
      one.close()
      return name
    }
    assert.equal(await nameNow(), 'first')
    link('v2')
    await until(
      async () => (await nameNow()) === 'second',
      () => server.output(),
    )
    old.send('mn\r\n')
    await old.expect('MN\r\n')

    put('v2', { cert: authority.pair('third').cert, key: authority.pair('fourth').key })
    old.send('refresh_certs\r\n')
    const refused = await old.readLine()
    assert.match(refused, /^SERVER_ERROR tls\.keyFile .* is not the key of the first certificate/)
    assert.equal(await nameNow(), 'second')

    put('v2', authority.pair('fifth'))
    server.child.kill('SIGHUP')
    await until(
      async () => (await nameNow()) === 'fifth',
      () => server.output(),
    )
    old.send('refresh_certs\r\n')
    await old.expect('OK\r\n')
    assert.ok(Number((await old.stats()).get('time_since_server_cert_refresh')) <= 2)
  })
}
