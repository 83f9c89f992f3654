import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { LoadTarget } from './generator/generator.ts'
import { LoadGenerator } from './generator/generator.ts'
import type { LoadPlan, Tally } from './generator/plan.ts'
import { emptyTally } from './generator/plan.ts'
import { ReplyReader } from './generator/reply-reader.ts'
import { Values } from './generator/values.ts'
import { ServerProcess } from './servers/server-process.ts'

const PLAN: LoadPlan = {
  dialect: 'classic',
  connections: 4,
  connectionsActive: 4,
  pipeline: 3,
  keys: 500,
  keysPerGet: 1,
  gets: 8,
  sets: 4,
  increments: 0,
  valueBytesMin: 32,
  valueBytesMax: 6000,
  exptimeMin: 100,
  exptimeMax: 200,
}

const PLANS: Record<string, Partial<LoadPlan>> = {
  'gets and sets': {},
  'multigets of 50': { keysPerGet: 50, sets: 0 },
  'meta commands': { dialect: 'meta' },
  counters: { gets: 0, sets: 0, increments: 1 },
}

for (const [name, change] of Object.entries(PLANS)) {
  test(`the generator gets every reply it asks for: ${name}`, async (t) => {
    const target = await openServer(t, { ...PLAN, ...change })
    const filled = await target.fill()
    assert.equal(filled.tally.replies, PLAN.keys)
    assert.equal(filled.tally.stored, PLAN.keys)
    const closed = await target.saturate(200)
    const open = await target.steady(200, 3000)
    for (const { tally } of [closed, open]) {
      assert.equal(tally.errors, 0)
      assert.equal(tally.overruns, 0)
      assert.equal(tally.hits, tally.keysAsked)
      assert.ok(tally.replies > 50)
    }
    if (change.increments === undefined) assert.ok(closed.tally.valuesChecked > 0)
    assert.equal(closed.latency, null)
    // Of a batch of three only the last reply is timed.
    assert.equal(open.latency?.samples, open.tally.replies / 3)
    assert.equal(open.lateness?.samples, open.latency?.samples)
  })
}

test('at a fixed rate the waiting behind a server that stands still is in the latency', async (t) => {
  // It answers nothing for 300 ms, then everything: a closed loop would see one slow request.
  const server = createServer((socket) => {
    let held = 0
    let open = false
    const answer = (): void => {
      socket.write('END\r\n'.repeat(held))
      held = 0
    }
    const begin = (): void => {
      open = true
      answer()
    }
    // From the first request on: a busy machine may take a while from the connection to it.
    socket.once('data', () => setTimeout(begin, 300))
    socket.on('data', (chunk) => {
      held += chunk.filter((byte) => byte === 10).length
      if (open) answer()
    })
    socket.on('error', () => {})
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const plan = { ...PLAN, sets: 0, pipeline: 1, connections: 20, connectionsActive: 20 }
  const target = await openPort(t, plan, (server.address() as AddressInfo).port)
  const { latency, tally } = await target.steady(500, 1000)
  assert.equal(tally.overruns, 0)
  assert.ok(tally.replies > 300)
  // Requests were due all through the 300 ms, so many waited for long, not just one.
  assert.ok((latency?.p50 ?? 0) > 20_000, `${latency?.p50}`)
})

const GOOD = Buffer.alloc(40)
const values = new Values(40)
values.pattern.copy(GOOD, 0, values.start(7), values.start(7) + 40)

test('a right reply in any pieces is a hit', () => {
  const reply = Buffer.from(`VALUE key-7 0 40\r\n${GOOD.toString('latin1')}\r\nEND\r\n`, 'latin1')
  for (let cut = 1; cut < reply.length; cut++) {
    const { tally, replies } = readPieces([reply.subarray(0, cut), reply.subarray(cut)])
    assert.deepEqual([tally.hits, tally.errors, replies], [1, 0, 1], `cut at ${cut}`)
  }
})

test('replies that are not what was asked for are errors', () => {
  const wrong = Buffer.from(GOOD)
  wrong[39]! ^= 1
  const body = (bytes: Buffer): string => bytes.toString('latin1')
  for (const text of [
    `VALUE key-8 0 40\r\n${body(GOOD)}\r\nEND\r\n`,
    `VALUE key-7 0 40\r\n${body(wrong)}\r\nEND\r\n`,
    `VALUE key-7 0 39\r\n${body(GOOD.subarray(0, 39))}\r\nEND\r\n`,
    'SERVER_ERROR out of memory storing object\r\n',
    'ERROR\r\n',
    'END\n',
  ]) {
    const { tally, replies } = readPieces([Buffer.from(text, 'latin1')])
    assert.ok(tally.errors > 0, text)
    assert.equal(replies, 1, text)
  }
})

/** As a connection that asked for key 7, where every value is compared. */
function readPieces(pieces: readonly Buffer[]): { tally: Tally; replies: number } {
  const tally = emptyTally()
  // One of so many values is compared: this is to be that one.
  tally.hits = 63
  let replies = 0
  const expect = {
    isNextKey: (key: number) => key === 7,
    oldestKey: () => 7,
    replied: () => {
      replies++
    },
  }
  const reader = new ReplyReader('classic', expect, values, tally, [40, 40])
  for (const piece of pieces) reader.read(Buffer.from(piece), piece.length)
  tally.hits -= 63
  return { tally, replies }
}

async function openServer(t: TestContext, plan: LoadPlan): Promise<LoadTarget> {
  const main = resolve(import.meta.dirname, '../../src/main.ts')
  const line = [process.execPath, main, '-p', '{port}', '-l', '127.0.0.1', '-t', '1']
  const server = await ServerProcess.start('memc-kv', line)
  t.after(() => server.stop())
  assert.ok(server.threads().some((thread) => thread.cpuSeconds > 0))
  assert.ok(server.residentMebibytes() > 10)
  return openPort(t, plan, server.port)
}

async function openPort(t: TestContext, plan: LoadPlan, port: number): Promise<LoadTarget> {
  const generator = new LoadGenerator(2, 7)
  t.after(() => generator.stop())
  return generator.open(plan, port)
}
