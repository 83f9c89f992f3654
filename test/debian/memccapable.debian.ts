import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, test } from 'node:test'
import { Server, SuiteScope } from '../support/server.ts'

const scope = new SuiteScope()
after(() => scope.close())

/** Runs libmemcached's own check of a server's text protocol: each test's name and whether it passed. */
function memccapable(server: Server): Promise<Map<string, boolean>> {
  return new Promise((resolve, reject) => {
    execFile(
      'memccapable',
      ['-h', '127.0.0.1', '-p', String(server.port), '-a'],
      { timeout: 60_000 },
      (error, stdout, stderr) => {
        // It exits with 1 when a test failed, which is judged below; anything else is our trouble.
        if (error !== null && error.code !== 1) reject(new Error(`memccapable: ${error} ${stderr}`))
        // A failed test's line ends without its verdict, so several may stand in one line.
        const rows = stdout.split(/(?=ascii )/).map((row) => row.split(/ {2,}|\n/))
        resolve(new Map(rows.map(([name, verdict]) => [name ?? '', verdict === '[pass]'])))
      },
    )
  })
}

/**
 * memcached 1.6.45 fails these as well, and 1.6.18 does not: they want `ERROR` for a delete without a
 * key, which is `CLIENT_ERROR bad command line format` since its new parser.
 */
const FAIL_BY_DESIGN = ['ascii delete', 'ascii delete noreply']

test('memccapable passes whatever memcached 1.6.45 passes', async () => {
  const ours = await memccapable(await Server.start(scope, { flags: ['-t', '2'] }))
  assert.ok(ours.size >= 27, `only ${ours.size} tests ran`)
  const failed = [...ours].filter(([, passed]) => !passed).map(([name]) => name)
  assert.deepEqual(failed, FAIL_BY_DESIGN)
})
