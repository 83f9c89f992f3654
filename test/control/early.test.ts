import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import { launch } from '../support/server.ts'

/**
 * Two faults of the first moments. A client that never stops trying was let in by the bind that only
 * tries the port, and then cut off, or left without an answer for ever; and a signal that came
 * between the handlers of the start and those of the running server was lost.
 */
const STARTS = 8

test('the first connection is answered, and the first signal after it heard', async (scope) => {
  for (let start = 0; start < STARTS; start++) {
    const port = await freePort()
    const server = launch(scope, { listen: ['-l', '127.0.0.1', '-p', String(port)] })
    const client = await firstConnection(port)
    client.send('version\r\n')
    assert.match(await client.readLine(), /^VERSION /)
    const exit = await server.stop()
    client.close()
    assert.deepEqual(exit, { code: 0, signal: null }, server.output())
  }
})

async function firstConnection(port: number): Promise<Client> {
  for (;;) {
    try {
      return await Client.connect({ host: '127.0.0.1', port })
    } catch {
      await sleep(1)
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      assert.ok(address !== null && typeof address === 'object')
      probe.close(() => resolve(address.port))
    })
  })
}
