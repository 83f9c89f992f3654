import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { ask } from '../sidecar/http.ts'
import { pause, until } from '../support/deadline.ts'
import { Random, testSeed } from '../support/seed.ts'
import { Server } from '../support/server.ts'
import { Load, report } from './load.ts'

const FAULTY = resolve(import.meta.dirname, '../control/faulty-main.ts')
const FLAGS = ['-t', '4', '-m', '256']

test('SIGSTOP for five seconds and SIGCONT: nobody is cut off, nothing over is shown', async (scope) => {
  // Less than the pause: nobody is blamed for a time in which nobody ran.
  const server = await Server.start(scope, { flags: [...FLAGS, '--workers.heartbeatTimeout=2s'] })
  const load = new Load(scope, server)
  for (let stop = 0; stop < 2; stop++) {
    await load.replies(2000)
    server.child.kill('SIGSTOP')
    await pause(stop === 0 ? 5000 : 2500)
    server.child.kill('SIGCONT')
  }
  await load.replies(2000)
  await load.flush(server)
  await load.replies(2000)
  const { replies, resets, ends, torn } = await load.end()
  report('SIGSTOP, SIGCONT', { stops: 2, replies, 'cut off': resets + ends, torn })
  assert.equal(resets + ends + torn, 0)
  assert.equal(server.child.exitCode, null)
})

test('a tenth of the processor: slow, and nothing else', async (scope) => {
  const server = await Server.start(scope, { flags: [...FLAGS, '--workers.heartbeatTimeout=2s'] })
  const load = new Load(scope, server)
  await load.replies(1000)
  const before = load.tally.replies
  const end = performance.now() + 8000
  while (performance.now() < end) {
    server.child.kill('SIGSTOP')
    await pause(90)
    server.child.kill('SIGCONT')
    await pause(10)
  }
  const starved = load.tally.replies - before
  await load.replies(1000)
  const { resets, ends, torn, longestSilence } = await load.end()
  report('a tenth of the processor', {
    'replies in 8 s': starved,
    'cut off': resets + ends,
    torn,
    'longest without any reply': `${Math.round(longestSilence)} ms`,
  })
  assert.ok(starved > 0)
  assert.equal(resets + ends + torn, 0)
  assert.equal(server.child.exitCode, null)
})

test('the control thread hangs for five seconds: clients do not notice, probes do', async (scope) => {
  const server = await Server.start(scope, {
    flags: FLAGS,
    main: FAULTY,
    environment: { PLANTED_FAULT: 'block-control' },
    sidecar: true,
  })
  const load = new Load(scope, server)
  await load.replies(1000)
  assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
  server.child.kill('SIGUSR2')
  await pause(200)
  const before = load.tally.replies
  const began = performance.now()
  const answered = ask(`${server.sidecar}/livez`).then(() => performance.now() - began)
  await pause(3000)
  const during = load.tally.replies - before
  // A probe of Kubernetes waits for 5 s (the chart's livenessProbe.timeoutSeconds), a readiness probe for 2.
  const waited = await answered
  await until(
    async () => (await ask(`${server.sidecar}/readyz`)).status === 200,
    () => 'not ready again',
  )
  const { resets, ends, torn } = await load.end()
  report('control thread blocked for 5 s', {
    'replies in 3 s of it': during,
    'cut off': resets + ends,
    torn,
    'livez after': `${Math.round(waited)} ms`,
  })
  assert.ok(during > 100, `${during} replies`)
  assert.ok(waited > 2000, `livez was answered after ${waited} ms`)
  assert.equal(resets + ends + torn, 0)
})

test('clients that reset their connections, in every state', async (scope) => {
  const random = new Random(testSeed())
  const server = await Server.start(scope, { flags: FLAGS })
  const load = new Load(scope, server)
  const resets = 300
  for (let reset = 0; reset < resets; reset++) {
    random.pick(load.clients).reset()
    await pause(random.below(10))
  }
  await load.replies(1000)
  await load.flush(server)
  await load.replies(1000)
  const { replies, hits } = await load.end()
  const monitor = await server.connect(scope)
  await until(
    async () => (await monitor.stats()).get('curr_connections') === '1',
    () => 'connections are left',
  )
  report('resets by clients', { resets, replies, hits, 'connections left': 0 })
})
