import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { after, before, test } from 'node:test'
import { PIPELINED_MAX } from '../../src/sidecar/room.ts'
import { within } from '../support/deadline.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { ask } from './http.ts'

const REQUEST = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'

const scope = new SuiteScope()
let server: Server
before(async () => {
  server = await Server.start(scope, { sidecar: true, flags: ['-t', '1', '--log.level=debug'] })
})
after(() => scope.close())

function open(context: TestContext): Socket {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.sidecar).port) })
  socket.on('error', () => {})
  context.after(() => socket.destroy())
  return socket
}

test('some requests at once are answered in order', async (context) => {
  const socket = open(context)
  socket.write(
    REQUEST.repeat(PIPELINED_MAX - 1) + REQUEST.replace('host', 'connection: close\r\nhost'),
  )
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await within(new Promise((resolve) => socket.once('close', resolve)), () => 'the end')
  const text = Buffer.concat(chunks).toString()
  assert.equal(text.split('HTTP/1.1 200 OK').length - 1, PIPELINED_MAX)
})

test('who asks more than that at once is closed, and the answers are not made', async (context) => {
  const before = answersMade()
  for (let count = 0; count < 5; count++) {
    const socket = open(context)
    socket.pause()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(REQUEST.repeat(3000))
    // What it has not read keeps a socket from noticing the end.
    setTimeout(() => socket.resume(), 500)
    await within(closed, () => 'the close')
  }
  assert.equal((await ask(`${server.sidecar}/livez`)).status, 200)
  const made = answersMade() - before
  assert.ok(made <= 5 * PIPELINED_MAX, `${made} answers were made`)
})

/** Answers to a scrape that the log tells of. */
function answersMade(): number {
  return server.output().split('/metrics').length - 1
}
