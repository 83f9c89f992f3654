import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { Server } from '../support/server.ts'
import { ask } from './http.ts'

const ROOT = resolve(import.meta.dirname, '../..')

test('docs/sidecar.md lists every path and no other', async (context) => {
  const server = await Server.start(context, { sidecar: true, flags: ['-t', '1'] })
  const { text } = await ask(`${server.sidecar}/openapi.json`)
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, unknown>> }
  const served = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const document = readFileSync(join(ROOT, 'docs/sidecar.md'), 'utf8')
  const listed = [...document.matchAll(/^\| `((?:GET|PUT) [^`]+)` \|/gm)].map(([, row]) => row)
  assert.deepEqual(listed.sort(), served.sort())
})
