import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { after, describe, test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { until } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'

/** Descriptors that the server may open when the limit is drawn around it. */
const DESCRIPTORS_LEFT = 6
const CLIENTS = 30
const ANSWER_MILLISECONDS = 2000

for (const wire of WIRES) {
  describe(`no file descriptors, ${wire} wire`, () => {
    const scope = new SuiteScope()
    after(() => scope.close())

    test('some clients are refused, the server goes on, and later ones are served', async () => {
      const server = await Server.start(scope, { flags: ['-t', '2'], environment: hooked(wire) })
      const open = readdirSync(`/proc/${server.pid}/fd`).length
      const limit = open + DESCRIPTORS_LEFT
      execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${limit}:${limit}`])
      const answers = await Promise.all(
        Array.from({ length: CLIENTS }, () => isAnswered(server.port, true)),
      )
      const answered = answers.filter((answer) => answer).length
      assert.ok(answered > 0, 'nobody was served')
      assert.ok(answered < CLIENTS, 'the limit was not reached')
      // The server closes its ends a moment after the clients have closed theirs.
      await until(
        () => isAnswered(server.port, false),
        () => 'nobody is served any more',
      )
    })
  })
}

/**
 * Asks for the version.
 *
 * @param stays keep the connection until the deadline, so that the descriptors really run out
 */
function isAnswered(port: number, stays: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    let answered = false
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answered)
    }
    const timer = setTimeout(end, ANSWER_MILLISECONDS)
    socket.on('connect', () => socket.write('version\r\n'))
    socket.on('data', () => {
      answered = true
      if (!stays) end()
    })
    socket.on('error', end)
    socket.on('close', end)
  })
}
