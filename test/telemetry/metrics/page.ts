/**
 * A page of metrics, read as strictly as the formats are written down: Prometheus text 0.0.4 and
 * OpenMetrics 1.0. What a lenient scraper would forgive is an error here.
 */
export interface PageFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly PageSample[]
}

export interface PageSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar?: PageExemplar
}

export interface PageExemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly unixSeconds: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/y
const NUMBER = '[+-]?(?:\\d+(?:\\.\\d+)?(?:e[+-]\\d+)?|Inf)|NaN'
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*?)\\})? (${NUMBER})(?: # (.*))?$`)
const EXEMPLAR = new RegExp(`^\\{(.*?)\\} (${NUMBER}) (\\d+(?:\\.\\d+)?)$`)

const TEXT_TYPES = ['counter', 'gauge', 'histogram']
const OPENMETRICS_TYPES = [...TEXT_TYPES, 'unknown']
/** OpenMetrics: characters of the labels of an exemplar, names and values together. */
const EXEMPLAR_CHARACTERS_MAX = 128

/** Prometheus text: HELP, then TYPE, then the samples of one name; empty lines between families. */
export function parseText(body: string): PageFamily[] {
  check(body.endsWith('\n'), 'the last line ends')
  const lines = body.split('\n').filter((line) => line !== '')
  return parseFamilies(lines, ['HELP', 'TYPE'], TEXT_TYPES, false)
}

/** OpenMetrics: TYPE, then HELP, then the samples; no empty lines, and EOF as the last one. */
export function parseOpenMetrics(body: string): PageFamily[] {
  check(body.endsWith('\n# EOF\n'), 'EOF is the last line')
  const lines = body.slice(0, -'# EOF\n'.length - 1).split('\n')
  check(!lines.includes(''), 'no line is empty')
  const families = parseFamilies(lines, ['TYPE', 'HELP'], OPENMETRICS_TYPES, true)
  for (const family of families) checkOpenMetrics(family)
  return families
}

function parseFamilies(
  lines: readonly string[],
  heads: readonly [string, string],
  types: readonly string[],
  withExemplars: boolean,
): PageFamily[] {
  const families: (PageFamily & { samples: PageSample[] })[] = []
  const names = new Set<string>()
  const series = new Set<string>()
  for (let at = 0; at < lines.length; ) {
    const [first, second] = heads.map((word, index) => headOf(lines[at + index] ?? '', word))
    const name = first!.name
    check(second!.name === name, `both heads of ${name}`)
    check(!names.has(name), `${name} stands once`)
    names.add(name)
    const [type, help] = heads[0] === 'TYPE' ? [first!, second!] : [second!, first!]
    check(types.includes(type.text), `type ${type.text} of ${name}`)
    const samples: PageSample[] = []
    for (at += 2; at < lines.length && !lines[at]!.startsWith('#'); at++) {
      const sample = parseSample(lines[at]!, withExemplars)
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`
      check(!series.has(key), `${key} stands once`)
      series.add(key)
      samples.push(sample)
    }
    const family = { name, type: type.text, help: help.text, samples }
    checkNames(family)
    if (family.type === 'histogram') checkHistograms(family)
    families.push(family)
  }
  return families
}

function headOf(line: string, word: string): { name: string; text: string } {
  const match = new RegExp(`^# ${word} (${NAME}) (.+)$`).exec(line)
  check(match !== null, `${word} line: ${line}`)
  return { name: match![1]!, text: match![2]! }
}

function parseSample(line: string, withExemplars: boolean): PageSample {
  const match = SAMPLE.exec(line)
  check(match !== null, `sample: ${line}`)
  const [, name = '', labels = '', value = '', exemplar] = match!
  const sample = { name, labels: parseLabels(labels), value: numberOf(value) }
  if (exemplar === undefined) return sample
  check(withExemplars, `no exemplar in this format: ${line}`)
  return { ...sample, exemplar: parseExemplar(exemplar) }
}

function parseExemplar(text: string): PageExemplar {
  const match = EXEMPLAR.exec(text)
  check(match !== null, `exemplar: ${text}`)
  const [, labels = '', value = '', time = ''] = match!
  const exemplar = {
    labels: parseLabels(labels),
    value: numberOf(value),
    unixSeconds: Number(time),
  }
  const characters = Object.entries(exemplar.labels).flat().join('').length
  check(characters <= EXEMPLAR_CHARACTERS_MAX, `size of exemplar: ${text}`)
  return exemplar
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text)
    check(match !== null, `labels: ${text}`)
    const [, name = '', value = '', end] = match!
    check(!(name in labels), `label ${name} stands once: ${text}`)
    labels[name] = value.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter))
    check(end === '' || LABEL.lastIndex < text.length, `comma at the end: ${text}`)
  }
  return labels
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? Number(text.replace('Inf', 'Infinity')) : Number(text)
}

function checkNames({ name, type, samples }: PageFamily): void {
  const allowed =
    type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix)
      : [name, `${name}_total`]
  for (const sample of samples) check(allowed.includes(sample.name), `${sample.name} in ${name}`)
}

/** Buckets rise in bound and in count, end with +Inf, and agree with the count. */
function checkHistograms({ name, samples }: PageFamily): void {
  const histograms = new Map<string, PageSample[]>()
  for (const sample of samples) {
    const key = JSON.stringify(Object.entries(sample.labels).filter(([label]) => label !== 'le'))
    histograms.set(key, [...(histograms.get(key) ?? []), sample])
  }
  for (const [key, parts] of histograms) {
    const buckets = parts.filter((part) => part.name === `${name}_bucket`)
    const count = parts.find((part) => part.name === `${name}_count`)
    const bounds = buckets.map(({ labels }) => boundOf(labels))
    const counts = buckets.map(({ value }) => value)
    check(isRising(bounds) && bounds.at(-1) === Infinity, `bounds of ${name} ${key}`)
    check(new Set(bounds).size === bounds.length, `bounds of ${name} ${key} stand once`)
    check(isRising(counts), `counts of ${name} ${key}`)
    check(count?.value === counts.at(-1), `count of ${name} ${key}`)
    check(parts.filter((part) => part.name === `${name}_sum`).length === 1, `sum of ${name} ${key}`)
    for (const { exemplar, labels } of buckets) {
      check(
        exemplar === undefined || exemplar.value <= boundOf(labels),
        `exemplar of ${name} lies in its bucket`,
      )
    }
  }
}

function boundOf({ le = 'NaN' }: PageSample['labels']): number {
  return numberOf(le)
}

function isRising(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number >= numbers[index - 1]!)
}

/** Bounds as the specification's own parser wants them, where it minds. */
const CANONICAL = new Map([
  [1e-6, '1e-06'],
  [1e-5, '1e-05'],
  [1e-4, '0.0001'],
  [0.001, '0.001'],
  [0.01, '0.01'],
  [0.1, '0.1'],
  [1, '1.0'],
  [10, '10.0'],
])

function checkOpenMetrics({ name, type, samples }: PageFamily): void {
  for (const { name: sample, value, labels, exemplar } of samples) {
    if (type === 'counter') {
      check(sample === `${name}_total`, `counter ${sample} ends with _total`)
      check(value >= 0 && Number.isFinite(value), `value of counter ${sample}`)
    } else if (type !== 'histogram') {
      check(sample === name, `${sample} is named as its family`)
      check(exemplar === undefined, `${sample} may not have an exemplar`)
    }
    const { le } = labels
    const canonical = CANONICAL.get(Number(le))
    check(canonical === undefined || le === canonical, `bound ${le}`)
  }
}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`page of metrics: ${what}`)
}

/** All samples by name and labels, the latter in order: `name{a="1",b="2"}`. */
export function seriesOf(families: readonly PageFamily[]): Map<string, number> {
  return new Map(
    families.flatMap(({ samples }) =>
      samples.map(({ name, labels, value }) => [seriesName(name, labels), value] as const),
    ),
  )
}

export function seriesName(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .sort()
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}
