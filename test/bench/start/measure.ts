import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../servers/server-process.ts'

/** Often enough for the figures, and seldom enough to leave the processors to the server. */
const POLL_MILLISECONDS = 5
const START_MILLISECONDS_MAX = 30_000
const NANOSECONDS = 1e9

export interface StartSubject {
  readonly name: string
  /** With {port} in it. */
  readonly commandLine: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Whether it has an HTTP port with /readyz, or commands alone. */
  readonly hasSidecar: boolean
}

export interface StartTimes {
  /** From the beginning of the process to the reply to the first command, in milliseconds. */
  readonly firstReply: number
  /** … and to a 200 of /readyz after it; of a server without a sidecar the same. */
  readonly ready: number
  /** Processor time of all threads at that moment, in milliseconds. */
  readonly processor: number
}

/** Starts a server, waits until it is ready, and ends it. */
export async function measureStart(subject: StartSubject): Promise<StartTimes> {
  const [port, sidecarPort] = [await freePort(), await freePort()]
  const [program = '', ...args] = subject.commandLine.map((word) =>
    word.replaceAll('{port}', String(port)),
  )
  const begin = performance.now()
  const child = spawn(program, args, {
    stdio: 'ignore',
    env: { ...process.env, MEMCKV_SIDECAR_PORT: String(sidecarPort), ...subject.environment },
  })
  const ended = once(child, 'exit')
  try {
    const since = (): number => performance.now() - begin
    await polled(child, () => answers(port))
    const firstReply = since()
    // Only now: to ask both all the time would take a tenth of the processors from the server.
    if (subject.hasSidecar) await polled(child, () => isReady(sidecarPort))
    const ready = since()
    return { firstReply, ready, processor: processorMilliseconds(child.pid ?? 0) }
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

async function polled(child: ChildProcess, attempt: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_MILLISECONDS_MAX
  while (!(await attempt())) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new Error(`a server did not start: ${child.spawnargs.join(' ')}`)
    }
    await sleep(POLL_MILLISECONDS)
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('mn\r\n')
    await once(socket, 'data', { signal: AbortSignal.timeout(START_MILLISECONDS_MAX) })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function isReady(port: number): Promise<boolean> {
  const asked = request({ host: '127.0.0.1', port, path: '/readyz', agent: false }).end()
  try {
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode === 200
  } catch {
    return false
  }
}

function processorMilliseconds(pid: number): number {
  const folder = `/proc/${pid}/task`
  const nanoseconds = readdirSync(folder).map((id) =>
    Number(readFileSync(`${folder}/${id}/schedstat`, 'latin1').split(' ')[0]),
  )
  return (nanoseconds.reduce((sum, each) => sum + each, 0) / NANOSECONDS) * 1000
}
