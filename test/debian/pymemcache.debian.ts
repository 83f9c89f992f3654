import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { Server, SuiteScope } from '../support/server.ts'

const scope = new SuiteScope()
after(() => scope.close())

/** Debian's own interpreter: the package is installed for it and not for others on the path. */
const PYTHON = '/usr/bin/python3'

test("Debian's pymemcache works with the server", async () => {
  const server = await Server.start(scope, { flags: ['-t', '2'], debugTime: true })
  const script = join(import.meta.dirname, 'pymemcache-session.py')
  const { stdout } = await promisify(execFile)(PYTHON, [script, String(server.port)], {
    timeout: 60_000,
  })
  assert.equal(stdout, 'all sessions passed\n')
})

test("Debian's pymemcache works with the server over TLS", async () => {
  const authority = new Authority(scope)
  const flags = ['-t', '2', ...tlsFlags(authority.pair('server'))]
  const server = await Server.start(scope, { flags, debugTime: true })
  const script = join(import.meta.dirname, 'pymemcache-session.py')
  const { stdout } = await promisify(execFile)(
    PYTHON,
    [script, String(server.port), authority.file],
    { timeout: 60_000 },
  )
  assert.equal(stdout, 'all sessions passed\n')
})
