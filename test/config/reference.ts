import { readFileSync, writeFileSync } from 'node:fs'
import { EXIT } from '../../src/base/fatal.ts'
import { EXTENDED_OPTIONS } from '../../src/config/extended-options.ts'
import { FLAGS } from '../../src/config/flag-table.ts'
import type { SettingEntry } from '../../src/config/schema.ts'
import { settings } from '../../src/config/schema.ts'

/**
 * The tables of docs/configuration.md, made from the schema, the flag table and the exit statuses.
 * configuration.test.ts fails when the file is behind; this brings it up to date:
 *
 *   npx node test/config/reference.ts
 */
export const REFERENCE_FILE = new URL('../../docs/configuration.md', import.meta.url)

/** The text with each generated part made anew. */
export function withReference(text: string): string {
  return text.replace(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, name: string, end: string) => `${start}${part(name)}${end}`,
  )
}

function part(name: string): string {
  switch (name) {
    case 'settings':
      return settingsTable((entry) => entry.section !== 'compat')
    case 'compat':
      return settingsTable((entry) => entry.section === 'compat')
    case 'flags':
      return flagsTable()
    case 'extended':
      return extendedTable()
    case 'exit':
      return exitTable()
    default:
      throw new Error(`nothing generates "${name}"`)
  }
}

function settingsTable(wanted: (entry: SettingEntry) => boolean): string {
  const rows = settings.filter(wanted).map((entry) => {
    const { setting, key } = entry
    const standard = setting.rule.print(setting.default)
    return [
      code(key),
      code(setting.env),
      flagsOf(key),
      standard === '' ? 'none' : code(standard),
      setting.doc,
      setting.rule.allowed,
    ]
  })
  return table(['setting', 'environment', 'flag', 'default', 'what', 'allowed'], rows)
}

function flagsOf(key: string): string {
  const flags = FLAGS.filter((row) => row.key === key).map((row) =>
    row.short === '' ? `--${row.long}` : `-${row.short}`,
  )
  const options = EXTENDED_OPTIONS.filter((option) => option.key === key)
  return [...flags, ...options.map((option) => `-o ${option.name}`)].map(code).join(', ')
}

function flagsTable(): string {
  const rows = FLAGS.filter((row) => row.hidden !== true).map((row) => [
    row.short === '' ? '' : code(`-${row.short} ${row.argument}`.trim()),
    row.long === '' ? '' : code(`--${row.long}`),
    row.key === '' ? '' : code(row.key),
    row.doc,
  ])
  return table(['flag', 'long', 'setting', 'what'], rows)
}

function extendedTable(): string {
  const rows = EXTENDED_OPTIONS.map((option) => [
    code(option.argument === '' ? option.name : `${option.name}=${option.argument}`),
    option.key === '' ? '' : code(option.key),
    option.doc === '' ? 'accepted without effect' : option.doc,
  ])
  return table(['name', 'setting', 'what'], rows)
}

function exitTable(): string {
  const rows = Object.entries(EXIT).map(([reason, { status, meaning }]) => [
    String(status),
    code(reason),
    meaning,
  ])
  return table(['status', 'reason', 'meaning'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |\n`
  return `${line(head)}${line(head.map(() => '---'))}${rows.map(line).join('')}`
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|')
}

function code(text: string): string {
  return `\`${text}\``
}

if (import.meta.main) {
  writeFileSync(REFERENCE_FILE, withReference(readFileSync(REFERENCE_FILE, 'utf8')))
}
