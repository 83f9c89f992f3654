import { readFileSync } from 'node:fs'
import { after } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import type { Pair } from '../support/certificates.ts'
import { Authority } from '../support/certificates.ts'
import type { Address } from '../support/client.ts'
import { within } from '../support/deadline.ts'
import { SuiteScope } from '../support/server.ts'

/** What the tests of TLS in this folder share: an authority, and the server's certificate. */
const scope = new SuiteScope()
export const authority = new Authority(scope)
export const pair = authority.pair('server')
export const ca = readFileSync(authority.file)
after(() => scope.close())

/** Both ways of doing TLS: on accepted handles, and on what Node documents. */
export const WIRES = [
  { wire: 'handles', flags: [] },
  { wire: 'streams', flags: ['--listen.rawSockets=false'] },
] as const

/** The error with which a handshake ends at the client, or its first read. */
export async function outcomeOf(address: Address, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({ servername: 'localhost', ca, ...options, ...address })
  // In TLS 1.3 the client is done before the server has judged its certificate.
  socket.on('secureConnect', () => socket.write('version\r\n'))
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('close', () => resolve('closed'))
    socket.once('data', (reply) => resolve(`answered ${reply.toString().trim()}`))
  })
  try {
    return await within(ended, () => 'neither refused nor answered')
  } finally {
    socket.destroy()
  }
}

export function client(options: ConnectionOptions = {}): ConnectionOptions {
  return { ca, ...options }
}

export function own({ cert, key }: Pair): ConnectionOptions {
  return { ca, cert: readFileSync(cert), key: readFileSync(key) }
}
