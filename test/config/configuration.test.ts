import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { EXIT } from '../../src/base/fatal.ts'
import { EXTENDED_OPTIONS } from '../../src/config/extended-options.ts'
import { FLAGS } from '../../src/config/flag-table.ts'
import { settingByKey, settings } from '../../src/config/schema.ts'
import { GENERATED_FILES, withReference } from './reference.ts'

const ROOT = new URL('../../', import.meta.url)

for (const file of GENERATED_FILES) {
  const name = file.pathname.slice(ROOT.pathname.length)

  test(`${name} is in step with the code (npx node test/config/reference.ts)`, () => {
    const text = readFileSync(file, 'utf8')
    assert.equal(text, withReference(text))
  })

  test(`${name} has every setting, variable, flag and exit status`, () => {
    const text = readFileSync(file, 'utf8')
    const names = [
      ...settings.flatMap(({ key, setting }) => [key, setting.env]),
      ...FLAGS.filter((row) => row.hidden !== true).map((row) =>
        row.long === '' ? `-${row.short}` : `--${row.long}`,
      ),
      ...Object.keys(EXIT),
    ]
    assert.deepEqual(
      names.filter((word) => !text.includes(`\`${word}`)),
      [],
    )
  })
}

test('docs/configuration.md has every name for -o', () => {
  const text = readFileSync(new URL('docs/configuration.md', ROOT), 'utf8')
  assert.deepEqual(
    EXTENDED_OPTIONS.filter((option) => !text.includes(`\`${option.name}`)),
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
