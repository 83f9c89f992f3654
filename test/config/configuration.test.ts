import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { EXTENDED_OPTIONS } from '../../src/config/extended-options.ts'
import { FLAGS } from '../../src/config/flag-table.ts'
import { settingByKey, settings } from '../../src/config/schema.ts'
import { REFERENCE_FILE, withReference } from './reference.ts'

test('docs/configuration.md is in step with the code (npx node test/config/reference.ts)', () => {
  const text = readFileSync(REFERENCE_FILE, 'utf8')
  assert.equal(text, withReference(text))
})

test('the document has every setting, variable, flag, option and exit status', () => {
  const text = readFileSync(REFERENCE_FILE, 'utf8')
  const names = [
    ...settings.flatMap(({ key, setting }) => [key, setting.env]),
    ...FLAGS.filter((row) => row.hidden !== true).map((row) =>
      row.long === '' ? `-${row.short}` : `--${row.long}`,
    ),
    ...EXTENDED_OPTIONS.map((option) => option.name),
    ...Object.keys(EXIT),
  ]
  assert.deepEqual(
    names.filter((name) => !text.includes(`\`${name}`)),
    [],
  )
})

test('the tables name only keys that exist', () => {
  const keys = [...FLAGS, ...EXTENDED_OPTIONS].map((row) => row.key).filter((key) => key !== '')
  assert.deepEqual(
    keys.filter((key) => !settingByKey.has(key)),
    [],
  )
})

test('no two flags, variables or exit statuses are the same', () => {
  const shorts = FLAGS.map((row) => row.short).filter((short) => short !== '')
  const longs = FLAGS.map((row) => row.long).filter((long) => long !== '')
  const variables = settings.map(({ setting }) => setting.env)
  const options = EXTENDED_OPTIONS.map((option) => option.name)
  const statuses = Object.values(EXIT).map((exit) => exit.status)
  for (const names of [shorts, longs, variables, options, statuses]) {
    assert.equal(new Set<string | number>(names).size, names.length)
  }
})
