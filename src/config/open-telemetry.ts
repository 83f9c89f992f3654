import type { Config } from '../base/config.ts'
import type { Sampling } from '../base/messages.ts'
import { version } from '../version.ts'
import type { Environment } from './environment.ts'

/** What follows from `traces.enabled` and the OTEL_* variables together. */
export interface Tracing {
  /** How workers choose the commands that become spans; null: no spans at all. */
  readonly sampling: Sampling | null
  /** Whether a span belongs to the trace that the client names (OTEL_PROPAGATORS). */
  readonly followsClients: boolean
  /** OTEL_LOG_LEVEL in capitals, INFO when it is not given. */
  readonly diagnosticLevel: string
  /** What the SDK has to find in the environment, because its own defaults do not fit a cache. */
  readonly variables: Readonly<Record<string, string>>
  /** For the log: what was given and cannot be heeded. */
  readonly warnings: readonly string[]
}

/**
 * OpenTelemetry's own defaults would make a span of every request and send it to localhost. Here a
 * span is made when the client asked for it; `traces.slow` and `traces.errors` add what nobody asked
 * for but somebody will want to see. As OpenTelemetry wants it, a variable that is wrong is told and
 * passed over, so that a mistake there does not keep the cache from starting.
 */
export function decideTracing(traces: Config['traces'], environment: Environment): Tracing {
  const warnings: string[] = []
  const read = (name: string): string => environment[name]?.trim() ?? ''
  const diagnosticLevel = read('OTEL_LOG_LEVEL').toUpperCase() || 'INFO'
  if (!isOn(traces, read, warnings)) {
    return { sampling: null, followsClients: false, diagnosticLevel, variables: {}, warnings }
  }
  const followsClients = propagates(read, warnings)
  const sampling = samplingOf(read, followsClients, warnings)
  warnOfUnheeded(read, warnings)
  return { sampling, followsClients, diagnosticLevel, variables: variablesFor(read), warnings }
}

type Read = (name: string) => string

const ENDPOINT_VARIABLES = [
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_ZIPKIN_ENDPOINT',
]

function isOn(traces: Config['traces'], read: Read, warnings: string[]): boolean {
  if (traces.enabled === 'off') return false
  const exporter = read('OTEL_TRACES_EXPORTER').toLowerCase()
  const named = exporter !== '' || ENDPOINT_VARIABLES.some((name) => read(name) !== '')
  if (traces.enabled === 'auto' && !named) return false
  const off = offBecause(read, exporter, warnings)
  if (off === null) return true
  if (traces.enabled === 'on') warnings.push(`no traces, although traces.enabled is on: ${off}`)
  return false
}

function offBecause(read: Read, exporter: string, warnings: string[]): string | null {
  const disabled = read('OTEL_SDK_DISABLED')
  if (disabled.toLowerCase() === 'true') return 'OTEL_SDK_DISABLED is true'
  if (!['', 'false'].includes(disabled.toLowerCase())) {
    warnings.push(badValue('OTEL_SDK_DISABLED', disabled, 'true or false', 'false'))
  }
  if (exporter === 'none') return 'OTEL_TRACES_EXPORTER is none'
  if (read('OTEL_TRACES_SAMPLER').toLowerCase() === 'always_off') {
    return 'OTEL_TRACES_SAMPLER is always_off'
  }
  return null
}

function propagates(read: Read, warnings: string[]): boolean {
  const given = read('OTEL_PROPAGATORS')
  if (given === '') return true
  const names = given.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('tracecontext')) return true
  if (!names.includes('none')) {
    warnings.push(
      `OTEL_PROPAGATORS ${given}: only tracecontext is understood, so no trace of a client is followed`,
    )
  }
  return false
}

const SAFE: Sampling = { root: 0, parentSampled: 1, parentNotSampled: 0 }

function samplingOf(read: Read, followsClients: boolean, warnings: string[]): Sampling {
  const sampling = samplerNamed(read, warnings)
  if (followsClients) return sampling
  const { root } = sampling
  return { root, parentSampled: root, parentNotSampled: root }
}

function samplerNamed(read: Read, warnings: string[]): Sampling {
  const given = read('OTEL_TRACES_SAMPLER')
  switch (given.toLowerCase()) {
    case '':
    case 'parentbased_always_off':
      return SAFE
    case 'always_on':
      return { root: 1, parentSampled: 1, parentNotSampled: 1 }
    case 'parentbased_always_on':
      return { ...SAFE, root: 1 }
    case 'parentbased_traceidratio':
      return { ...SAFE, root: ratio(read, warnings) }
    case 'traceidratio': {
      const root = ratio(read, warnings)
      return { root, parentSampled: root, parentNotSampled: root }
    }
    default:
      warnings.push(
        badValue(
          'OTEL_TRACES_SAMPLER',
          given,
          'always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio',
          'parentbased_always_off',
        ),
      )
      return SAFE
  }
}

/**
 * OpenTelemetry's default for a ratio that is missing or wrong is 1. A mistake in one variable would
 * then make a span of each of a million requests in a second, so here it is 0.
 */
function ratio(read: Read, warnings: string[]): number {
  const given = read('OTEL_TRACES_SAMPLER_ARG')
  const value = given === '' ? Number.NaN : Number(given)
  if (value >= 0 && value <= 1) return value
  warnings.push(badValue('OTEL_TRACES_SAMPLER_ARG', given, 'a number from 0 to 1', '0'))
  return 0
}

function badValue(name: string, given: string, allowed: string, used: string): string {
  const what = given === '' ? 'not given' : `${given} is not allowed`
  return `environment ${name}: ${what}; allowed is ${allowed}; ${used} is used`
}

function warnOfUnheeded(read: Read, warnings: string[]): void {
  for (const [name, instead] of [
    ['OTEL_METRICS_EXPORTER', 'metrics are at /metrics of the sidecar port'],
    ['OTEL_LOGS_EXPORTER', 'the log is on standard output'],
  ] as const) {
    const given = read(name)
    if (given !== '' && given !== 'none') {
      warnings.push(`environment ${name}: ${given} has no effect; ${instead}`)
    }
  }
  if (read('OTEL_CONFIG_FILE') !== '') {
    warnings.push('environment OTEL_CONFIG_FILE: has no effect; give the OTEL_* variables')
  }
}

function variablesFor(read: Read): Record<string, string> {
  const attributes = read('OTEL_RESOURCE_ATTRIBUTES')
  const names = attributes.split(',').map((pair) => pair.split('=', 1)[0]?.trim())
  const named = read('OTEL_SERVICE_NAME') !== '' || names.includes('service.name')
  const own = `service.version=${version}`
  return {
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    // How many spans were sent and how many dropped only the SDK knows; this makes it tell.
    OTEL_NODE_EXPERIMENTAL_SDK_METRICS: 'true',
    ...(!named && { OTEL_SERVICE_NAME: 'memc-kv' }),
    ...(!names.includes('service.version') && {
      OTEL_RESOURCE_ATTRIBUTES: attributes === '' ? own : `${own},${attributes}`,
    }),
  }
}
