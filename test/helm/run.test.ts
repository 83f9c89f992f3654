import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until, within } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { find, render, server, serverFile } from './support/chart.ts'
import { Image } from './support/container.ts'
import { Retrying } from './support/retrying-client.ts'
import { connect, probe, SMALL, scriptOf, startCache } from './support/running.ts'

let image: Image

before(() => {
  image = new Image()
})
after(() => image.remove())

test('the container starts without a warning, and its probes are answered', async (t) => {
  const objects = await render({ values: { ...SMALL, settings: { memory: { policy: 'lru' } } } })
  const pod = await startCache(image, t, objects)
  for (const name of ['startup', 'liveness', 'readiness']) {
    assert.equal(await probe(pod, objects, name), true, name)
  }
  const client = await connect(pod.port, t)
  client.send('stats settings\r\n')
  const settings = (await client.readUntil('END\r\n')).toString()
  assert.match(settings, /STAT maxbytes 67108864\r\n/)
  assert.match(settings, /STAT num_threads 1\r\n/)
  assert.doesNotMatch(pod.process.output(), /"level":"?(?:warn|error|fatal|[456]0)/)
})

test('traces can be switched on, and a collector that is not there stops nothing', async (t) => {
  const tracing = { enabled: true, endpoint: 'http://127.0.0.1:9', sampler: 'always_on' }
  const objects = await render({ values: { ...SMALL, tracing } })
  const pod = await startCache(image, t, objects)
  const client = await connect(pod.port, t)
  client.send('set key 0 0 5\r\nvalue\r\n')
  await client.expect('STORED\r\n')
  assert.equal(await probe(pod, objects, 'readiness'), true)
  const exit = await pod.process.stop()
  assert.deepEqual(exit, { code: 0, signal: null }, pod.process.output())
  assert.match(pod.process.output(), /trac/i)
})

test('Node takes the heap flag', async () => {
  const container = server(await render({ values: SMALL }))
  const [{ value } = { value: '' }] = container.env ?? []
  const flags = image.entryPoint.filter((word) => word.startsWith('--'))
  const limit = execFileSync(
    process.execPath,
    [...flags, '--print', 'v8.getHeapStatistics().heap_size_limit'],
    { env: { NODE_OPTIONS: value } },
  )
  // The young generation comes on top.
  assert.ok(Number(limit) >= 72 * 2 ** 20 && Number(limit) < 80 * 2 ** 20, String(limit))
})

for (const auth of [false, true]) {
  const users = auth ? { auth: { enabled: true, users: [{ name: 'app', password: 'a:b ü' }] } } : {}
  const how = auth ? 'with users' : 'without users'

  test(`helm test's script finds the cache in order, ${how}`, async (t) => {
    const objects = await render({ values: { ...SMALL, ...users } })
    const pod = await startCache(image, t, objects)
    const script = scriptOf(image, objects, 'memc-kv-test')
    const { code } = await script.run(t, {
      CACHE_ADDRESS: `127.0.0.1:${pod.port}`,
      PODS: '127.0.0.1',
      METRICS_PORT: String(pod.sidecar),
    })
    assert.equal(code, 0, script.output())
    assert.match(script.output(), /set, get, touch and delete through .*; [1-9]\d* more hits/)
  })

  test(`a running cache takes a new size and keeps its items, ${how}`, async (t) => {
    const room = { resources: { requests: { memory: '1Gi' }, limits: { memory: '1Gi' } } }
    const old = await render({ values: { ...SMALL, ...users, ...room } })
    const grown = await render({
      values: { ...SMALL, ...users, ...room, cache: { ...SMALL.cache, memory: '128Mi' } },
    })
    assert.deepEqual(
      find(grown, 'StatefulSet'),
      find(old, 'StatefulSet'),
      'the pods would be replaced',
    )
    assert.notDeepEqual(find(grown, 'ConfigMap'), find(old, 'ConfigMap'))
    const pod = await startCache(image, t, old)
    const client = await connect(pod.port, t)
    // The file of users is UTF-8, and this client writes one byte for each character.
    const words = Buffer.from('app a:b ü').toString('latin1')
    const login = auth ? `set x 0 0 ${words.length}\r\n${words}\r\n` : ''
    client.send(`${login}set key 0 0 5\r\nvalue\r\n`)
    await client.expect(`${auth ? 'STORED\r\n' : ''}STORED\r\n`)
    const script = scriptOf(image, grown, 'memc-kv-resize')
    const { code } = await script.run(t, { PODS: '127.0.0.1', CACHE_PORT: String(pod.port) })
    assert.equal(code, 0, script.output())
    client.send('get key\r\nstats settings\r\n')
    await client.expect('VALUE key 0 5\r\nvalue\r\nEND\r\n')
    assert.match((await client.readUntil('END\r\n')).toString(), /STAT maxbytes 134217728\r\n/)
  })
}

test('a rollback resizes too', async () => {
  const job = find(await render({ values: { updateStrategy: { type: 'OnDelete' } } }), 'Job')
  assert.equal(job.metadata.annotations?.['helm.sh/hook'], 'post-upgrade,post-rollback')
})

/** A cache that closes every connection, or answers whatever it is asked. */
async function stub(scope: Scope, answer: string | null): Promise<number> {
  const listener = createServer((socket) => {
    socket.on('error', () => {})
    if (answer === null) socket.resetAndDestroy()
    else socket.on('data', () => socket.write(answer))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  scope.after(async () => {
    listener.close()
  })
  const address = listener.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

test('the resize passes over a pod that ends or still has other users', async (t) => {
  const auth = (password: string) => ({
    ...SMALL,
    updateStrategy: { type: 'OnDelete' },
    auth: { enabled: true, users: [{ name: 'app', password }] },
  })
  const old = await startCache(image, t, await render({ values: auth('old') }))
  const grown = await render({ values: auth('new') })
  for (const port of [old.port, await stub(t, null)]) {
    const script = scriptOf(image, grown, 'memc-kv-resize')
    const { code } = await script.run(t, { PODS: '127.0.0.1', CACHE_PORT: String(port) })
    assert.equal(code, 0, script.output())
    assert.match(script.output(), /127\.0\.0\.1: not reached, or not with these users/)
  }
})

test('the resize tells a pod without room from one that is replaced anyway', async (t) => {
  const port = await stub(t, 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n')
  const room = { resources: { requests: { memory: '1Gi' }, limits: { memory: '1Gi' } } }
  for (const [strategy, status, says] of [
    [{ type: 'OnDelete' }, 1, /not resized: no room for 64 MiB .* Give the pod room first/],
    [{ partition: 1 }, 1, /Give the pod room first/],
    [{}, 0, /no room for 64 MiB; the pod that replaces it has/],
  ] as const) {
    const objects = await render({ values: { ...SMALL, ...room, updateStrategy: strategy } })
    const script = scriptOf(image, objects, 'memc-kv-resize')
    const { code } = await script.run(t, { PODS: '127.0.0.1', CACHE_PORT: String(port) })
    assert.match(script.output(), says)
    assert.equal(code, status)
  }
})

test('a pod that stays is not given the next revision’s sizes', async () => {
  const values = (memory: string) => ({
    updateStrategy: { type: 'OnDelete' },
    cache: { memory },
    resources: { requests: { memory: '2Gi' }, limits: { memory: '2Gi' } },
  })
  const objects = await render({ values: values('256Mi') })
  assert.equal(
    objects.some(({ kind }) => kind === 'ConfigMap'),
    false,
    'a pod would read the newest of a ConfigMap',
  )
  assert.match(serverFile(objects), /limit: 256mb\n/)
  assert.match(serverFile(await render({ values: values('512Mi') })), /limit: 512mb\n/)
})

test('the resize says so when a cache refuses, and passes over one that is not there', async (t) => {
  const values = { ...SMALL, updateStrategy: { type: 'OnDelete' } }
  const objects = await render({ values })
  const pod = await startCache(image, t, objects)
  const refused = scriptOf(image, objects, 'memc-kv-resize')
  const { code } = await refused.run(t, {
    PODS: '127.0.0.1',
    CACHE_PORT: String(pod.port),
    CACHE_MEBIBYTES: '99999999',
  })
  assert.equal(code, 1)
  assert.match(refused.output(), /127\.0\.0\.1: not resized: no room for 99999999 MiB/)
  await pod.process.stop('SIGKILL')
  const absent = scriptOf(image, objects, 'memc-kv-resize')
  const { code: passed } = await absent.run(t, { PODS: '127.0.0.1', CACHE_PORT: String(pod.port) })
  assert.equal(passed, 0, absent.output())
  assert.match(
    absent.output(),
    /not reached, or not with these users; it reads its size when it starts/,
  )
})

test('a pod that ends under load loses no request of clients that reconnect', async (t) => {
  const values = { ...SMALL, shutdown: { preStop: 0, delay: 1, drain: 2, grace: 2 } }
  const objects = await render({ values })
  const ending = await startCache(image, t, objects)
  const next = await startCache(image, t, objects)
  // The Service sends new connections to ready pods only.
  let address = ending.port
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => Retrying.connect(t, () => address)),
  )
  const running = clients.map((client) => client.run())
  await until(
    () => clients.every(({ answered }) => answered > 20),
    () => 'no load',
  )
  const grace = find(objects, 'StatefulSet').spec.template.spec.terminationGracePeriodSeconds
  ending.process.child.kill('SIGTERM')
  await until(
    async () => !(await probe(ending, objects, 'readiness')),
    () => 'it stays ready',
  )
  assert.equal(await probe(ending, objects, 'liveness'), true, 'a drain is no reason for a restart')
  // Still accepting, for those who have not heard.
  const late = await connect(ending.port, t)
  late.send('version\r\n')
  await late.readUntil('\r\n')
  address = next.port
  const exit = await within(ending.process.exited, () => ending.process.output(), grace * 1000)
  assert.deepEqual(exit, { code: 0, signal: null })
  await sleep(100)
  for (const client of clients) client.stop()
  await Promise.all(running)
  assert.deepEqual(
    clients.flatMap(({ faults }) => faults),
    [],
  )
  for (const client of clients) {
    assert.equal(client.answered, client.asked)
    assert.ok(client.reconnects >= 1)
  }
})
