import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from '../../support/server.ts'

/** What a Prometheus sends that does not know OpenMetrics. */
const ACCEPT = 'text/plain;version=0.0.4;q=1,*/*;q=0.1'

/**
 * Stands before a sidecar and asks it for the plain text format, whatever it was asked for, so that one
 * Prometheus reads the same page in both formats.
 */
export class TextOnly {
  /** What was asked for, and what came: each pair once. */
  readonly negotiated = new Set<string>()
  readonly #target: string
  #port = 0

  constructor(target: string) {
    this.#target = target
  }

  static async start(scope: Scope, target: string): Promise<TextOnly> {
    const forwarder = new TextOnly(target)
    const server = createServer((request, response) => void forwarder.#forward(request, response))
    await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
    forwarder.#port = (server.address() as AddressInfo).port
    scope.after(async () => {
      server.closeAllConnections()
      await new Promise((settle) => server.close(settle))
    })
    return forwarder
  }

  get base(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await fetch(`${this.#target}${request.url}`, { headers: { accept: ACCEPT } })
      const type = answer.headers.get('content-type') ?? ''
      this.negotiated.add(`${request.headers.accept} -> ${type}`)
      response.writeHead(answer.status, { 'content-type': type }).end(await answer.text())
    } catch {
      response.writeHead(502).end()
    }
  }
}
