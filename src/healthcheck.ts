import { readdirSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { get as getSecurely } from 'node:https'
import type { NetConnectOpts } from 'node:net'
import { connect } from 'node:net'
import { basename } from 'node:path'
import { connect as connectSecurely } from 'node:tls'
import type { Config } from './base/config.ts'
import { oneLine } from './base/fatal.ts'
import { loadSettings } from './config/load.ts'

/**
 * The image's HEALTHCHECK: a program of its own, because an image without a shell has no other. It
 * ends with status 0 when the server beside it is alive, else with 1, and says why in one line, which
 * `docker inspect` shows. Kubernetes does not use it: there the kubelet asks the probes itself.
 *
 * It asks what the server's settings say: /livez of the sidecar, and when nothing listens there, one
 * command on the data port. The environment is the server's own; the flags are read from the server's
 * command line, so that `docker run IMAGE -p 11211` needs nothing more.
 *
 * `healthcheck.js PID` is for where there is more than one server in sight.
 */

/** Below the timeout of the Dockerfile's HEALTHCHECK, so that it is we who say what happened. */
const ANSWER_MILLISECONDS = 3000

/** More than /livez says, and a bound for whatever else may answer on that port. */
const ANSWER_BYTES_MAX = 4096

const MAIN = /^main\.[jt]s$/

/** On this machine, and for a name that no certificate has. */
const NOBODY_TO_MISTAKE = { rejectUnauthorized: false }

/** Any reply will do, also a refusal: it was a worker that wrote it. */
const QUESTION = 'version\r\n'

try {
  console.log(oneLine(await check()))
  // Not by itself: a connection may still be open.
  process.exit(0)
} catch (error) {
  console.log(oneLine(error instanceof Error ? error.message : String(error)))
  process.exit(1)
}

async function check(): Promise<string> {
  const settings = await loadSettings({ argv: serverFlags(process.argv[2]) })
  if (settings.kind !== 'settings') throw new Error('the server only answers a question')
  const { sidecar } = settings.config
  if (sidecar.port > 0) {
    for (const host of hostsOf(sidecar.address)) {
      const answer = await askSidecar(host, sidecar.port, sidecar.tlsCertFile !== '')
      if (answer !== undefined) return answer
    }
  }
  for (const { place, secure } of dataPlaces(settings.config)) {
    const answer = await (secure ? askDataSecurely(place) : askData(place))
    if (answer !== undefined) return answer
  }
  throw new Error('nothing listens where the settings say')
}

/** What stands behind main.js on the command line of the server. */
function serverFlags(pid: string | undefined): string[] {
  const candidates = pid === undefined ? processes() : [pid]
  for (const candidate of candidates) {
    const words = commandLine(candidate)
    // Node's own flags have no file name that looks like ours.
    const main = words.findIndex((word) => MAIN.test(basename(word)))
    if (main >= 0) return words.slice(main + 1)
  }
  throw new Error('no server runs here')
}

/** From the oldest: in a container that is 1, or the child of a small init. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b))
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    // It ended meanwhile.
    return []
  }
}

function hostsOf(host: string): string[] {
  return host === '*' ? ['127.0.0.1', '::1'] : [host]
}

interface DataPlace {
  readonly place: NetConnectOpts
  readonly secure: boolean
}

function dataPlaces({ listen, tls }: Pick<Config, 'listen' | 'tls'>): DataPlace[] {
  if (listen.unixSocket !== '') return [{ place: { path: listen.unixSocket }, secure: false }]
  const known = listen.addresses
    .map((address) => ({ ...address, port: address.port || listen.port }))
    .filter(({ port }) => port > 0)
    .flatMap(({ host, port, tls: mark }) =>
      hostsOf(host).map((each) => ({
        place: { host: each, port },
        secure: tls.enabled && mark !== 'notls',
      })),
    )
  if (known.length === 0) throw new Error('the settings name no fixed port that could be asked')
  return known
}

/** undefined when nothing listens there, as when the sidecar found its port taken. */
function askSidecar(host: string, port: number, secure: boolean): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      ...{ host, port, path: '/livez', timeout: ANSWER_MILLISECONDS, agent: false },
      ...NOBODY_TO_MISTAKE,
    }
    const request = (secure ? getSecurely : get)(options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        body = `${body}${part}`.slice(0, ANSWER_BYTES_MAX)
      })
      response.once('end', () => {
        const line = `/livez ${response.statusCode ?? 0} ${body}`
        if (response.statusCode === 200) resolve(line)
        else reject(new Error(line))
      })
    })
    request.once('timeout', () => request.destroy(new Error(noAnswer('/livez'))))
    request.once('error', (error) => settleRefusal(error, resolve, reject))
  })
}

function askData(place: NetConnectOpts): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...place, timeout: ANSWER_MILLISECONDS }, () => socket.write(QUESTION))
    socket.once('data', (reply) => {
      socket.destroy()
      resolve(`data port: ${reply.toString('latin1').slice(0, ANSWER_BYTES_MAX).trim()}`)
    })
    socket.once('timeout', () => socket.destroy(new Error(noAnswer('the data port'))))
    socket.once('end', () => reject(new Error('the data port closed without an answer')))
    socket.once('error', (error) => settleRefusal(error, resolve, reject))
  })
}

/** A handshake is a worker's work too, also one that ends with being asked for a certificate. */
function askDataSecurely(place: NetConnectOpts): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { ...place, ...NOBODY_TO_MISTAKE, timeout: ANSWER_MILLISECONDS }
    const socket = connectSecurely(options, () => {
      socket.destroy()
      resolve(`data port: ${socket.getProtocol() ?? 'TLS'}`)
    })
    socket.once('timeout', () => socket.destroy(new Error(noAnswer('the data port'))))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_SSL_'))
        resolve('data port: TLS, refused without a certificate')
      else settleRefusal(error, resolve, reject)
    })
  })
}

/** Nobody there is no answer yet; anything else is one. */
function settleRefusal(
  error: NodeJS.ErrnoException,
  resolve: (answer: undefined) => void,
  reject: (error: Error) => void,
): void {
  if (['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENOENT'].includes(error.code ?? '')) resolve(undefined)
  else reject(error)
}

function noAnswer(place: string): string {
  return `${place} did not answer within ${ANSWER_MILLISECONDS} ms`
}
