import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Pair, Scalar, YAMLMap } from 'yaml'
import { isMap, parseDocument } from 'yaml'
import { schemaOf } from './values-schema.ts'

/**
 * values.schema.json and the table of values in the chart's README, made from values.yaml.
 * values.test.ts fails when one of them is behind; this brings them up to date:
 *
 *   npx node test/helm/reference.ts
 */
const CHART = new URL('../../helm/memc-kv/', import.meta.url)
export const VALUES_FILE = new URL('values.yaml', CHART)
export const SCHEMA_FILE = new URL('values.schema.json', CHART)
export const README_FILE = new URL('README.md', CHART)

const START = '<!-- generated: values -->\n'
const END = '<!-- end -->'

export interface ValueRow {
  readonly key: string
  readonly standard: unknown
  /** The comment above it in values.yaml. */
  readonly comment: string
}

/** Every value that can be set, in the order of values.yaml, and every comment on a group of them. */
export function valueRows(valuesText: string): ValueRow[] {
  return rowsOf(parseDocument(valuesText).contents as YAMLMap, '')
}

function rowsOf(map: YAMLMap, path: string): ValueRow[] {
  return map.items.flatMap((item, index) => {
    const pair = item as Pair<Scalar<string>>
    const key = path === '' ? pair.key.value : `${path}.${pair.key.value}`
    // The parser puts the comment of a map's first key onto the map.
    const comment = sentence(
      (index === 0 ? map.commentBefore : undefined) ?? pair.key.commentBefore ?? '',
    )
    const { value } = pair as { value: unknown }
    if (isMap(value) && value.items.length > 0) {
      return [{ key, standard: undefined, comment }, ...rowsOf(value, key)]
    }
    const standard = (value as { toJSON(): unknown } | null)?.toJSON()
    return [{ key, standard, comment }]
  })
}

/** The last paragraph of a comment, in one line. */
function sentence(comment: string): string {
  const [last = ''] = comment.split(/\n\s*\n/).slice(-1)
  return last
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
}

export function withValuesTable(readme: string, valuesText: string): string {
  const rows = valueRows(valuesText).map(({ key, standard, comment }) => {
    const shown = standard === undefined ? '' : `\`${JSON.stringify(standard)}\``
    return `| \`${key}\` | ${shown} | ${comment.replaceAll('|', '\\|')} |\n`
  })
  const table = `| value | default | what |\n| --- | --- | --- |\n${rows.join('')}`
  const [before = '', rest = ''] = readme.split(START)
  return `${before}${START}${table}${rest.slice(rest.indexOf(END))}`
}

if (import.meta.main) {
  const values = readFileSync(VALUES_FILE, 'utf8')
  writeFileSync(SCHEMA_FILE, `${JSON.stringify(schemaOf(values), undefined, 2)}\n`)
  // As the formatter wants it, so that writing it anew changes nothing.
  spawnSync('biome', ['format', '--write', SCHEMA_FILE.pathname], { stdio: 'inherit' })
  writeFileSync(README_FILE, withValuesTable(readFileSync(README_FILE, 'utf8'), values))
}
