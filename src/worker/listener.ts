import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { TlsVerify } from '../base/config.ts'
import type { ListenPlace } from '../base/messages.ts'
import type { RawHandle } from './raw-wire.ts'
import { rawWireSupported } from './raw-wire.ts'
import { rawTlsSupported } from './tls-binding.ts'

/** What a listener does with a new client. */
export interface Acceptor {
  acceptHandle(handle: RawHandle, listener: Listener): void
  acceptSocket(socket: Socket, listener: Listener): void
}

export interface ListenOptions {
  readonly backlog: number
  /** Its number among the places of the server, which is the same in all workers. */
  readonly entrance: number
  /** Accept on the handle itself (raw-wire.ts), where this Node can. */
  readonly raw: boolean
}

interface ServerHandle {
  onconnection: (this: ServerHandle, error: number, handle: RawHandle | undefined) => void
}

/**
 * A listening socket of this worker. Every worker has its own on the same address (SO_REUSEPORT), and
 * the kernel chooses among them; handover.ts evens out what comes of that. A unix socket has no such
 * option: only the first worker listens there.
 */
export class Listener {
  readonly #server: Server
  /** As `stats conns` shows it: tcp:0.0.0.0:6001, tcp6:[::]:6001, unix:/path. */
  name = ''
  raw = false
  /** Its number among the places of the server, which is the same in all workers. */
  readonly entrance: number
  /** Null: plain text. Else TLS, and what is asked of its clients. */
  readonly verify: TlsVerify | null

  private constructor(server: Server, entrance: number, verify: TlsVerify | null) {
    this.#server = server
    this.entrance = entrance
    this.verify = verify
  }

  static async listen(
    address: ListenPlace,
    acceptor: Acceptor,
    options: ListenOptions,
  ): Promise<Listener> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true })
    const verify = address.kind === 'tcp' ? address.verify : null
    const listener = new Listener(server, options.entrance, verify)
    if (address.kind === 'unix') await removeStaleSocket(address.path)
    await bind(server, address, options.backlog)
    if (address.kind === 'unix') chmodSync(address.path, address.mask)
    listener.name = nameOf(server, address)
    listener.#attach(acceptor, options.raw)
    return listener
  }

  get port(): number {
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? bound.port : 0
  }

  get host(): string {
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? bound.address : ''
  }

  close(): void {
    this.#server.close()
  }

  #attach(acceptor: Acceptor, raw: boolean): void {
    // Running out of descriptors ends up here: libuv has refused the client, the listener goes on.
    this.#server.on('error', () => {})
    const handle = (this.#server as unknown as { _handle: ServerHandle | null })._handle
    this.raw = raw && rawWireSupported(handle) && (this.verify === null || rawTlsSupported)
    if (!this.raw) {
      this.#server.on('connection', (socket) => acceptor.acceptSocket(socket, this))
      return
    }
    handle!.onconnection = (error, client) => {
      if (error === 0 && client !== undefined) acceptor.acceptHandle(client, this)
    }
  }
}

function bind(server: Server, address: ListenPlace, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const ready = (): void => {
      server.off('error', reject)
      resolve()
    }
    if (address.kind === 'unix') {
      server.listen({ path: address.path, backlog }, ready)
      return
    }
    const { host, port } = address
    const ipv6Only = host.includes(':')
    server.listen({ host, port, backlog, ipv6Only, reusePort: true }, ready)
  })
}

/** A socket file that nobody answers on is left from an earlier run; anything else is not ours. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isSocket()) return
  if (!(await isAnswered(path))) unlinkSync(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

function nameOf(server: Server, address: ListenPlace): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return 'tcp'
  return bound.family === 'IPv6'
    ? `tcp6:[${bound.address}]:${bound.port}`
    : `tcp:${bound.address}:${bound.port}`
}
