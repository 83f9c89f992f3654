import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { Server as MemcKv, SuiteScope } from '../support/server.ts'

/**
 * How connections fall out over workers: `node test/bench/spread.ts [trials]`. First as the kernel
 * spreads them over threads that listen on one port with SO_REUSEPORT, by a hash of the addresses;
 * then as this server's workers have them, who hand over what they have too many of. Prints, for each
 * number of connections, the share of the busiest worker beside an even one, and how often a worker
 * got none.
 */
const WORKERS = [2, 4]
const CONNECTIONS = [4, 8, 16, 64, 256]

interface Listening {
  readonly port: number
}

/** Opens so many connections at the same time; returns how many each worker got, and closes them. */
type Trial = (count: number) => Promise<number[]>

if (parentPort === null) await measure(Number(process.argv[2] ?? 20))
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
    await overKernel(workers, (trial) => rows('the kernel', workers, trial, trials))
    await overServer(workers, (trial) => rows('memc-kv', workers, trial, trials))
  }
}

async function rows(who: string, workers: number, trial: Trial, trials: number): Promise<void> {
  for (const connections of CONNECTIONS) {
    const found: number[][] = []
    for (let count = 0; count < trials; count++) found.push(await trial(connections))
    report(who, workers, connections, found)
  }
}

async function overKernel(workers: number, use: (trial: Trial) => Promise<void>): Promise<void> {
  const port = await freePort()
  const threads = Array.from(
    { length: workers },
    () => new Worker(new URL(import.meta.url), { workerData: { port } }),
  )
  await Promise.all(threads.map((thread) => once(thread, 'message')))
  await use(async (count) => {
    const sockets = await open(port, count)
    let accepted: number[] = threads.map(() => 0)
    // The kernel has taken them all; the threads may still have to look.
    while (sum(accepted) < count) {
      const more = await Promise.all(threads.map((thread) => ask(thread)))
      accepted = accepted.map((before, index) => before + (more[index] ?? 0))
    }
    await Promise.all(sockets.map(close))
    return accepted
  })
  await Promise.all(threads.map((thread) => thread.terminate()))
}

async function overServer(workers: number, use: (trial: Trial) => Promise<void>): Promise<void> {
  const scope = new SuiteScope()
  const server = await MemcKv.start(scope, { flags: ['-t', String(workers)], sidecar: true })
  // The workers tell their connections once a second.
  const seen = async (total: number): Promise<number[]> => {
    for (;;) {
      const text = await (await fetch(`${server.sidecar}/metrics`)).text()
      const counts = Array.from({ length: workers }, () => 0)
      for (const [, worker, value] of text.matchAll(
        /^memckv_connections\{thread="worker-(\d+)",state="\w+"\} (\d+)$/gm,
      )) {
        counts[Number(worker)] = (counts[Number(worker)] ?? 0) + Number(value)
      }
      if (sum(counts) === total) return counts
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  await use(async (count) => {
    const sockets = await open(server.port, count)
    const counts = await seen(count)
    await Promise.all(sockets.map(close))
    await seen(0)
    return counts
  })
  await scope.close()
}

async function open(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect({ host: '127.0.0.1', port }))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
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

function report(who: string, workers: number, connections: number, found: number[][]): void {
  const even = connections / workers
  const busiest = sum(found.map((counts) => Math.max(...counts) / even)) / found.length
  const idle = found.filter((counts) => counts.includes(0)).length / found.length
  console.log(
    `${who}: ${workers} workers, ${String(connections).padStart(3)} connections: busiest ${busiest.toFixed(2)}, a worker with none in ${(idle * 100).toFixed(0)} %`,
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
