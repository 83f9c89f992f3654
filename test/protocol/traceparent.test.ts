import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { readTraceparent, Traceparent } from '../../src/protocol/traceparent.ts'
import { Random, testSeed } from '../support/seed.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN_ID = '00f067aa0ba902b7'
const GOOD = `00-${TRACE_ID}-${SPAN_ID}-01`

function read(text: string): Traceparent | null {
  const target = new Traceparent()
  // Other bytes around it must not matter.
  const buffer = Buffer.from(`0${text}0`, 'latin1')
  return readTraceparent(buffer, 1, buffer.length - 1, target) ? target : null
}

function hex(words: Int32Array): string {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString('hex')
}

test('a traceparent is read byte by byte', () => {
  const found = read(GOOD)
  assert.ok(found !== null)
  assert.equal(hex(found.traceId), TRACE_ID)
  assert.equal(hex(found.spanId), SPAN_ID)
  assert.equal(found.flags, 1)
  assert.equal(found.sampled, true)
})

test('the sampled bit is one of eight', () => {
  assert.equal(read(GOOD.replace(/01$/, '00'))?.sampled, false)
  assert.equal(read(GOOD.replace(/01$/, '03'))?.sampled, true)
  assert.equal(read(GOOD.replace(/01$/, 'fe'))?.sampled, false)
  assert.equal(read(GOOD.replace(/01$/, 'ff'))?.flags, 255)
})

test('a trace is drawn by its id, as OpenTelemetry does it', async () => {
  const { TraceIdRatioBasedSampler, SamplingDecision } = await import('@opentelemetry/sdk-trace')
  const random = new Random(testSeed())
  for (let round = 0; round < 2000; round++) {
    const traceId = Array.from({ length: 16 }, () =>
      random.below(256).toString(16).padStart(2, '0'),
    ).join('')
    const ratio = random.below(1001) / 1000
    const { decision } = new TraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, traceId)
    const kept = (read(GOOD.replace(TRACE_ID, traceId))?.draw ?? 1) < ratio
    assert.equal(kept, decision === SamplingDecision.RECORD_AND_SAMPLED, `${traceId} ${ratio}`)
  }
})

test('a later version may go on behind the flags, version 00 may not', () => {
  assert.ok(read(GOOD.replace(/^00/, 'cc')) !== null)
  assert.ok(read(`${GOOD.replace(/^00/, 'cc')}-what-the-future-brings`) !== null)
  assert.equal(read(`${GOOD.replace(/^00/, 'cc')}.what`), null)
  assert.equal(read(`${GOOD}-more`), null)
})

for (const [what, text] of Object.entries({
  'nothing at all': '',
  'a byte too few': GOOD.slice(0, -1),
  'a byte too many': `${GOOD}0`,
  'version ff': GOOD.replace(/^00/, 'ff'),
  'upper-case digits': GOOD.toUpperCase(),
  'a trace id of zeros': GOOD.replace(TRACE_ID, '0'.repeat(32)),
  'a span id of zeros': GOOD.replace(SPAN_ID, '0'.repeat(16)),
  'a letter in the trace id': GOOD.replace('4bf9', '4bg9'),
  'a letter in the span id': GOOD.replace('02b7', '02bz'),
  'a letter in the flags': GOOD.replace(/01$/, '0x'),
  'other separators': GOOD.replaceAll('-', '_'),
})) {
  test(`${what} is refused`, () => {
    assert.equal(read(text), null)
  })
}

test('one changed byte is refused or read as the standard has it', (t) => {
  const random = new Random(testSeed())
  t.diagnostic(`MEMCKV_TEST_SEED=${random.seed}`)
  const pattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(GOOD)
    bytes[random.below(bytes.length)] = random.below(256)
    const text = bytes.toString('latin1')
    assert.equal(read(text) !== null, pattern.test(text), JSON.stringify(text))
  }
})
