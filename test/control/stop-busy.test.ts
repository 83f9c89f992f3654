import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hooked, WIRES } from '../fuzz/server-process.ts'
import { pause, until } from '../support/deadline.ts'
import { Server } from '../support/server.ts'

/**
 * The end of connections whose clients do not stop sending. A socket that is closed with bytes unread
 * is reset, and the reset overtakes replies: so the server ends its side, and waits for theirs.
 */
const VALUE = 'x'.repeat(900_000)
/** More than the kernel keeps of it between the two. */
const VALUES = 12

for (const wire of WIRES) {
  const options = { flags: ['-t', '1', '--shutdown.drain=1500ms'], environment: hooked(wire) }

  test(`replies on their way are not destroyed by what comes behind them, ${wire} wire`, async (scope) => {
    const server = await Server.start(scope, { ...options, flags: ['-t', '1'] })
    const client = await server.connect(scope)
    let broken: Error | null = null
    client.socket.once('error', (error) => {
      broken = error
    })
    client.send(`set k 0 0 ${VALUE.length}\r\n${VALUE}\r\n`)
    await client.expect('STORED\r\n')
    const other = await server.connect(scope)
    client.socket.pause()
    client.send(`get${' k'.repeat(VALUES)}\r\nmn\r\n`)
    await until(
      async () => (await other.stats()).get('cmd_get') !== '0',
      () => 'the get did not begin',
    )
    server.child.kill('SIGTERM')
    // The worker knows: a machine with much to do delivers the signal late.
    await other.expectClose()
    for (let more = 0; more < 3; more++) {
      await pause(100)
      client.send('mn\r\nset other 0 0 10\r\nhalf')
    }
    client.socket.resume()
    const item = `VALUE k 0 ${VALUE.length}\r\n${VALUE}\r\n`
    await client.expect(`${item.repeat(VALUES)}END\r\n`)
    await client.expectClose()
    assert.equal(broken, null)
    assert.equal((await server.ended()).code, 0)
  })

  test(`a command without a reply was not done, ${wire} wire`, async (scope) => {
    const server = await Server.start(scope, options)
    const busy = await server.connect(scope)
    const last = await server.connect(scope)
    last.send('set n 0 0 1\r\n0\r\n')
    await last.expect('STORED\r\n')
    const sender = setInterval(() => busy.send('incr n 1\r\n'.repeat(500)), 1)
    scope.after(async () => clearInterval(sender))
    await pause(100)
    server.child.kill('SIGTERM')
    // The connections are closed one after the other, in the order in which they came.
    await busy.readWhile(() => true)
    clearInterval(sender)
    const replies = busy.takeAll()
    assert.ok(replies.endsWith('\r\n'), 'a part of a reply')
    last.send('get n\r\n')
    const value = String(replies.split('\r\n').length - 1)
    await last.expect(`VALUE n 0 ${value.length}\r\n${value}\r\nEND\r\n`)
    assert.equal((await server.ended()).code, 0)
  })
}
