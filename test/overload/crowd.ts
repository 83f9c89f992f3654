import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { pause } from '../support/deadline.ts'

/** What the attacking clients have seen so far. */
export const tally = {
  connected: 0,
  /** Told that there are too many connections. */
  refused: 0,
  /** Closed by the server, whatever the reason, and not by us. */
  closed: 0,
  /** Told SERVER_ERROR. */
  errors: 0,
  sentBytes: 0,
  receivedBytes: 0,
  firstError: '',
  underWay: false,
}
export type Tally = typeof tally

/** All attackers are there: from now on it is measured how the others fare. */
export function underWay(): void {
  tally.underWay = true
}

/** Connections under way at the same time. */
const CONNECTING_MAX = 200

/** Clients of one source address are limited by its ports; many share the load of the first byte. */
const SOURCES = 4
let source = 0

export interface OpenOptions {
  readonly port: number
  /** Its replies stay where they are. */
  readonly deaf?: boolean
  readonly onData?: (chunk: Buffer) => void
}

export function open(options: OpenOptions): Promise<Socket | null> {
  const { port, deaf = false, onData } = options
  return new Promise((settle) => {
    source = (source + 1) % SOURCES
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + source}` })
    if (deaf) socket.pause()
    socket.once('connect', () => {
      tally.connected++
      settle(socket)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      tally.firstError ||= error.code ?? error.message
      settle(null)
    })
    socket.on('close', () => {
      if (!endedByUs.has(socket)) tally.closed++
      settle(null)
    })
    if (deaf) return
    socket.on('data', (chunk: Buffer) => {
      tally.receivedBytes += chunk.length
      if (onData !== undefined) onData(chunk)
      else note(chunk)
    })
  })
}

/** Sockets that we close ourselves are not the server's doing. */
const endedByUs = new WeakSet<Socket>()

export function drop(socket: Socket | null): void {
  if (socket === null) return
  endedByUs.add(socket)
  socket.destroy()
}

export function send(socket: Socket | null, bytes: string | Buffer): boolean {
  if (socket === null || socket.destroyed) return false
  tally.sentBytes += bytes.length
  return socket.write(bytes)
}

/** That many connections, a few hundred at a time. */
export async function openMany(count: number, options: OpenOptions): Promise<(Socket | null)[]> {
  const sockets: (Socket | null)[] = []
  while (sockets.length < count) {
    const group = Math.min(CONNECTING_MAX, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: group }, () => open(options)))))
  }
  return sockets
}

/** Sends all of it, as fast as it is taken, with no more in this process than one piece. */
export async function pour(socket: Socket | null, piece: Buffer, times: number): Promise<void> {
  for (let count = 0; count < times && socket !== null && !socket.destroyed; count++) {
    if (send(socket, piece)) {
      await pause(0)
      continue
    }
    await new Promise<void>((settle) => {
      const done = (): void => {
        socket.off('drain', done).off('close', done)
        settle()
      }
      socket.once('drain', done).once('close', done)
    })
  }
}

function note(chunk: Buffer): void {
  // Only small replies are looked at; large ones are values.
  if (chunk.length > 200) return
  const text = chunk.toString('latin1')
  if (text.includes('Too many open connections')) tally.refused++
  else if (text.includes('SERVER_ERROR')) {
    tally.errors++
    tally.firstError ||= text.slice(0, 80)
  }
}
