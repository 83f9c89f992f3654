import { renameSync, writeFileSync } from 'node:fs'
import type { BoundAddress } from '../base/messages.ts'

/**
 * MEMCACHED_PORT_FILENAME: tells a test or a supervisor which ports are listened on. Put in place
 * by rename, so that whoever waits for the file finds it whole.
 */
export function writePortFile(path: string, addresses: readonly BoundAddress[]): void {
  const lines = addresses
    .filter((address) => address.port > 0)
    .map((address) => `TCP INET${address.host.includes(':') ? '6' : ''}: ${address.port}\n`)
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, lines.join(''))
  renameSync(temporary, path)
}
