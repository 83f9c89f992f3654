import { lookup } from 'node:dns/promises'
import { lstatSync } from 'node:fs'
import { connect, createServer, isIP } from 'node:net'
import { getSystemErrorName } from 'node:util'
import type { Config, ListenAddress, ListenTls, TlsVerify } from '../base/config.ts'
import type { ListenPlace } from '../base/messages.ts'
import { nodeBinding } from '../base/node-binding.ts'

/** It is not possible to listen there. The message is the one line to show. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

type TcpPlace = Extract<ListenPlace, { kind: 'tcp' }>

const ANY_PORT = -1

/** How often another free port is tried when the first is taken on one of several addresses. */
const ANY_PORT_ATTEMPTS = 16

/**
 * Names become numbers and `*` becomes 0.0.0.0 and ::, and each place is bound once and given back.
 * The workers will bind with SO_REUSEPORT, with which two servers would share a port without
 * noticing; this bind is without it, so a port in use is found before anything is started. It is
 * also how `-p -1` gets one port for all workers and addresses.
 */
export async function findListenPlaces({
  listen,
  tls,
}: Pick<Config, 'listen' | 'tls'>): Promise<ListenPlace[]> {
  if (listen.unixSocket !== '') {
    await checkUnixSocket(listen.unixSocket)
    return [{ kind: 'unix', path: listen.unixSocket, mask: listen.unixMask }]
  }
  const wanted: TcpPlace[] = []
  for (const address of listen.addresses) {
    const port = address.port === 0 ? listen.port : address.port
    // -p 0 turns off what has no port of its own.
    if (port !== 0) wanted.push(...(await resolve(address, port, verifyOf(address.tls, tls))))
  }
  return await claim(withoutTwins(wanted))
}

function withoutTwins(wanted: readonly TcpPlace[]): TcpPlace[] {
  const places = new Map<string, TcpPlace>()
  for (const place of wanted) {
    const name = printPlace(place)
    const twin = places.get(name)
    if (twin !== undefined && twin.verify !== place.verify) {
      throw new ListenError(`cannot listen on ${name}: it is given twice, with different TLS`)
    }
    places.set(name, place)
  }
  return [...places.values()]
}

/** What the mark of an address asks of its clients; null: no TLS. */
function verifyOf(mark: ListenTls, tls: Config['tls']): TlsVerify | null {
  if (!tls.enabled || mark === 'notls') return null
  if (mark === 'default') return tls.verify
  return mark === 'mtls' ? 'require' : 'none'
}

/** Why a bind or a lookup failed, in words. */
export function describeListenError(code: string, place: string, detail: string): string {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the address is in use',
    EACCES: 'permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)',
    EADDRNOTAVAIL: 'this machine does not have that address',
    EMFILE: 'no file descriptors are left',
    ENFILE: 'no file descriptors are left on this machine',
    ENOENT: 'the folder does not exist',
    ENOTFOUND: 'the host name is unknown',
    EAI_AGAIN: 'the host name cannot be looked up now',
  }
  return `cannot listen on ${place}: ${reasons[code] ?? detail}`
}

export function printPlace(place: { host: string; port: number }): string {
  return place.host.includes(':') ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`
}

async function resolve(
  address: ListenAddress,
  port: number,
  verify: TlsVerify | null,
): Promise<TcpPlace[]> {
  if (address.host === '*') {
    return await present(['0.0.0.0', '::'], port, verify)
  }
  if (isIP(address.host) !== 0) return [{ kind: 'tcp', host: address.host, port, verify }]
  try {
    const found = await lookup(address.host, { all: true })
    // localhost often has ::1 beside it also where there is no IPv6.
    const hosts = found.map((entry) => entry.address)
    return hosts.length > 1
      ? await present(hosts, port, verify)
      : [{ kind: 'tcp', host: hosts[0] ?? '', port, verify }]
  } catch (error) {
    throw asListenError(error, address.host)
  }
}

/** Those of several addresses that this machine has; all when it has none, for the message. */
async function present(
  hosts: readonly string[],
  port: number,
  verify: TlsVerify | null,
): Promise<TcpPlace[]> {
  const places = hosts.map((host): TcpPlace => ({ kind: 'tcp', host, port, verify }))
  const usable: TcpPlace[] = []
  for (const place of places) if (await isPresent(place.host)) usable.push(place)
  return usable.length > 0 ? usable : places
}

/** A kernel without IPv6, or without IPv4, is no reason not to serve the other. */
async function isPresent(host: string): Promise<boolean> {
  try {
    await tryBind(host, 0)
    return true
  } catch (error) {
    const code = codeOf(error)
    return code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL'
  }
}

async function claim(places: readonly TcpPlace[]): Promise<TcpPlace[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await claimOnce(places)
    } catch (error) {
      const mayRetry =
        places.some((place) => place.port === ANY_PORT) && attempt < ANY_PORT_ATTEMPTS
      if (!mayRetry || !(error instanceof ListenError) || !error.message.endsWith('in use'))
        throw error
    }
  }
}

async function claimOnce(places: readonly TcpPlace[]): Promise<TcpPlace[]> {
  const claimed: TcpPlace[] = []
  let anyPort = 0
  for (const place of places) {
    const port = place.port === ANY_PORT ? anyPort : place.port
    try {
      const bound = await tryBind(place.host, port)
      if (place.port === ANY_PORT) anyPort = bound
      claimed.push({ ...place, port: bound })
    } catch (error) {
      throw asListenError(error, printPlace({ host: place.host, port }))
    }
  }
  return claimed
}

/** Bind alone, tell the port, let go. */
function tryBind(host: string, port: number): Promise<number> {
  return port === 0 ? listenForAMoment(host, 0) : bindWithoutListening(host, port)
}

/**
 * Binds and does not listen: a client that tries all the time to get back to its server would be
 * accepted here and by and by reset, or wait for ever. Node has no such call of its own, so this
 * is done on its handle for sockets, which net.Server uses too; without that, it listens for a moment.
 */
async function bindWithoutListening(host: string, port: number): Promise<number> {
  const stream = tcpBinding()
  if (stream === null) return await listenForAMoment(host, port)
  const handle = new stream.TCP(stream.constants.SOCKET)
  const bound = host.includes(':')
    ? handle.bind6(host, port, stream.constants.UV_TCP_IPV6ONLY)
    : handle.bind(host, port)
  // libuv keeps an address in use to itself until somebody asks for the name.
  const status = bound === 0 ? handle.getsockname({}) : bound
  handle.close()
  if (status === 0) return port
  const code = getSystemErrorName(status)
  throw Object.assign(new Error(`bind ${code} ${printPlace({ host, port })}`), { code })
}

interface TcpHandle {
  bind(host: string, port: number): number
  bind6(host: string, port: number, flags: number): number
  getsockname(out: object): number
  close(): void
}

interface TcpBinding {
  readonly TCP: new (kind: number) => TcpHandle
  readonly constants: { readonly SOCKET: number; readonly UV_TCP_IPV6ONLY: number }
}

function tcpBinding(): TcpBinding | null {
  const { TCP, constants } = (nodeBinding('tcp_wrap') ?? {}) as Partial<TcpBinding>
  const methods = TCP?.prototype as Partial<TcpHandle> | undefined
  if (TCP === undefined || constants?.UV_TCP_IPV6ONLY === undefined) return null
  return methods?.bind6 === undefined || methods.getsockname === undefined
    ? null
    : { TCP, constants }
}

/** For a port that nobody knows yet. */
function listenForAMoment(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true, ipv6Only: host.includes(':') }, () => {
      const bound = server.address()
      server.close(() => resolve(bound !== null && typeof bound === 'object' ? bound.port : port))
    })
  })
}

/** A socket that somebody answers on is in use; one that nobody answers on will be replaced. */
async function checkUnixSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new ListenError(`cannot listen on ${path}: it exists and is not a socket`)
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => resolve(true))
    probe.once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (answered) throw new ListenError(describeListenError('EADDRINUSE', path, ''))
}

function asListenError(error: unknown, place: string): ListenError {
  const detail = error instanceof Error ? error.message : String(error)
  return new ListenError(describeListenError(codeOf(error), place, detail))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
