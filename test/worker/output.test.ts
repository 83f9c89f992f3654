import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { OUTPUT_BYTES, OutputBuffer, OutputPool } from '../../src/worker/output.ts'

describe('an output buffer', () => {
  test('shows its first bytes, whatever their number, and makes no new view for short replies', () => {
    const output = new OutputBuffer()
    output.bytes.fill('abcdefgh')
    for (const length of [0, 1, 8, 2047, 2048, 2049, OUTPUT_BYTES]) {
      const view = output.view(length)
      assert.equal(view.length, length)
      assert.equal(view.byteOffset, output.bytes.byteOffset)
      assert.equal(view.buffer, output.bytes.buffer)
    }
    assert.equal(output.view(100), output.view(100))
    assert.equal(output.view(OUTPUT_BYTES), output.view(OUTPUT_BYTES))
  })
})

describe('the output buffers of a worker', () => {
  const FIVE = 5 * OUTPUT_BYTES

  test('are used again', () => {
    const pool = new OutputPool(FIVE, new Float64Array(256))
    const first = pool.take()
    pool.give(first)
    assert.equal(pool.take(), first)
  })

  test('are exhausted when as many are out as the limit allows, and not before', () => {
    const figures = new Float64Array(256)
    const pool = new OutputPool(FIVE, figures)
    const taken: OutputBuffer[] = []
    for (let count = 0; count < 5; count++) {
      assert.equal(pool.exhausted, false)
      taken.push(pool.take())
    }
    assert.equal(pool.exhausted, true)
    assert.equal(figures[COUNTER.replyBuffers], 5)
    assert.equal(figures[COUNTER.replyBufferBytes], FIVE)
    pool.give(taken.pop()!)
    assert.equal(pool.exhausted, false)
  })

  test('go back to the heap, but for a few, when the slow clients are gone', () => {
    const figures = new Float64Array(256)
    const pool = new OutputPool(100 * OUTPUT_BYTES, figures)
    const taken = Array.from({ length: 100 }, () => pool.take())
    for (const output of taken) pool.give(output)
    assert.equal(figures[COUNTER.replyBuffers], 16)
    assert.equal(pool.exhausted, false)
  })

  test('over the limit are not kept', () => {
    const figures = new Float64Array(256)
    const pool = new OutputPool(FIVE, figures)
    const taken = Array.from({ length: 6 }, () => pool.take())
    pool.give(taken[0]!)
    assert.equal(figures[COUNTER.replyBuffers], 5)
    assert.equal(pool.exhausted, true)
    pool.give(taken[1]!)
    assert.equal(pool.exhausted, false)
    assert.equal(pool.take(), taken[1])
  })

  test('giving back more than was made is found', () => {
    const pool = new OutputPool(FIVE, new Float64Array(256))
    const output = pool.take()
    pool.give(output)
    assert.throws(() => pool.give(output), /more output buffers/)
  })
})
