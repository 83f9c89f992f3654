import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { Client } from '../support/client.ts'
import { pause, until } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Run } from './run-main.ts'

const folder = mkdtempSync(join(tmpdir(), 'memckv-stop-'))
after(() => rmSync(folder, { recursive: true }))

interface Started {
  readonly run: Run
  connect(): Promise<Client>
}

async function start(scope: Scope, ...flags: string[]): Promise<Started> {
  const run = new Run(scope, { argv: ['-l', '127.0.0.1', '-p', '-1', '-t', '2', ...flags] })
  const [address] = (await run.line('ready')).addresses ?? []
  assert.ok(address !== undefined)
  return { run, connect: () => Client.connect(address) }
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) {
  test(`${signal} closes idle connections and ends with status 0`, async (context) => {
    const { run, connect } = await start(context)
    const client = await connect()
    client.send('mn\r\n')
    await client.expect('MN\r\n')
    run.child.kill(signal)
    await client.expectClose()
    const ended = await run.ended()
    assert.equal(ended.status, 0)
    assert.equal(ended.signal, null)
    assert.equal(ended.stderr, '')
    assert.deepEqual(
      run.lines().map((line) => line.msg),
      ['ready', 'stopping', 'stopped'],
    )
    assert.equal(run.lines()[1]?.cause, signal)
  })
}

test('idle connections are closed spread over the drain window, new ones are refused', async (context) => {
  const { run, connect } = await start(context, '--shutdown.drain=1s')
  const clients = await Promise.all(Array.from({ length: 8 }, connect))
  const closedAt: number[] = []
  for (const client of clients) client.socket.once('close', () => closedAt.push(performance.now()))
  for (const client of clients) {
    client.send('mn\r\n')
    await client.expect('MN\r\n')
  }
  const began = performance.now()
  run.child.kill('SIGTERM')
  await run.line('stopping')
  await until(
    async () => {
      try {
        const late = await connect()
        // In the moment before the listener closes, the kernel may still have accepted one.
        late.close()
        return false
      } catch {
        return true
      }
    },
    () => 'the port is still open',
  )
  assert.equal((await run.ended()).status, 0)
  const times = closedAt.map((at) => at - began)
  assert.equal(times.length, 8)
  assert.ok(Math.max(...times) - Math.min(...times) > 300, `closed at ${times}`)
  assert.ok(Math.max(...times) < 5000, `closed at ${times}`)
})

/** A value that arrives in pieces: within the worker's read buffer, and as an upload of its own. */
for (const length of [10, 300_000]) {
  test(`a command of ${length} bytes in flight is finished and answered`, async (context) => {
    const { run, connect } = await start(context)
    const client = await connect()
    client.send(`set key 0 0 ${length}\r\n01234`)
    await pause(100)
    run.child.kill('SIGTERM')
    await run.line('stopping')
    await pause(100)
    client.send(`${'x'.repeat(length - 5)}\r\n`)
    await client.expect('STORED\r\n')
    await client.expectClose()
    assert.equal((await run.ended()).status, 0)
  })
}

test('a client that never finishes its command is cut off after the grace', async (context) => {
  const { run, connect } = await start(context, '--shutdown.grace=300ms')
  const client = await connect()
  client.send('set key 0 0 300000\r\n01234')
  await pause(100)
  run.child.kill('SIGTERM')
  const ended = await run.ended()
  assert.equal(ended.status, 0)
  assert.ok(run.lines().some((line) => line.level === 'warn' && /cut off/.test(line.msg)))
})

test('during the delay clients are served as before', async (context) => {
  const { run, connect } = await start(context, '--shutdown.delay=500ms')
  run.child.kill('SIGTERM')
  await run.line('stopping')
  const client = await connect()
  client.send('mn\r\n')
  await client.expect('MN\r\n')
  await client.expectClose()
  assert.equal((await run.ended()).status, 0)
})

for (const [signal, status] of [
  ['SIGINT', EXIT.interrupted.status],
  ['SIGTERM', EXIT.terminated.status],
] as const) {
  test(`a second ${signal} ends at once with status ${status}`, async (context) => {
    const { run, connect } = await start(context, '--shutdown.drain=1m')
    const client = await connect()
    // Until it is answered it may be in the listener's queue, and would be reset with nobody to wait for.
    client.send('mn\r\n')
    await client.expect('MN\r\n')
    run.child.kill(signal)
    await run.line('stopping')
    run.child.kill(signal)
    assert.equal((await run.ended()).status, status)
  })
}

test('a signal before the server is ready ends it with status 0', async (context) => {
  for (const milliseconds of [60, 100, 150, 200]) {
    const run = new Run(context, { argv: ['-l', '127.0.0.1', '-p', '-1'] })
    await pause(milliseconds)
    run.child.kill('SIGTERM')
    const ended = await run.ended()
    // Before Node has begun to run our code, the signal does what signals do.
    assert.ok(ended.status === 0 || ended.signal === 'SIGTERM', JSON.stringify(ended))
    assert.equal(ended.stderr, '')
  }
})

test('shutdown by a client ends with status 0, with -A', async (context) => {
  for (const command of ['shutdown', 'shutdown graceful']) {
    const { run, connect } = await start(context, '-A')
    const client = await connect()
    client.send(`${command}\r\n`)
    await client.expectClose()
    assert.equal((await run.ended()).status, 0)
  }
})

test('SIGHUP rereads the users; a bad file changes nothing', async (context) => {
  const path = join(folder, 'users')
  writeFileSync(path, 'one:alpha9\n')
  const { run, connect } = await start(context, '-Y', path)
  const accepts = async (token: string): Promise<boolean> => {
    const client = await connect()
    client.send(`set auth 0 0 ${token.length}\r\n${token}\r\n`)
    const line = await client.readLine()
    client.close()
    return line === 'STORED'
  }
  assert.ok(await accepts('one alpha9'))
  writeFileSync(path, 'two:omega9\n')
  run.child.kill('SIGHUP')
  await run.line('users reloaded')
  await until(
    () => accepts('two omega9'),
    () => 'the new user is not known',
  )
  assert.equal(await accepts('one alpha9'), false)
  writeFileSync(path, 'nonsense\n')
  run.child.kill('SIGHUP')
  await run.line('users not reloaded; the old ones stay')
  assert.ok(await accepts('two omega9'))
  assert.ok(!run.lines().some((line) => /omega9|alpha9/.test(JSON.stringify(line))))
})

test('SIGHUP without a file of users changes nothing', async (context) => {
  const { run, connect } = await start(context)
  run.child.kill('SIGHUP')
  await run.line('nothing to reload')
  const client = await connect()
  client.send('mn\r\n')
  await client.expect('MN\r\n')
})

test('a closed standard output does not end the server', async (context) => {
  const { run, connect } = await start(context, '-vv')
  run.child.stdout?.destroy()
  const client = await connect()
  for (let round = 0; round < 3; round++) {
    run.child.kill('SIGHUP')
    client.send('mn\r\n')
    await client.expect('MN\r\n')
    await pause(50)
  }
  assert.equal(run.child.exitCode, null)
})
