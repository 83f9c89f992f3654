import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { BulkClient } from '../bulk/bulk-client.ts'
import { ourServer, programOnPath } from '../servers/peers.ts'
import { ServerProcess } from '../servers/server-process.ts'

const SINGLES = 2000
const PIPELINE = 32
const BATCHES = 1000
const IDLE_SECONDS = 3
/** The client's own question for the end of the replies. */
const BARRIERS_PER_EXCHANGE = 1
const ATTACH_MILLISECONDS = 500

export interface SyscallFigures {
  /** System calls of all threads for one exchange with a client: reads, writes, waits, everything. */
  readonly single: Readonly<Record<string, number>>
  readonly pipelined: Readonly<Record<string, number>>
  /** Waits for events that ended, each second, with nobody there. */
  readonly idleWakeUps: number
}

/** Counts by strace. Null where that is missing or may not attach. */
export async function countSyscalls(): Promise<SyscallFigures | null> {
  if (programOnPath('strace') === undefined) return null
  const line = ourServer().commandLine({ memoryMib: 64, workers: 1 })
  const server = await ServerProcess.start('memc-kv', line)
  try {
    const client = await BulkClient.connect(server.port)
    await client.ask(Buffer.from('set key 0 0 5\r\nvalue\r\n'))
    const get = Buffer.from('get key\r\n')
    const many = Buffer.from('get key\r\n'.repeat(PIPELINE - BARRIERS_PER_EXCHANGE))
    for (let time = 0; time < SINGLES; time++) await client.ask(get)
    const idle = await trace(server.pid, () => sleep(IDLE_SECONDS * 1000))
    if (idle === null) return null
    const single = await trace(server.pid, async () => {
      for (let time = 0; time < SINGLES; time++) await client.ask(get)
    })
    const pipelined = await trace(server.pid, async () => {
      for (let time = 0; time < BATCHES; time++) await client.ask(many)
    })
    client.close()
    if (single === null || pipelined === null) return null
    return {
      single: perExchange(single, SINGLES, idle),
      pipelined: perExchange(pipelined, BATCHES, idle),
      idleWakeUps: waits(idle.calls) / idle.seconds,
    }
  } finally {
    await server.stop()
  }
}

type Calls = ReadonlyMap<string, number>

interface Trace {
  readonly calls: Calls
  readonly seconds: number
}

async function trace(pid: number, work: () => Promise<unknown>): Promise<Trace | null> {
  const strace = spawn('strace', ['-f', '-c', '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  strace.stderr.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  const ended = new Promise((settle) => strace.once('exit', settle))
  await sleep(ATTACH_MILLISECONDS)
  if (strace.exitCode !== null) return null
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1000
  strace.kill('SIGINT')
  await ended
  return { calls: callsOf(text), seconds }
}

/** The table that strace prints: share, seconds, µs per call, calls, errors (or not), name. */
export function callsOf(table: string): Map<string, number> {
  const calls = new Map<string, number>()
  for (const line of table.split('\n')) {
    const found = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/.exec(line)
    if (found !== null && found[2] !== 'total') calls.set(found[2]!, Number(found[1]))
  }
  return calls
}

function waits(calls: Calls): number {
  return (calls.get('epoll_pwait') ?? 0) + (calls.get('epoll_wait') ?? 0)
}

/**
 * On a busy machine the exchanges take longer and more of the server's own ticks fall among them, so
 * what it does in that time anyway is taken off.
 */
function perExchange(
  { calls, seconds }: Trace,
  exchanges: number,
  idle: Trace,
): Record<string, number> {
  const share = seconds / idle.seconds
  const ofWork = (name: string): number =>
    Math.max(0, (calls.get(name) ?? 0) - share * (idle.calls.get(name) ?? 0))
  const sum = (...names: string[]): number =>
    names.reduce((total, name) => total + ofWork(name), 0) / exchanges
  const reads = sum('read', 'recvfrom', 'recvmsg', 'readv')
  const writes = sum('write', 'sendto', 'sendmsg', 'writev')
  const all = sum(...calls.keys())
  const waited = sum('epoll_pwait', 'epoll_wait')
  return { reads, writes, waits: waited, others: all - reads - writes - waited }
}
