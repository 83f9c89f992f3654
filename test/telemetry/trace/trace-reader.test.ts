import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceRecord } from '../../../src/telemetry/trace/trace-reader.ts'
import { TraceReader } from '../../../src/telemetry/trace/trace-reader.ts'
import {
  createTraceRings,
  TRACE,
  TRACE_KIND,
  traceRing,
} from '../../../src/telemetry/trace-ring.ts'
import { RecordWriter } from './record-writer.ts'

function drained(reader: TraceReader): TraceRecord[] {
  const records: TraceRecord[] = []
  reader.drain((record) => records.push(record))
  return records
}

test('a record is read as it was written', () => {
  const rings = createTraceRings(2)
  new RecordWriter(rings, 1).write({
    kind: 'slow',
    beginUnixMilliseconds: 1000.5,
    milliseconds: 51.25,
    command: 'mg',
    commands: 9,
    keysAsked: 8,
    keysFound: 7,
    valueBytes: 6,
    errorLine: 5,
    connectionNumber: 4,
    address: '::1',
    port: 3,
    key: 'caf\xe9',
    traceparent: '00-0102030405060708090a0b0c0d0e0fff-f1f2f3f4f5f6f7f8-81',
  })
  const [record, ...rest] = drained(new TraceReader(rings, 2))
  assert.deepEqual(rest, [])
  const { beginUnixMilliseconds, ...other } = record!
  assert.ok(Math.abs(beginUnixMilliseconds - 1000.5) < 0.001)
  assert.deepEqual(other, {
    kind: TRACE_KIND.slow,
    milliseconds: 51.25,
    // Nobody has said that the turn is over.
    turnMilliseconds: 51.25,
    command: 'mg',
    commands: 9,
    keysAsked: 8,
    keysFound: 7,
    valueBytes: 6,
    errorLine: 5,
    connectionNumber: 4,
    address: '::1',
    port: 3,
    key: Buffer.from('caf\xe9', 'latin1'),
    parent: {
      traceId: '0102030405060708090a0b0c0d0e0fff',
      spanId: 'f1f2f3f4f5f6f7f8',
      flags: 0x81,
    },
  })
})

test('many rounds of a ring lose nothing and keep the order', () => {
  const rings = createTraceRings(1)
  const writer = new RecordWriter(rings, 0)
  const reader = new TraceReader(rings, 1)
  let written = 0
  const seen: number[] = []
  for (let round = 0; round < 40; round++) {
    // Of many lengths, so that the end of the ring is met at many places.
    for (let count = 0; count < 200; count++) {
      writer.write({ connectionNumber: written, key: 'k'.repeat(written % 119) })
      written++
    }
    for (const { connectionNumber, key } of drained(reader)) {
      assert.equal(key.length, connectionNumber % 119)
      seen.push(connectionNumber)
    }
  }
  assert.equal(writer.dropped, 0)
  assert.deepEqual(
    seen,
    Array.from({ length: written }, (_, number) => number),
  )
})

test('a full ring keeps what it has, and has room again when it was read', () => {
  const rings = createTraceRings(1)
  const writer = new RecordWriter(rings, 0)
  const reader = new TraceReader(rings, 1)
  for (let number = 0; number < 1000; number++) writer.write({ connectionNumber: number })
  const numbers = drained(reader).map(({ connectionNumber }) => connectionNumber)
  assert.equal(numbers.length, 1000 - writer.dropped)
  assert.ok(writer.dropped > 0)
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index),
  )
  writer.write({ connectionNumber: 7777 })
  assert.deepEqual(
    drained(reader).map(({ connectionNumber }) => connectionNumber),
    [7777],
  )
})

test('a record that cannot be is our own fault, and ends the process', () => {
  const rings = createTraceRings(1)
  new RecordWriter(rings, 0).write({})
  // Unused room of no size: whoever steps over it stays where he is.
  const { words } = traceRing(rings, 0)
  words[TRACE.totalBytes] = 0
  words[TRACE.kind] = TRACE_KIND.filler
  assert.throws(() => drained(new TraceReader(rings, 1)), { name: 'AssertionFailure' })
})
