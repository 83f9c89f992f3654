import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Scope } from '../../support/server.ts'

/**
 * A client as applications have them: one request after another on one connection, and when that is
 * closed, a new one to whatever address holds now, where an unanswered request is sent again.
 */
export class Retrying {
  asked = 0
  answered = 0
  reconnects = 0
  /** Whatever no client should see: half a reply, or another one than expected. */
  readonly faults: string[] = []
  readonly #port: () => number
  #socket: Socket
  #going = true

  private constructor(port: () => number, socket: Socket) {
    this.#port = port
    this.#socket = socket
  }

  static async connect(scope: Scope, port: () => number): Promise<Retrying> {
    const client = new Retrying(port, await open(port()))
    scope.after(async () => {
      client.stop()
      client.#socket.destroy()
    })
    return client
  }

  stop(): void {
    this.#going = false
  }

  async run(): Promise<void> {
    while (this.#going) {
      this.asked++
      while (!(await this.#ask(`set key${this.asked} 0 0 5\r\nvalue\r\n`, 'STORED\r\n'))) {
        this.reconnects++
        this.#socket = await open(this.#port())
      }
      this.answered++
    }
  }

  /** False when the connection was closed before an answer began. */
  async #ask(request: string, reply: string): Promise<boolean> {
    const socket = this.#socket
    let input = ''
    if (socket.readableEnded || socket.destroyed) return false
    return await new Promise((settle) => {
      const end = (answered: boolean): void => {
        socket.off('data', onData).off('close', onClose)
        settle(answered)
      }
      const onClose = (): void => {
        if (input !== '') this.faults.push(`closed after ${JSON.stringify(input)}`)
        end(false)
      }
      const onData = (chunk: Buffer): void => {
        input += chunk.toString('latin1')
        if (input.length < reply.length) return
        if (input !== reply) this.faults.push(`got ${JSON.stringify(input)}`)
        end(true)
      }
      socket.on('data', onData).on('close', onClose)
      socket.write(request)
    })
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  // A reset is a close to us.
  socket.on('error', () => {})
  await once(socket, 'connect')
  assert.equal(socket.readyState, 'open')
  return socket
}
