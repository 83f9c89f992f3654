import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tracing } from '../../src/config/open-telemetry.ts'
import { decideTracing } from '../../src/config/open-telemetry.ts'
import { schema } from '../../src/config/schema.ts'
import { version } from '../../src/version.ts'

type Variables = Readonly<Record<string, string>>

const SAFE = { root: 0, parentSampled: 1, parentNotSampled: 0 }
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

function decide(variables: Variables, enabled: 'auto' | 'on' | 'off' = 'auto'): Tracing {
  const defaults = Object.fromEntries(
    Object.entries(schema.traces).map(([name, { default: value }]) => [name, value]),
  )
  return decideTracing({ ...defaults, enabled } as Parameters<typeof decideTracing>[0], variables)
}

for (const [variables, isOn] of [
  [{}, false],
  [{ OTEL_SERVICE_NAME: 'cache', OTEL_TRACES_SAMPLER: 'always_on' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
  [{ OTEL_TRACES_SAMPLER: 'dice', OTEL_PROPAGATORS: 'b3', OTEL_LOGS_EXPORTER: 'otlp' }, false],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4318' }, false],
  [ENDPOINT, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'console' }, true],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, false],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, false],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'false' }, true],
  [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: 'always_off' }, false],
] as const) {
  test(`auto with ${JSON.stringify(variables)}: traces are ${isOn ? 'on' : 'off'}`, () => {
    const { sampling, warnings } = decide(variables)
    assert.equal(sampling !== null, isOn)
    assert.deepEqual(warnings, [])
  })
}

test('the setting is stronger than what the variables suggest, not than what they forbid', () => {
  assert.deepEqual(decide({}, 'on').sampling, SAFE)
  assert.equal(decide(ENDPOINT, 'off').sampling, null)
  const { sampling, warnings } = decide({ OTEL_SDK_DISABLED: 'true' }, 'on')
  assert.equal(sampling, null)
  assert.deepEqual(warnings, [
    'no traces, although traces.enabled is on: OTEL_SDK_DISABLED is true',
  ])
})

for (const [sampler, ratio, sampling] of [
  ['', '', SAFE],
  ['parentbased_always_off', '', SAFE],
  ['parentbased_always_on', '', { ...SAFE, root: 1 }],
  ['parentbased_traceidratio', '0.001', { ...SAFE, root: 0.001 }],
  ['traceidratio', '0.25', { root: 0.25, parentSampled: 0.25, parentNotSampled: 0.25 }],
  ['ALWAYS_ON', '', { root: 1, parentSampled: 1, parentNotSampled: 1 }],
] as const) {
  test(`sampler ${sampler} ${ratio}`, () => {
    const decided = decide({
      ...ENDPOINT,
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: ratio,
    })
    assert.deepEqual(decided.sampling, sampling)
    assert.deepEqual(decided.warnings, [])
  })
}

for (const [variables, warning] of [
  [
    { OTEL_TRACES_SAMPLER: 'dice' },
    /^environment OTEL_TRACES_SAMPLER: dice is not allowed; allowed/,
  ],
  [
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' },
    /^environment OTEL_TRACES_SAMPLER_ARG: not given; allowed is a number from 0 to 1; 0 is used$/,
  ],
  [
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '10%' },
    /^environment OTEL_TRACES_SAMPLER_ARG: 10% is not allowed/,
  ],
  [
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '1.5' },
    /^environment OTEL_TRACES_SAMPLER_ARG: 1.5 is not allowed/,
  ],
  [{ OTEL_SDK_DISABLED: 'yes' }, /^environment OTEL_SDK_DISABLED: yes is not allowed/],
  [{ OTEL_METRICS_EXPORTER: 'otlp' }, /^environment OTEL_METRICS_EXPORTER: otlp has no effect/],
  [{ OTEL_LOGS_EXPORTER: 'otlp' }, /^environment OTEL_LOGS_EXPORTER: otlp has no effect/],
  [{ OTEL_CONFIG_FILE: 'otel.yaml' }, /^environment OTEL_CONFIG_FILE: has no effect/],
] as const) {
  test(`${JSON.stringify(variables)} is told in one line, and the rest holds`, () => {
    const { sampling, warnings } = decide({ ...ENDPOINT, ...variables })
    assert.deepEqual(sampling, SAFE)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, warning)
  })
}

test('without tracecontext a client’s decision counts for nothing', () => {
  const root = { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'parentbased_always_on' }
  const none = decide({ ...root, OTEL_PROPAGATORS: 'none' })
  assert.equal(none.followsClients, false)
  assert.deepEqual(none.sampling, { root: 1, parentSampled: 1, parentNotSampled: 1 })
  assert.deepEqual(none.warnings, [])
  assert.equal(decide({ ...root, OTEL_PROPAGATORS: 'baggage, tracecontext' }).followsClients, true)
  assert.match(
    decide({ ...root, OTEL_PROPAGATORS: 'b3' }).warnings[0]!,
    /^OTEL_PROPAGATORS b3: only/,
  )
})

test('the SDK gets a name and a version, unless it has them', () => {
  assert.deepEqual(decide({}).variables, {})
  const always = {
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_NODE_EXPERIMENTAL_SDK_METRICS: 'true',
  }
  assert.deepEqual(decide(ENDPOINT).variables, {
    ...always,
    OTEL_SERVICE_NAME: 'memc-kv',
    OTEL_RESOURCE_ATTRIBUTES: `service.version=${version}`,
  })
  const attributes = 'k8s.pod.name=a-0,service.name=sessions'
  assert.deepEqual(decide({ ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: attributes }).variables, {
    ...always,
    OTEL_RESOURCE_ATTRIBUTES: `service.version=${version},${attributes}`,
  })
  const all = { OTEL_SERVICE_NAME: 'a', OTEL_RESOURCE_ATTRIBUTES: 'service.version=7' }
  assert.deepEqual(decide({ ...ENDPOINT, ...all }).variables, always)
})
