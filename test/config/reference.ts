import { readFileSync, writeFileSync } from 'node:fs'
import { RELATIVE_SECONDS_MAX } from '../../src/base/clock.ts'
import { MEMORY_BYTES_MAX } from '../../src/base/config.ts'
import { EXIT } from '../../src/base/fatal.ts'
import { EXTENDED_OPTIONS } from '../../src/config/extended-options.ts'
import { FLAGS } from '../../src/config/flag-table.ts'
import type { SettingEntry } from '../../src/config/schema.ts'
import { settings } from '../../src/config/schema.ts'
import {
  KEY_BYTES_MAX,
  LINE_BYTES_MAX,
  META_TOKENS_MAX,
  OPAQUE_TOKEN_BYTES_MAX,
  SHORT_LINE_BYTES_MAX,
} from '../../src/protocol/limits.ts'
import { PREFIX_COUNT_MAX } from '../../src/telemetry/prefix-stats.ts'
import { WATCHERS_MAX } from '../../src/telemetry/watchers.ts'
import { STUCK_CONNECTIONS_MAX } from '../../src/worker/connections.ts'
import { STASH_BYTES_MAX } from '../../src/worker/input-stash.ts'
import { OUTPUT_BYTES_MAX } from '../../src/worker/output.ts'

/**
 * The tables of README.md and docs/configuration.md, made from the schema, the flag table, the exit
 * statuses and the named limits. configuration.test.ts fails when a file is behind; this brings
 * them up to date:
 *
 *   npx node test/config/reference.ts
 */
export const GENERATED_FILES: readonly URL[] = [
  new URL('../../README.md', import.meta.url),
  new URL('../../docs/configuration.md', import.meta.url),
]

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
    case 'knobs':
      return knobsTable()
    case 'compatKnobs':
      return compatKnobsTable()
    case 'flagNames':
      return flagNames()
    case 'limits':
      return limitsTable()
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

/** README's table: what an operator may turn. What is allowed is in docs/configuration.md. */
function knobsTable(): string {
  const rows = settings
    .filter((entry) => entry.section !== 'compat')
    .map((entry) => [
      code(entry.key),
      code(entry.setting.env),
      flagsOf(entry.key),
      printedDefault(entry),
      entry.setting.doc,
    ])
  return table(['setting', 'environment', 'flag', 'default', 'what'], rows)
}

function compatKnobsTable(): string {
  const rows = settings
    .filter((entry) => entry.section === 'compat')
    .map((entry) => [
      code(entry.key),
      code(entry.setting.env),
      flagsOf(entry.key),
      printedDefault(entry),
    ])
  return table(['setting', 'environment', 'flag', 'default'], rows)
}

function flagNames(): string {
  const flags = FLAGS.filter((row) => row.hidden !== true).map((row) => {
    const short = row.short === '' ? '' : code(`-${row.short}`)
    const long = row.long === '' ? '' : code(`--${row.long}`)
    return `${short} ${long}`.trim()
  })
  return filled(flags)
}

/** A list with commas, in lines of at most the width that the sources have. */
function filled(words: readonly string[]): string {
  let text = ''
  let column = 0
  for (const [index, word] of words.entries()) {
    const item = `${word}${index === words.length - 1 ? '.' : ','}`
    const fits = column + 1 + item.length <= 100
    text += column === 0 ? item : fits ? ` ${item}` : `\n${item}`
    column = column > 0 && fits ? column + 1 + item.length : item.length
  }
  return `${text}\n`
}

/** What a client or an operator can run into, and what happens then. */
function limitsTable(): string {
  const days = RELATIVE_SECONDS_MAX / 86_400
  const rows = [
    ['key', `${KEY_BYTES_MAX} bytes; of a base64 key, its encoded text`, 'CLIENT_ERROR'],
    [
      'item',
      '`items.maxSize`, by the size memcached would count: key, value and about 50 bytes',
      'SERVER_ERROR; a `set` also removes what the key held, as in memcached',
    ],
    [
      'command line',
      `${SHORT_LINE_BYTES_MAX} bytes without an end of line; of \`get\` and \`gets\`, ${inMebibytes(LINE_BYTES_MAX)}`,
      'the connection is closed',
    ],
    ['words of a meta command', `${META_TOKENS_MAX}, name and key included`, 'CLIENT_ERROR'],
    ['opaque of a meta command', `${OPAQUE_TOKEN_BYTES_MAX - 1} bytes`, 'CLIENT_ERROR'],
    ['numbers', 'client flags 32 bits; CAS values and counters 64 bits, exact', 'CLIENT_ERROR'],
    ['relative time', `${days} days; more seconds than that are a Unix time`, ''],
    ['connections', '`connections.max`', 'an error line, or waiting (`connections.maxFast`)'],
    [
      'commands waiting to be complete, all clients',
      `${inMebibytes(STASH_BYTES_MAX)}, in equal parts for the workers`,
      'SERVER_ERROR to the connection whose command is unfinished for longest, which is closed',
    ],
    [
      'replies waiting to be read, all clients',
      `${inMebibytes(OUTPUT_BYTES_MAX)}, in equal parts for the workers`,
      'the connection that has not read for longest is closed',
    ],
    [
      'clients that do not take their replies',
      `${STUCK_CONNECTIONS_MAX}, in equal parts for the workers; in a container, half of the memory beside the server's own`,
      'the connection that has not read for longest is closed',
    ],
    [
      'a command not complete, replies not taken',
      '`connections.requestTimeout`, `connections.writeTimeout`',
      'the connection is closed',
    ],
    [
      '`watch`',
      `${WATCHERS_MAX} watchers; \`watch.bufferSize\` for each`,
      'an error line; events are skipped and counted',
    ],
    ['`stats detail`', `${PREFIX_COUNT_MAX} prefixes for each worker`, 'further ones not counted'],
    ['memory for items', `\`memory.limit\`, at most ${MEMORY_BYTES_MAX / 2 ** 30} GiB`, 'eviction'],
  ]
  return table(['what', 'limit', 'beyond it'], rows)
}

function inMebibytes(bytes: number): string {
  return `${bytes / 2 ** 20} MiB`
}

function settingsTable(wanted: (entry: SettingEntry) => boolean): string {
  const rows = settings.filter(wanted).map((entry) => {
    const { setting, key } = entry
    return [
      code(key),
      code(setting.env),
      flagsOf(key),
      printedDefault(entry),
      setting.doc,
      setting.rule.allowed,
    ]
  })
  return table(['setting', 'environment', 'flag', 'default', 'what', 'allowed'], rows)
}

function printedDefault({ setting }: SettingEntry): string {
  const standard = setting.rule.print(setting.default)
  return standard === '' ? 'none' : code(standard)
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
  for (const file of GENERATED_FILES) {
    writeFileSync(file, withReference(readFileSync(file, 'utf8')))
  }
}
