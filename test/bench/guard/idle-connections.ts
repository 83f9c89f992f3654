import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ourServer } from '../servers/peers.ts'
import { ServerProcess } from '../servers/server-process.ts'

const CONNECTIONS = 2000
/** Descriptors that this process and the server need besides. */
const DESCRIPTORS_KEPT = 200
const SETTLE_MILLISECONDS = 500

/** Resident bytes of the server for each connection that has asked something once and is silent since. */
export async function bytesPerIdleConnection(): Promise<number> {
  const count = Math.min(CONNECTIONS, descriptorLimit() - DESCRIPTORS_KEPT)
  const shape = { memoryMib: 64, workers: 1, connections: count + DESCRIPTORS_KEPT }
  const server = await ServerProcess.start('memc-kv', ourServer().commandLine(shape))
  const sockets: Socket[] = []
  try {
    // The first ones make the code hot and the heap as large as it will be for anybody.
    for (let index = 0; index < DESCRIPTORS_KEPT / 2; index++) sockets.push(await ask(server.port))
    await sleep(SETTLE_MILLISECONDS)
    const before = server.residentMebibytes()
    for (let index = 0; index < count; index++) sockets.push(await ask(server.port))
    await sleep(SETTLE_MILLISECONDS)
    return ((server.residentMebibytes() - before) * 2 ** 20) / count
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
}

function ask(port: number): Promise<Socket> {
  return new Promise((settle, fail) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('error', fail)
    socket.once('connect', () => socket.write('get nothing\r\n'))
    socket.once('data', () => settle(socket))
  })
}

function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024)
}
