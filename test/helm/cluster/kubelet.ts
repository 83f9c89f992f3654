import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import { createServer } from 'node:https'
import { join } from 'node:path'

/** What every container of this node has said. */
export const CONTAINER_LOG = 'the log of the container'

/**
 * As much of a node's agent as the API server needs to hand on a container's log. Its certificate is the
 * API server's own, which trusts any.
 */
export class Kubelet {
  readonly port: number
  readonly #server: Server

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(certificates: string): Promise<Kubelet> {
    const [cert, key] = ['apiserver.crt', 'apiserver.key'].map((name) =>
      readFileSync(join(certificates, name)),
    )
    const server = createServer({ cert, key }, (request, reply) => {
      const known = request.url?.startsWith('/containerLogs/') === true
      reply.writeHead(known ? 200 : 404, { 'content-type': 'text/plain' })
      reply.end(known ? `${CONTAINER_LOG}\n` : '')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new Kubelet(server, address.port)
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
