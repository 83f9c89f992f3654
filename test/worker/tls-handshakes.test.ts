import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNTIME } from '../../src/base/runtime.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import type { Handshake } from '../../src/worker/tls-handshakes.ts'
import { Handshakes } from '../../src/worker/tls-handshakes.ts'

function bench(timeoutMilliseconds: number) {
  const counters = new Float64Array(1024)
  const runtime = new Int32Array(1024)
  runtime[RUNTIME.logConnections] = 1
  const lines: string[] = []
  const handshakes = new Handshakes({
    counters,
    runtime,
    timeoutMilliseconds,
    max: 1000,
    report: (_, reason) => lines.push(reason),
  })
  const begin = (): { readonly handshake: Handshake; aborted: boolean } => {
    const begun = {
      aborted: false,
      handshake: {
        describePeer: () => ({ address: '', port: 0, local: false }),
        abort: () => {
          begun.aborted = true
        },
      },
    }
    handshakes.begin(begun.handshake)
    return begun
  }
  return { counters, lines, handshakes, begin }
}

test('a handshake times out after ticks of work, whatever the clock says', () => {
  const { handshakes, begin, counters } = bench(300)
  const first = begin()
  handshakes.tick()
  const second = begin()
  handshakes.tick()
  handshakes.tick()
  assert.ok(!first.aborted)
  handshakes.tick()
  assert.ok(first.aborted && !second.aborted)
  handshakes.tick()
  assert.ok(second.aborted)
  assert.equal(counters[COUNTER.tlsHandshakesTimedOut], 2)
  assert.equal(counters[COUNTER.tlsHandshaking], 0)
})

test('the log hears of ten failures in a second', () => {
  const { handshakes, begin, lines } = bench(60_000)
  for (let tick = 0; tick < 20; tick++) {
    handshakes.tick()
    for (let count = 0; count < 5; count++) handshakes.failed(begin().handshake, 'the client left')
  }
  assert.equal(lines.length, 20)
})
