import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { InputStash, StashPool } from '../../src/worker/input-stash.ts'
import { Random, testSeed } from '../support/seed.ts'

const counters = (): Float64Array => new Float64Array(256)

describe('a stash', () => {
  test('gives back what was put in, in order, and owns nothing when it is empty', () => {
    const seed = testSeed()
    const random = new Random(seed)
    const figures = counters()
    const stash = new InputStash(new StashPool(1 << 20, figures))
    let expected: Buffer = Buffer.alloc(0)
    for (let round = 0; round < 2000; round++) {
      if (random.chance(0.6)) {
        const added = Buffer.alloc(random.below(random.chance(0.1) ? 3000 : 100))
        for (let at = 0; at < added.length; at++) added[at] = random.below(256)
        const around = Buffer.concat([Buffer.from('<<'), added, Buffer.from('>>')])
        assert.ok(stash.append(around, 2, 2 + added.length))
        expected = Buffer.concat([expected, added])
      } else if (expected.length > 0) {
        const taken = 1 + random.below(expected.length)
        stash.consume(stash.start + taken)
        expected = expected.subarray(taken)
      }
      assert.equal(stash.length, expected.length, `seed ${seed} round ${round}`)
      const held = stash.buffer?.subarray(stash.start, stash.end) ?? Buffer.alloc(0)
      assert.ok(held.equals(expected), `seed ${seed} round ${round}`)
      assert.equal(figures[COUNTER.readBuffers], stash.buffer === null ? 0 : 1)
      assert.equal(stash.buffer === null, expected.length === 0)
    }
    stash.release()
    assert.equal(figures[COUNTER.readBufferBytes], 0)
  })

  test('a long line that comes in small pieces is not copied again for each', () => {
    const stash = new InputStash(new StashPool(16 << 20, counters()))
    const buffers = new Set<Buffer | null>()
    for (let piece = 0; piece < 1000; piece++) {
      assert.ok(stash.append(Buffer.alloc(1000), 0, 1000))
      buffers.add(stash.buffer)
    }
    assert.ok(buffers.size <= 12, `${buffers.size} buffers for one line`)
  })
})

describe('the stashes of a worker', () => {
  test('stay within the limit, and what is refused is counted and leaves the rest as it was', () => {
    const figures = counters()
    const pool = new StashPool(4096, figures)
    const first = new InputStash(pool)
    const second = new InputStash(pool)
    assert.ok(first.append(Buffer.alloc(2000, 'a'), 0, 2000))
    assert.ok(second.append(Buffer.alloc(1000, 'b'), 0, 1000))
    assert.equal(figures[COUNTER.readBufferBytes], 2048 + 1024)
    assert.equal(second.append(Buffer.alloc(1000, 'c'), 0, 1000), false)
    assert.equal(figures[COUNTER.readBufferRefused], 1)
    assert.equal(second.length, 1000)
    assert.equal(second.buffer?.[second.start], 'b'.charCodeAt(0))
    first.release()
    assert.ok(second.append(Buffer.alloc(1000, 'c'), 0, 1000))
    second.release()
    assert.equal(figures[COUNTER.readBufferBytes], 0)
    assert.equal(figures[COUNTER.readBuffers], 0)
  })

  test('are used again, small ones and those that one read can fill', () => {
    const pool = new StashPool(1 << 20, counters())
    for (const bytes of [600, 16_384, 40_000, 100_000]) {
      const taken = pool.take(bytes)
      assert.ok(taken !== null)
      pool.give(taken)
      assert.equal(pool.take(bytes), taken, `${bytes} bytes`)
    }
  })

  test('are not kept when they are huge, nor more than 1 MiB of large ones', () => {
    const pool = new StashPool(64 << 20, counters())
    const huge = pool.take(200_000)
    assert.ok(huge !== null)
    pool.give(huge)
    assert.notEqual(pool.take(200_000), huge)
    for (let round = 0; round < 3; round++) {
      const first = Array.from({ length: 20 }, () => pool.take(128 * 1024)!)
      for (const stash of first) pool.give(stash)
      const second = Array.from({ length: 20 }, () => pool.take(128 * 1024)!)
      assert.equal(second.filter((stash) => first.includes(stash)).length, 8)
      for (const stash of second) pool.give(stash)
    }
  })

  test('giving back more than was taken is found', () => {
    const pool = new StashPool(1 << 20, counters())
    assert.throws(() => pool.give(Buffer.alloc(512)), /more stash bytes/)
  })
})
