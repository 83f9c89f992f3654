import assert from 'node:assert/strict'
import { createServer } from 'node:net'

/** A port that was free a moment ago, for a server that is to come back where it was. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      assert.ok(address !== null && typeof address === 'object')
      probe.close(() => resolve(address.port))
    })
  })
}
