import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'

/**
 * How the kernel spreads connections over workers that listen on one port with SO_REUSEPORT, as this
 * server's do: `node test/bench/spread.ts [trials]`. It chooses by a hash of the addresses, so a client
 * with few connections may leave a worker without any. Prints, for each number of connections, the
 * share of the busiest worker beside an even one, and how often a worker got none.
 */
const WORKERS = [2, 4]
const CONNECTIONS = [2, 4, 8, 16, 32, 64, 256]

interface Listening {
  readonly port: number
}

if (parentPort === null) await measure(Number(process.argv[2] ?? 200))
else await listen(workerData as Listening)

/** A thread: accepts, and tells its number of connections when asked. */
async function listen(start: Listening): Promise<void> {
  let accepted = 0
  const server: Server = createServer((socket) => {
    accepted++
    socket.on('error', () => {})
    socket.resume()
  })
  server.listen({ host: '127.0.0.1', port: start.port, reusePort: true })
  await once(server, 'listening')
  parentPort?.on('message', () => {
    parentPort?.postMessage(accepted)
    accepted = 0
  })
  parentPort?.postMessage('listening')
}

async function measure(trials: number): Promise<void> {
  console.log(`${trials} trials each; busiest: its connections over an even share`)
  for (const workers of WORKERS) {
    const port = await freePort()
    const threads = Array.from(
      { length: workers },
      () => new Worker(new URL(import.meta.url), { workerData: { port } }),
    )
    await Promise.all(threads.map((thread) => once(thread, 'message')))
    for (const connections of CONNECTIONS) {
      const found: number[][] = []
      for (let trial = 0; trial < trials; trial++)
        found.push(await spread(threads, port, connections))
      report(workers, connections, found)
    }
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

async function spread(threads: readonly Worker[], port: number, count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => connect({ host: '127.0.0.1', port }))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  let accepted: number[] = threads.map(() => 0)
  // The kernel has taken them all; the threads may still have to look.
  while (sum(accepted) < count) {
    const more = await Promise.all(threads.map((thread) => ask(thread)))
    accepted = accepted.map((before, index) => before + (more[index] ?? 0))
  }
  await Promise.all(sockets.map(close))
  return accepted
}

async function ask(thread: Worker): Promise<number> {
  thread.postMessage('how many')
  const [count] = (await once(thread, 'message')) as [number]
  return count
}

async function close(socket: Socket): Promise<void> {
  socket.destroy()
  await once(socket, 'close')
}

function report(workers: number, connections: number, found: readonly number[][]): void {
  const even = connections / workers
  const busiest = sum(found.map((counts) => Math.max(...counts) / even)) / found.length
  const idle = found.filter((counts) => counts.includes(0)).length / found.length
  console.log(
    `${workers} workers, ${String(connections).padStart(3)} connections: busiest ${busiest.toFixed(2)}, a worker with none in ${(idle * 100).toFixed(1)} %`,
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return address !== null && typeof address === 'object' ? address.port : 0
}
