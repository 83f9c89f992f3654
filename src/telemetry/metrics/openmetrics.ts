import type { FamilyType, Labels, Sample } from './family.ts'
import type { CollectedFamily } from './registry.ts'

export const OPENMETRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

const COUNTER_SUFFIX = '_total'

/**
 * The page as OpenMetrics 1.0. prom-client would do it, but adds _total to counters that memcached's
 * exporter named without, and dashboards would no longer find them. OpenMetrics has no counters
 * without that suffix, so these are of type unknown here and keep their names.
 */
export function openMetrics(families: readonly CollectedFamily[]): string {
  return `${families.map(familyText).join('')}# EOF\n`
}

function familyText({ name, type, help, values }: CollectedFamily): string {
  const isPlainCounter = type === 'counter' && name.endsWith(COUNTER_SUFFIX)
  const family = isPlainCounter ? name.slice(0, -COUNTER_SUFFIX.length) : name
  const head = `# TYPE ${family} ${typeWord(type, isPlainCounter)}\n# HELP ${family} ${escaped(help)}\n`
  return head + values.map((sample) => sampleText(name, sample)).join('')
}

function typeWord(type: FamilyType, isPlainCounter: boolean): string {
  return type === 'counter' && !isPlainCounter ? 'unknown' : type
}

function sampleText(name: string, { metricName = name, labels, value, exemplar }: Sample): string {
  const line = `${metricName}${labelsText(labels)} ${numberText(value)}`
  if (exemplar === undefined) return `${line}\n`
  const { traceId, spanId, valueSeconds, unixSeconds } = exemplar
  const ids = `{trace_id="${traceId}",span_id="${spanId}"}`
  return `${line} # ${ids} ${numberText(valueSeconds)} ${unixSeconds.toFixed(3)}\n`
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}
