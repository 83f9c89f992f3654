import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect as connectTcp, createServer as createTcp } from 'node:net'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { until, within } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Server, SuiteScope } from '../support/server.ts'

/** The sidecar with a certificate of its own; the data port stays as it is. */

const { PATH = '' } = process.env
const searchPath = { PATH }
const scope = new SuiteScope()
const authority = new Authority(scope)
const pair = authority.pair('sidecar')
after(() => scope.close())

async function start(t: Scope, environment: Record<string, string> = {}): Promise<Server> {
  return await Server.start(t, {
    sidecar: true,
    flags: ['-t', '1'],
    environment: {
      MEMCKV_SIDECAR_TLS_CERT_FILE: pair.cert,
      MEMCKV_SIDECAR_TLS_KEY_FILE: pair.key,
      ...environment,
    },
  })
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly subject: string
}

function ask(server: Server, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.sidecar)
  const all = {
    ...{ hostname, port, path, agent: false, servername: 'localhost' },
    ...{ ca: readFileSync(authority.file), ...options },
  }
  const answer = new Promise<Answer>((settle, reject) => {
    const sent = request(all, (response) => {
      const subject = String((response.socket as TLSSocket).getPeerCertificate().subject.CN)
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => settle({ status: response.statusCode ?? 0, text, subject }))
    })
    sent.on('error', reject)
    sent.end()
  })
  return within(answer, () => path)
}

test('the sidecar answers over HTTPS, and says of its certificate when it ends', async (t) => {
  const server = await start(t)
  assert.equal((await ask(server, '/livez')).status, 200)
  const { text } = await ask(server, '/metrics')
  assert.match(text, /^memckv_tls_certificate_not_after_seconds\{port="sidecar"\} \d{10}$/m)
  assert.match(text, /^memckv_tls_certificate_not_before_seconds\{port="sidecar"\} \d{10}$/m)
  await assert.rejects(fetch(`${server.sidecar}/livez`))
})

test('with an authority only probes need no certificate', async (t) => {
  const server = await start(t, { MEMCKV_SIDECAR_TLS_CA_FILE: authority.file })
  assert.equal((await ask(server, '/readyz')).status, 200)
  assert.equal((await ask(server, '/metrics')).status, 403)
  const own = authority.pair('scraper')
  const known = { cert: readFileSync(own.cert), key: readFileSync(own.key) }
  assert.equal((await ask(server, '/metrics', known)).status, 200)
  const other = new Authority(t).pair('stranger')
  const stranger = { cert: readFileSync(other.cert), key: readFileSync(other.key) }
  assert.equal((await ask(server, '/metrics', stranger)).status, 403)
})

test('a new certificate is taken up', async (t) => {
  const cert = join(authority.folder, 'own.pem')
  const key = join(authority.folder, 'own.key')
  copyFileSync(pair.cert, cert)
  copyFileSync(pair.key, key)
  const server = await start(t, {
    MEMCKV_SIDECAR_TLS_CERT_FILE: cert,
    MEMCKV_SIDECAR_TLS_KEY_FILE: key,
  })
  assert.equal((await ask(server, '/livez')).subject, 'sidecar')
  const next = authority.pair('renewed')
  copyFileSync(next.cert, cert)
  copyFileSync(next.key, key)
  server.child.kill('SIGHUP')
  await until(
    async () => (await ask(server, '/livez')).subject === 'renewed',
    () => server.output(),
  )
})

test('half handshakes do not keep a probe from its answer', async (t) => {
  const server = await start(t)
  const { hostname, port } = new URL(server.sidecar)
  const half = Array.from({ length: 100 }, () => {
    const socket = connectTcp({ host: hostname, port: Number(port) })
    return socket.on('error', () => {})
  })
  t.after(() => {
    for (const socket of half) socket.destroy()
  })
  for (let i = 0; i < 5; i++) assert.equal((await ask(server, '/livez')).status, 200)
})

test('the health check asks over HTTPS, and the data port over TLS', async (t) => {
  const program = resolve(import.meta.dirname, '../../src/healthcheck.ts')
  const check = (pid: number, env: Record<string, string>): Promise<string> =>
    new Promise((settle) => {
      const options = { env: { ...searchPath, ...env } }
      execFile(process.execPath, [program, String(pid)], options, (_, stdout) => settle(stdout))
    })
  const free = createTcp().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  free.close()
  const server = await Server.start(t, {
    sidecar: true,
    listen: ['-l', '127.0.0.1', '-p', String(port)],
    flags: [...tlsFlags(pair, `ssl_ca_cert=${authority.file}`, 'ssl_verify_mode=2'), '-t', '1'],
    environment: { MEMCKV_SIDECAR_TLS_CERT_FILE: pair.cert, MEMCKV_SIDECAR_TLS_KEY_FILE: pair.key },
  })
  const { hostname, port: sidecarPort } = new URL(server.sidecar)
  const secure = { MEMCKV_SIDECAR_TLS_CERT_FILE: pair.cert, MEMCKV_SIDECAR_ADDRESS: hostname }
  const overHttps = { ...secure, MEMCKV_SIDECAR_PORT: sidecarPort }
  assert.match(await check(server.pid, overHttps), /^\/livez 200/)
  assert.match(await check(server.pid, { MEMCKV_SIDECAR_PORT: '0' }), /^data port: TLS/)
})
