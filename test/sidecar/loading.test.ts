import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const SIDECAR = pathToFileURL(resolve(import.meta.dirname, '../../src/sidecar/sidecar.ts')).href

/** Says what was loaded by the end: Node's own parts, and files of packages. */
const PROGRAM = `
  import { createRequire } from 'node:module'
  await import(${JSON.stringify(SIDECAR)})
  const files = Object.keys(createRequire(import.meta.url).cache)
  console.log(JSON.stringify([...process.moduleLoadList, ...files]))
`

test('what costs memory and is of no use here is not loaded with the sidecar', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM])
  const loaded = JSON.parse(output.toString()) as string[]
  assert.ok(loaded.some((name) => name.includes('node_modules/fastify/')))
  for (const part of ['undici', '/ajv/', 'json-stringify-compiler/', '@fastify/swagger/']) {
    assert.deepEqual(
      loaded.filter((name) => name.includes(part)),
      [],
      part,
    )
  }
})
