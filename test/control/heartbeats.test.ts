import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heartbeats } from '../../src/control/heartbeats.ts'

const TIMEOUT = 2000

function setup(workers = 2): { words: Int32Array; heartbeats: Heartbeats; step: number } {
  const words = new Int32Array(new SharedArrayBuffer(workers * 4))
  const heartbeats = new Heartbeats(words, TIMEOUT)
  return { words, heartbeats, step: heartbeats.intervalMilliseconds }
}

function beat(words: Int32Array, worker: number): void {
  words[worker] = (words[worker] ?? 0) + 1
}

test('workers that beat are never blamed', () => {
  const { words, heartbeats, step } = setup()
  for (let now = 0; now < 20 * TIMEOUT; now += step) {
    beat(words, 0)
    beat(words, 1)
    assert.equal(heartbeats.look(now), -1)
  }
})

test('a worker that stops is found after the timeout, not before', () => {
  const { words, heartbeats, step } = setup()
  let foundAt = -1
  for (let now = 0; foundAt < 0 && now < 20 * TIMEOUT; now += step) {
    beat(words, 0)
    if (heartbeats.look(now) === 1) foundAt = now
  }
  assert.ok(foundAt > TIMEOUT && foundAt <= TIMEOUT + 2 * step, `found at ${foundAt}`)
})

test('a worker that never began to beat is found too', () => {
  const { heartbeats, step } = setup(1)
  let looks = 0
  while (heartbeats.look(looks * step) < 0) looks++
  assert.ok(looks * step > TIMEOUT)
})

test('a stop of the whole process blames nobody', () => {
  const { words, heartbeats, step } = setup()
  let now = 0
  for (let stop = 0; stop < 10; stop++) {
    for (let look = 0; look < 2; look++) {
      beat(words, 0)
      beat(words, 1)
      now += step
      assert.equal(heartbeats.look(now), -1)
    }
    // An hour passes in which nobody, not even the timer that looks, had a processor.
    now += 3_600_000
    assert.equal(heartbeats.look(now), -1)
  }
})

test('silence that ends is forgotten', () => {
  const { words, heartbeats, step } = setup(1)
  for (let now = 0; now < 20 * TIMEOUT; now += step) {
    if ((now / step) % 3 === 0) beat(words, 0)
    assert.equal(heartbeats.look(now), -1)
  }
})
