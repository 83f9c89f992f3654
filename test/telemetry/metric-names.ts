import { read } from '../repo/repository.ts'

export interface DocumentedMetric {
  readonly name: string
  readonly type: string
}

/** The rows of docs/observability.md that describe a metric: name and type. */
export function documentedMetrics(): DocumentedMetric[] {
  const row = /^\| `((?:memcached|memckv)_\w+)` \| (\w+) \| [^|]*\| [^|]+\|$/gm
  return [...read('docs/observability.md').matchAll(row)].map(([, name = '', type = '']) => ({
    name,
    type,
  }))
}

const HISTOGRAM_SUFFIXES = ['_bucket', '_sum', '_count']

/** What a query may name: a histogram's series have their suffixes. */
export function documentedSeries(): Set<string> {
  return new Set(
    documentedMetrics().flatMap(({ name, type }) =>
      type === 'histogram' ? HISTOGRAM_SUFFIXES.map((suffix) => name + suffix) : [name],
    ),
  )
}

/** Words of PromQL that stand where a metric's name could stand. */
const KEYWORDS = ['and', 'or', 'unless', 'bool']

/**
 * The metrics that a query reads. Whatever else has a name (labels, functions, words, units of time)
 * is taken away first, so that what is left over and is not a metric is noticed as an unknown one.
 */
export function metricsIn(query: string): string[] {
  const bare = query
    .replace(/"(?:[^"\\]|\\.)*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
    .replace(/\boffset\s+\w+/g, '')
    .replace(/(?<![\w:])\d[\w.]*/g, '')
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)]
    .map(([name]) => name)
    .filter((name) => !KEYWORDS.includes(name))
}
