import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { hashPassword } from '../../src/auth/password-hash.ts'
import type { Pair } from '../support/certificates.ts'
import { Authority } from '../support/certificates.ts'
import { until } from '../support/deadline.ts'
import { render } from './support/chart.ts'
import { Image } from './support/container.ts'
import { connect, probe, SMALL, scriptOf, secret, startCache } from './support/running.ts'

let image: Image

before(() => {
  image = new Image()
})
after(() => image.remove())

const textOf = (file: string) => readFileSync(file, 'utf8')
const pair = ({ cert, key }: Pair) => ({ 'tls.crt': textOf(cert), 'tls.key': textOf(key) })

test('test and resize log in as the user they are given, where passwords are hashed', async (t) => {
  const hash = await hashPassword(Buffer.from('its own'))
  const file = stringify({
    users: [
      { name: 'chart', passwordHash: hash, commands: ['read', 'write', 'manage'] },
      { name: 'shop', passwordHash: hash, commands: ['read'], prefixes: ['shop:'] },
    ],
  })
  const values = {
    ...SMALL,
    auth: { enabled: true, format: 'permissions', existingSecret: 'users', loginSecret: 'login' },
    updateStrategy: { type: 'OnDelete' },
    extraManifests: [
      secret('users', { users: file }),
      secret('login', { login: 'chart:its own\n' }),
    ],
  }
  const objects = await render({ values })
  const pod = await startCache(image, t, objects)
  const shop = await connect(pod.port, t)
  shop.send('get shop:1\r\nset x 0 0 12\r\nshop its own\r\nget shop:1\r\nget other\r\n')
  assert.match(
    (await shop.readUntil('END\r\n')).toString(),
    /^CLIENT_ERROR .*\r\nSTORED\r\nEND\r\n$/,
  )
  assert.match((await shop.readUntil('\r\n')).toString(), /^CLIENT_ERROR/)
  const script = scriptOf(image, objects, 'memc-kv-test')
  const overlay = { CACHE_ADDRESS: `127.0.0.1:${pod.port}`, METRICS_PORT: String(pod.sidecar) }
  assert.equal((await script.run(t, { ...overlay, PODS: '127.0.0.1' })).code, 0, script.output())
  const grown = await render({ values: { ...values, cache: { ...SMALL.cache, memory: '32Mi' } } })
  const resize = scriptOf(image, grown, 'memc-kv-resize')
  const { code } = await resize.run(t, { PODS: '127.0.0.1', CACHE_PORT: String(pod.port) })
  assert.equal(code, 0, resize.output())
  assert.match(pod.process.output(), /"memoryBytes":33554432,.*"msg":"memory limit"/)
})

test('TLS with certificates of clients: test and resize show theirs; a token for the metrics', async (t) => {
  const authority = new Authority(t)
  const names = 'DNS:memc-kv.cache.svc,IP:127.0.0.1'
  const ca = { 'ca.crt': textOf(authority.file) }
  const tls = {
    enabled: true,
    existingSecret: 'server',
    clientCertificates: 'require',
    clientSecret: 'client',
  }
  const values = {
    ...SMALL,
    fullnameOverride: 'memc-kv',
    tls,
    sidecar: { tokenSecret: 'tokens' },
    updateStrategy: { type: 'OnDelete' },
    extraManifests: [
      secret('server', { ...pair(authority.pair('server', { names })), ...ca }),
      secret('client', pair(authority.pair('client'))),
      secret('tokens', { tokens: 'first-token-of-the-sidecar\nsecond-token-of-the-sidecar\n' }),
    ],
  }
  const objects = await render({ values, namespace: 'cache' })
  const pod = await startCache(image, t, objects)
  assert.equal(await probe(pod, objects, 'readiness'), true)
  assert.equal((await fetch(`http://127.0.0.1:${pod.sidecar}/metrics`)).status, 401)
  const plain = await connect(pod.port, t)
  plain.send('version\r\n')
  await until(
    () => plain.closed,
    () => 'a client without TLS is not closed',
  )
  const address = { CACHE_ADDRESS: `127.0.0.1:${pod.port}`, METRICS_PORT: String(pod.sidecar) }
  const script = scriptOf(image, objects, 'memc-kv-test')
  assert.equal((await script.run(t, { ...address, PODS: '127.0.0.1' })).code, 0, script.output())
  const grown = await render({
    values: { ...values, cache: { ...SMALL.cache, memory: '32Mi' } },
    namespace: 'cache',
  })
  const resize = scriptOf(image, grown, 'memc-kv-resize')
  const { code } = await resize.run(t, { PODS: '127.0.0.1', CACHE_PORT: String(pod.port) })
  assert.equal(code, 0, resize.output())
  assert.match(pod.process.output(), /"memoryBytes":33554432,.*"msg":"memory limit"/)
})

test('HTTPS on the sidecar: probes, and a test that shows its certificate and trusts nobody else', async (t) => {
  const [authority, stranger] = [new Authority(t), new Authority(t)]
  const names = 'DNS:memc-kv.cache.svc'
  const certificate = { ...pair(authority.pair('server', { names })) }
  const tls = { clientAuthoritySecret: 'clients', clientSecret: 'monitor' }
  const values = (trusted: Authority, client: object) => ({
    ...SMALL,
    fullnameOverride: 'memc-kv',
    sidecar: { tls: { enabled: true, existingSecret: 'server', ...client } },
    extraManifests: [
      secret('server', { ...certificate, 'ca.crt': textOf(trusted.file) }),
      secret('clients', { 'ca.crt': textOf(authority.file) }),
      secret('monitor', pair(authority.pair('monitor'))),
    ],
  })
  const objects = await render({ values: values(authority, tls), namespace: 'cache' })
  const pod = await startCache(image, t, objects)
  for (const name of ['startup', 'liveness', 'readiness']) {
    assert.equal(await probe(pod, objects, name), true, name)
  }
  const runTest = async (trusted: Authority, client: object) => {
    const rendered = await render({ values: values(trusted, client), namespace: 'cache' })
    const script = scriptOf(image, rendered, 'memc-kv-test')
    const address = { CACHE_ADDRESS: `127.0.0.1:${pod.port}`, METRICS_PORT: String(pod.sidecar) }
    const { code } = await script.run(t, { ...address, PODS: '127.0.0.1' })
    return { code, output: script.output() }
  }
  const good = await runTest(authority, tls)
  assert.equal(good.code, 0, good.output)
  const unknown = await runTest(stranger, tls)
  assert.equal(unknown.code, 1)
  assert.match(unknown.output, /UNABLE_TO_VERIFY|unable to verify|self-signed/)
  const bare = await runTest(authority, {})
  assert.equal(bare.code, 1)
  assert.match(bare.output, /\/metrics answers 403/)
})
