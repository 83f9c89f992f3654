import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from '../support/client.ts'
import { pause } from '../support/deadline.ts'
import type { Scope } from '../support/server.ts'
import { Server } from '../support/server.ts'
import { isMemcached } from '../support/target.ts'

/**
 * When items go, by the clock on the wall. Nothing here depends on how busy the machine is: a hit
 * proves that the item was alive when its request was sent or later, and a miss that it was over when
 * its reply came or before.
 */
const skip = isMemcached ? 'its clock goes by the second' : false

/** Two of the sets of this file must be able to lie in different seconds of one run. */
const SECOND = 1000
const TICKS = 2

interface Life {
  /** performance.now() when the last request that was a hit was sent. */
  readonly aliveAt: number
  /** … when the first reply that was a miss had come. */
  readonly overAt: number
}

async function live(client: Client, key: string): Promise<Life> {
  let aliveAt = Number.NEGATIVE_INFINITY
  for (;;) {
    const sentAt = performance.now()
    client.send(`get ${key}\r\n`)
    if ((await client.readLine()) === 'END') return { aliveAt, overAt: performance.now() }
    await client.expect('1\r\nEND\r\n')
    aliveAt = sentAt
    await pause(1)
  }
}

async function say(client: Client, line: string, answer: string): Promise<void> {
  client.send(`${line}\r\n`)
  await client.expect(`${answer}\r\n`)
}

async function start(scope: Scope): Promise<[Server, Client]> {
  const server = await Server.start(scope, { flags: ['-t', '4'] })
  return [server, await server.connect(scope)]
}

test('an item goes in the second it was given, never a moment later', { skip }, async (context) => {
  const [, client] = await start(context)
  for (const intoSecond of [0, 350, 700]) {
    await pause(intoSecond)
    const sentAt = performance.now()
    await say(client, `set relative 0 ${TICKS} 1\r\n1`, 'STORED')
    const storedAt = performance.now()
    const { aliveAt, overAt } = await live(client, 'relative')
    assert.ok(aliveAt < storedAt + TICKS * SECOND, `alive after ${aliveAt - storedAt} ms`)
    assert.ok(overAt > sentAt + (TICKS - 1) * SECOND, `over after ${overAt - sentAt} ms`)
  }
})

test('an absolute time is met when it comes', { skip }, async (context) => {
  const [, client] = await start(context)
  const unixSeconds = Math.ceil(Date.now() / SECOND) + 1
  const goesAt = performance.now() + unixSeconds * SECOND - Date.now()
  await say(client, `set absolute 0 ${unixSeconds} 1\r\n1`, 'STORED')
  const { aliveAt, overAt } = await live(client, 'absolute')
  // Date.now() has whole milliseconds, here and in the server.
  assert.ok(aliveAt < goesAt + 5, `alive ${aliveAt - goesAt} ms after it`)
  assert.ok(overAt > goesAt - 5, `over ${goesAt - overAt} ms before it`)
})

test('a delayed flush acts one second early, as memcached does, at all workers at once', {
  skip,
}, async (context) => {
  const [server, client] = await start(context)
  const others = await Promise.all(Array.from({ length: 8 }, () => server.connect(context)))
  for (const intoSecond of [0, 500]) {
    await pause(intoSecond)
    await say(client, 'set k 0 0 1\r\n1', 'STORED')
    const sentAt = performance.now()
    await say(client, 'flush_all 3', 'OK')
    const saidAt = performance.now()
    const lives = await Promise.all(others.map((other) => live(other, 'k')))
    for (const { aliveAt, overAt } of lives) {
      assert.ok(aliveAt < saidAt + 2 * SECOND, `alive after ${aliveAt - saidAt} ms`)
      assert.ok(overAt > sentAt + SECOND, `over after ${overAt - sentAt} ms`)
    }
  }
})

test('what came to its end while the process was stopped is not shown afterwards', {
  skip,
}, async (context) => {
  const [server, client] = await start(context)
  const others = await Promise.all(Array.from({ length: 16 }, () => server.connect(context)))
  for (const ending of ['expired', 'flushed']) {
    await say(client, `set k 0 ${ending === 'expired' ? 2 : 0} 1\r\n1`, 'STORED')
    if (ending === 'flushed') await say(client, 'flush_all 2', 'OK')
    server.child.kill('SIGSTOP')
    await pause(2 * SECOND)
    for (const other of others) other.send('get k\r\n')
    await pause(50)
    server.child.kill('SIGCONT')
    await Promise.all(others.map((other) => other.expect('END\r\n')))
  }
})
