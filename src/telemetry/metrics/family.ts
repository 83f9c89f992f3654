import type { BucketFigures } from '../thread-figures.ts'
import type { Scrape } from './scrape.ts'
import type { Exemplar } from './source.ts'

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly value: number
  readonly labels: Labels
  /** Of a histogram's parts, which have names of their own. */
  readonly metricName?: string
  readonly exemplar?: Exemplar | undefined
}

export type FamilyType = 'counter' | 'gauge' | 'histogram'

/** All series of one name. */
export interface Family {
  readonly name: string
  readonly type: FamilyType
  /** One line without quotes and backslashes, so that it is the same text in every format. */
  readonly help: string
  readonly labelNames: readonly string[]
  readonly collect: (scrape: Scrape) => Sample[]
}

type Value = (scrape: Scrape) => number

/** A family of one series, without labels. */
export function counter(name: string, help: string, value: Value): Family {
  return single('counter', name, help, value)
}

export function gauge(name: string, help: string, value: Value): Family {
  return single('gauge', name, help, value)
}

function single(type: FamilyType, name: string, help: string, value: Value): Family {
  const labels: Labels = {}
  return {
    name,
    type,
    help,
    labelNames: [],
    collect: (scrape) => [{ value: value(scrape), labels }],
  }
}

/** A family of one label: what to call its values, and a number for each. */
export function byLabel(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  label: string,
  values: (scrape: Scrape) => Iterable<readonly [string, number]>,
): Family {
  return {
    name,
    type,
    help,
    labelNames: [label],
    collect: (scrape) =>
      Array.from(values(scrape), ([text, value]) => ({ value, labels: { [label]: text } })),
  }
}

/** A gauge that is 1 and says what it has to say in its labels. */
export function info(
  name: string,
  help: string,
  labelNames: readonly string[],
  labels: (scrape: Scrape) => Labels,
): Family {
  return {
    name,
    type: 'gauge',
    help,
    labelNames,
    collect: (scrape) => [{ value: 1, labels: labels(scrape) }],
  }
}

/** One histogram of a family. */
export interface HistogramFigures extends BucketFigures {
  readonly labels: Labels
  readonly exemplars?: readonly (Exemplar | undefined)[] | undefined
}

/** @param bounds upper bounds of the buckets; each histogram has one bucket more */
export function histogram(
  family: Pick<Family, 'name' | 'help' | 'labelNames'>,
  bounds: readonly number[],
  read: (scrape: Scrape) => readonly HistogramFigures[],
): Family {
  const les = [...bounds.map(canonicalNumber), '+Inf']
  const { name } = family
  return {
    ...family,
    type: 'histogram',
    collect: (scrape) => read(scrape).flatMap((figures) => histogramSamples(name, les, figures)),
  }
}

/**
 * The count is that of the last bucket, not a number of its own: a worker may count while its
 * figures are read, and the two must agree.
 */
function histogramSamples(
  name: string,
  les: readonly string[],
  { labels, buckets, sum, exemplars }: HistogramFigures,
): Sample[] {
  let cumulated = 0
  const samples: Sample[] = les.map((le, index) => {
    cumulated += buckets[index] ?? 0
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value: cumulated,
      exemplar: exemplars?.[index],
    }
  })
  samples.push(
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: cumulated },
  )
  return samples
}

/**
 * As OpenMetrics wants the bounds of buckets written: 1.0, 0.0001, 1e-05. Prometheus 3 rewrites
 * others to this; with one spelling in both formats a series stays the same whatever was negotiated.
 */
export function canonicalNumber(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}
