import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derive } from '../../src/config/derive.ts'
import { refusal, render, server, serverFile } from './support/chart.ts'
import { defaultConfig } from './support/settings.ts'

const MIB = 2 ** 20

/** What the server itself says it may grow to. */
function need(
  cacheBytes: number,
  workers: number,
  { traced = false, secure = false } = {},
): number {
  const standard = defaultConfig()
  const config = {
    ...standard,
    memory: { ...standard.memory, limit: cacheBytes },
    items: { ...standard.items, maxSize: Math.min(standard.items.maxSize, cacheBytes / 2) },
    workers: { ...standard.workers, count: workers },
    tls: secure
      ? { ...standard.tls, enabled: true, certFile: 'crt', keyFile: 'key' }
      : standard.tls,
  }
  const unlimited = Number.POSITIVE_INFINITY
  const machine = {
    processors: 64,
    processorQuota: unlimited,
    memoryBytes: unlimited,
    descriptors: unlimited,
  }
  return derive(config, new Map(), machine, traced).residentBytesMax
}

const SIZES = [
  ['8Mi', 8 * MIB],
  ['64Mi', 64 * MIB],
  ['100Mi', 100 * MIB],
  ['256Mi', 256 * MIB],
  ['777Mi', 777 * MIB],
  ['1Gi', 1024 * MIB],
  ['8Gi', 8192 * MIB],
  ['32Gi', 32768 * MIB],
] as const

test('request and limit follow the estimate of the server', async () => {
  for (const [memory, bytes] of SIZES) {
    for (const workers of [1, 4]) {
      const objects = await render({ values: { cache: { memory, workers, maxItemSize: '512Ki' } } })
      const { requests, limits } = server(objects).resources
      const mebibytes = Math.ceil(need(bytes, workers) / MIB)
      assert.equal(requests.memory, `${mebibytes}Mi`, memory)
      assert.equal(limits.memory, `${Math.ceil((1.25 * need(bytes, workers)) / MIB)}Mi`, memory)
      assert.match(serverFile(objects), new RegExp(`limit: ${bytes / MIB}mb\n`))
    }
  }
})

test('traces are paid for, where the chart switches them on', async () => {
  const tracing = { enabled: true, endpoint: 'http://collector:4318' }
  const { requests, limits } = server(await render({ values: { tracing } })).resources
  const need256 = need(256 * MIB, 2, { traced: true })
  assert.equal(requests.memory, `${Math.ceil(need256 / MIB)}Mi`)
  assert.equal(limits.memory, `${Math.ceil((1.25 * need256) / MIB)}Mi`)
  assert.equal(need256 - need(256 * MIB, 2), 32 * MIB)
})

test('connections beyond those of the estimate are paid for, and in the heap', async () => {
  const at = async (connections: number) =>
    server(await render({ values: { cache: { connections } } }))
  const few = await at(1024)
  const many = await at(1024 + 10 * 128)
  assert.equal(
    Number.parseInt(many.resources.requests.memory, 10),
    Number.parseInt(few.resources.requests.memory, 10) + 10,
  )
  assert.deepEqual(few.env, [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=72' }])
  assert.deepEqual(many.env, [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=82' }])
})

test('connections over TLS are paid for, as the server counts them', async () => {
  const tls = { enabled: true, existingSecret: 'certificate' }
  const { requests, limits } = server(await render({ values: { tls } })).resources
  const secured = need(256 * MIB, 2, { secure: true })
  assert.equal(requests.memory, `${Math.ceil(secured / MIB)}Mi`)
  assert.equal(limits.memory, `${Math.ceil((1.25 * secured) / MIB)}Mi`)
  assert.equal(secured - need(256 * MIB, 2), 1024 * 168 * 1024)
  const given = { tls, resources: { requests: { memory: '400Mi' } } }
  assert.match(
    await refusal({ values: given }),
    /2 workers and 1024 connections over TLS, which need 545Mi/,
  )
})

test('the heap that is allowed fits into what the container is granted beside the items', async () => {
  for (const connections of [1, 1024, 100_000]) {
    const values = { cache: { memory: '64Mi', connections } }
    const { env = [], resources } = server(await render({ values }))
    const heap = Number(env[0]?.value?.split('=')[1])
    assert.ok(heap < Number.parseInt(resources.limits.memory, 10) - 64, `${connections}`)
  }
})

test('an amount of one’s own is taken when it is enough, in any unit', async () => {
  const given = { requests: { memory: '400M' }, limits: { memory: 500_000_000 } }
  const { resources } = server(await render({ values: { resources: given } }))
  assert.deepEqual(resources, {
    requests: { cpu: '500m', memory: '400M' },
    limits: { memory: '500000000' },
  })
})

test('a request above the computed limit takes the limit with it', async () => {
  const { resources } = server(
    await render({ values: { resources: { requests: { memory: '1Gi' } } } }),
  )
  assert.equal(resources.limits.memory, '1Gi')
})

test('an amount below the need is refused, with the number', async () => {
  // A limit as large as the need would leave nothing for what the estimate has been seen to miss.
  for (const [place, need] of [
    ['requests', 377],
    ['limits', 396],
  ] as const) {
    const given = (memory: string) => ({ values: { resources: { [place]: { memory } } } })
    const below = `${need - 1}Mi`
    assert.match(
      await refusal(given(below)),
      new RegExp(`resources\\.${place}\\.memory: ${below} is not enough .* need ${need}Mi`),
    )
    await render(given(`${need}Mi`))
  }
})
