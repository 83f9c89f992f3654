import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { settings } from '../../src/config/schema.ts'
import { packageFile, read } from '../repo/repository.ts'
import { README_FILE, SCHEMA_FILE, VALUES_FILE, valueRows, withValuesTable } from './reference.ts'
import type { Schema } from './values-schema.ts'
import { FOREIGN, schemaOf } from './values-schema.ts'

const values = readFileSync(VALUES_FILE, 'utf8')
const schema = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as Schema

test('values.schema.json is in step with values.yaml (npx node test/helm/reference.ts)', () => {
  assert.deepEqual(schema, schemaOf(values))
})

test('the chart’s README is in step with values.yaml (npx node test/helm/reference.ts)', () => {
  const readme = readFileSync(README_FILE, 'utf8')
  assert.equal(readme, withValuesTable(readme, values))
})

test('every value has a sentence', () => {
  const rows = valueRows(values)
  assert.ok(rows.length > 100)
  assert.deepEqual(
    rows.filter(({ comment }) => !/^[A-Za-z].*[.)]$/.test(comment)).map(({ key }) => key),
    [],
  )
})

test('every object of the schema is closed, but global and what is handed on to Kubernetes', () => {
  const open = objectsOf(schema, '').filter(
    ({ schema }) => schema.additionalProperties === undefined,
  )
  const ours = open.filter(({ schema }) => schema.properties !== undefined)
  assert.deepEqual(
    ours.map(({ path }) => path),
    ['global'],
  )
  const handedOn = open.filter(({ path }) => path !== 'global')
  assert.ok(handedOn.length > 10)
  for (const { path, schema } of handedOn) {
    assert.equal(schema.type, FOREIGN.type, path)
  }
})

test('each setting of the server is a value of its own, or may be given in settings', () => {
  const known = schema.properties?.['settings']?.properties
  const missing = settings
    .filter(({ section, name }) => known?.[section]?.properties?.[name] === undefined)
    .map(({ key }) => key)
    .filter((key) => !/^(listen|sidecar|process|compat)\./.test(key))
  assert.deepEqual(missing, [
    'memory.limit',
    'items.maxSize',
    'connections.max',
    'workers.count',
    'commands.debug',
    'auth.file',
    'auth.usersFile',
    'traces.enabled',
    'shutdown.delay',
    'shutdown.drain',
    'shutdown.grace',
    'tls.enabled',
    'tls.certFile',
    'tls.keyFile',
    'tls.keyFormat',
    'tls.caFile',
    'tls.verify',
  ])
})

test('null takes away only what may be empty; the rest is required', () => {
  const optional = objectsOf(schema, '')
    .filter(({ path }) => !/^(?:global|settings|resources|\w+SecurityContext|tests\.r)/.test(path))
    .flatMap(({ path, schema: { properties = {}, required = [] } }) =>
      Object.keys(properties)
        .filter((key) => !required.includes(key))
        .map((key) => (path === '' ? key : `${path}.${key}`)),
    )
  const filled = valueRows(values)
    .filter(({ standard }) => standard !== undefined && !/^[{[]/.test(JSON.stringify(standard)))
    .map(({ key }) => key)
  assert.deepEqual(
    filled.filter((key) => optional.includes(key)),
    [],
  )
  assert.ok(filled.length > 100)
})

test('the chart has the version of the package', () => {
  const chart = read('helm/memc-kv/Chart.yaml')
  assert.equal(/^version: (\S+)$/m.exec(chart)?.[1], packageFile.version)
  assert.equal(/^appVersion: (\S+)$/m.exec(chart)?.[1], packageFile.version)
  assert.ok(chart.includes(`image: ghcr.io/memc-kv/memc-kv:${packageFile.version}\n`))
})

function objectsOf(at: Schema, path: string): { path: string; schema: Schema }[] {
  const { properties = {}, items, additionalProperties } = at
  const below = Object.entries(properties)
  if (items !== undefined) below.push(['[]', items])
  if (typeof additionalProperties === 'object') below.push(['*', additionalProperties])
  return [
    ...(at.type === 'object' ? [{ path, schema: at }] : []),
    ...below.flatMap(([key, schema]) => objectsOf(schema, path === '' ? key : `${path}.${key}`)),
  ]
}
