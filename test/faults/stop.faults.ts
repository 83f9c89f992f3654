import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireKind } from '../fuzz/server-process.ts'
import { hooked } from '../fuzz/server-process.ts'
import { Server } from '../support/server.ts'
import { freePort } from './free-port.ts'
import { Load, report } from './load.ts'

/** The end of a server that works at full load: nobody is cut off within a reply. */
const ROUNDS = 2

const DRAINED = ['--shutdown.delay=200ms', '--shutdown.drain=300ms']

const CASES: readonly (readonly [WireKind, workers: string, flags: readonly string[]])[] = [
  ['raw', '1', []],
  ['raw', '4', DRAINED],
  ['stream', '1', DRAINED],
  ['stream', '4', []],
]

for (const [wire, workers, flags] of CASES) {
  test(`SIGTERM under load, ${wire} wire, ${workers} worker(s) ${flags.join(' ')}`, async (scope) => {
    const port = String(await freePort())
    const start = (): Promise<Server> =>
      Server.start(scope, {
        flags: ['-t', workers, '-m', '256', ...flags],
        listen: ['-l', '127.0.0.1', '-p', port],
        environment: hooked(wire),
      })
    let server = await start()
    const load = new Load(scope, server)
    let longestEnd = 0
    for (let round = 0; round < ROUNDS; round++) {
      await load.replies(2000)
      const began = performance.now()
      assert.deepEqual(await server.stop(), { code: 0, signal: null }, server.output())
      longestEnd = Math.max(longestEnd, performance.now() - began)
      assert.doesNotMatch(server.output(), /cut off/)
      load.oracle.life++
      server = await start()
    }
    await load.replies(1000)
    const { replies, ends, resets, refused, torn, unanswered } = await load.end()
    report(`SIGTERM, ${wire} wire, ${workers} worker(s) ${flags.join(' ')}`, {
      stops: ROUNDS,
      replies,
      'orderly ends': ends,
      resets,
      'refused anew': refused,
      torn,
      'sent again': unanswered,
      'longest end': `${Math.round(longestEnd)} ms`,
    })
    assert.equal(torn, 0)
    assert.equal(resets, 0)
  })
}
