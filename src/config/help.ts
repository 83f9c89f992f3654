import { versionLine } from '../version.ts'
import { EXTENDED_OPTIONS } from './extended-options.ts'
import type { FlagRow } from './flag-row.ts'
import { FLAGS } from './flag-table.ts'
import { settingByKey } from './schema.ts'

const COLUMN = 34

/** -h: everything memcached's help has a counterpart for, and what is ours. */
export function helpText(): string {
  const options = EXTENDED_OPTIONS.filter((option) => option.doc !== '')
  const others = EXTENDED_OPTIONS.filter((option) => option.doc === '' && option.hidden !== true)
  return [
    versionLine,
    'Usage: memc-kv [flags]',
    '',
    ...FLAGS.filter((row) => row.hidden !== true).map((row) =>
      line(spelling(row), `${row.doc}${standard(row)}`),
    ),
    '',
    'Extended options, for -o:',
    ...options.map((option) =>
      line(`  ${option.name}${option.argument === '' ? '' : `=${option.argument}`}`, option.doc),
    ),
    '  accepted without effect:',
    ...wrapped(others.map((option) => option.name)),
    '',
    'Each setting can also come from a file (--config) or the environment, for example',
    'MEMCKV_MEMORY_LIMIT=1gb; flags are stronger than the environment, and that than the file.',
  ].join('\n')
}

export function licenseText(): string {
  return `${versionLine}: MIT licence, see the file LICENSE`
}

function spelling(row: FlagRow): string {
  const short = row.short === '' ? '    ' : `-${row.short}`
  if (row.long === '') return `${short} ${row.argument}`
  const equals = row.argument === '' ? '' : `=${row.argument}`
  const long = row.argumentOptional === true ? `--${row.long}[${equals}]` : `--${row.long}${equals}`
  return row.short === '' ? `${short}${long}` : `${short}, ${long}`
}

/** The default, where a value is asked for: that a switch is off without the flag goes without saying. */
function standard(row: FlagRow): string {
  const entry = row.argument === '' ? undefined : settingByKey.get(row.key)
  if (entry === undefined) return ''
  const text = entry.setting.rule.print(entry.setting.default)
  return text === '' ? '' : ` (default: ${text})`
}

function line(left: string, right: string): string {
  return left.length < COLUMN - 1
    ? left.padEnd(COLUMN) + right
    : `${left}\n${' '.repeat(COLUMN)}${right}`
}

function wrapped(words: readonly string[]): string[] {
  const lines: string[] = []
  let current = '   '
  for (const word of words) {
    if (current.length + word.length > 92) {
      lines.push(current)
      current = '   '
    }
    current += ` ${word}`
  }
  return [...lines, current]
}
