import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

export interface ServerShape {
  readonly memoryMib: number
  readonly workers: number
  /** Client connections it must take; memc-kv and memcached take 1024 when nothing is said. */
  readonly connections?: number
  /** More flags, for servers that take memcached's. */
  readonly extra?: readonly string[]
}

export interface Peer {
  readonly name: string
  /** The first line of what it prints about its version. */
  readonly version: string
  readonly dialect: 'memcached' | 'redis'
  /** Meta commands (mg, ms …) are memcached's since 1.6 and ours; others know the classic ones. */
  readonly meta: boolean
  /** With {port} in it, for ServerProcess.start. */
  readonly commandLine: (shape: ServerShape) => string[]
}

const ROOT = resolve(import.meta.dirname, '../../..')

/**
 * This repository's server from dist, as users run it; or another build of it, by a command line with
 * {port}, {memory} and {workers} in it.
 */
export function ourServer(override?: string): Peer {
  const version = `memc-kv ${packageVersion()}`
  const rest = { name: 'memc-kv', dialect: 'memcached', meta: true } as const
  if (override !== undefined) {
    const version = `another build: ${override}`
    return { ...rest, version, commandLine: (shape) => filled(override, shape) }
  }
  const command = [process.execPath, join(ROOT, 'dist/main.js')]
  return { ...rest, version, commandLine: (shape) => [...command, ...memcachedFlags(shape)] }
}

/**
 * The servers to compare with. Each of `named` is NAME=CMD, where CMD is the path of a memcached or,
 * with {port} in it, a whole command line; 'none' is none. Without any, those on the PATH.
 */
export function findPeers(named: readonly string[] = []): Peer[] {
  if (named.length > 0) return named.filter((peer) => peer !== 'none').map(namedPeer)
  return [
    ...onPath('memcached', (path) => memcachedPeer('memcached', path)),
    ...onPath('yrmcdsd', yrmcdsPeer),
    ...onPath('redis-server', redisPeer),
  ]
}

/** Where a program is on the PATH, or undefined. */
export function programOnPath(name: string): string | undefined {
  const { PATH = '' } = process.env
  return PATH.split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => isProgram(path))
}

export function packageVersion(): string {
  const text = readFileSync(join(ROOT, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function namedPeer(text: string): Peer {
  const equals = text.indexOf('=')
  if (equals < 1) throw new Error(`a peer is NAME=CMD or none, not ${text}`)
  const name = text.slice(0, equals)
  const command = text.slice(equals + 1)
  if (!command.includes('{port}')) return memcachedPeer(name, command)
  const dialect = command.includes('redis-server') ? 'redis' : 'memcached'
  return {
    name,
    version: printedVersion(command.split(' ')[0] ?? '', dialect === 'redis' ? '--version' : '-V'),
    dialect,
    meta: dialect === 'memcached',
    commandLine: (shape) => filled(command, shape),
  }
}

function memcachedPeer(name: string, path: string): Peer {
  // It refuses to be root without being told so.
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  return {
    name,
    version: printedVersion(path, '-V'),
    dialect: 'memcached',
    meta: true,
    commandLine: (shape) => [path, ...memcachedFlags(shape), '-U', '0', ...user],
  }
}

/** yrmcds has no flags for this, only a file. */
function yrmcdsPeer(path: string): Peer {
  return {
    name: 'yrmcds',
    version: printedVersion(path, '--version'),
    dialect: 'memcached',
    meta: false,
    commandLine: (shape) => {
      const folder = mkdtempSync(join(tmpdir(), 'bench-yrmcds-'))
      const file = join(folder, 'yrmcds.conf')
      const settings = [
        `memory_limit = ${shape.memoryMib}M`,
        `workers = ${shape.workers}`,
        `temp_dir = "${folder}"`,
        'max_data_size = 10M',
        'max_connections = 0',
        'log.threshold = error',
        'port = PORT',
      ]
      writeFileSync(file, `${settings.join('\n')}\n`)
      // The port is known only when the server is started.
      return ['/bin/sh', '-c', `sed -i s/PORT/{port}/ ${file} && exec ${path} -f ${file}`]
    },
  }
}

/** For reference only: another protocol, one thread for commands, other promises. */
function redisPeer(path: string): Peer {
  return {
    name: 'redis',
    version: printedVersion(path, '--version'),
    dialect: 'redis',
    meta: false,
    commandLine: (shape) => {
      const memory = ['--maxmemory', `${shape.memoryMib}mb`, '--maxmemory-policy', 'allkeys-lru']
      const network = ['--port', '{port}', '--bind', '127.0.0.1']
      const threads = shape.workers > 1 ? ['--io-threads', String(shape.workers)] : []
      return [path, ...network, ...memory, ...threads, '--save', '', '--appendonly', 'no']
    },
  }
}

function memcachedFlags(shape: ServerShape): string[] {
  const flags = ['-p', '{port}', '-l', '127.0.0.1', '-t', String(shape.workers)]
  flags.push('-m', String(shape.memoryMib))
  if (shape.connections !== undefined) flags.push('-c', String(shape.connections))
  return [...flags, ...(shape.extra ?? [])]
}

function filled(command: string, shape: ServerShape): string[] {
  const words = command
    .split(' ')
    .filter((word) => word !== '')
    .map((word) =>
      word
        .replaceAll('{memory}', String(shape.memoryMib))
        .replaceAll('{workers}', String(shape.workers)),
    )
  if (shape.connections !== undefined) words.push('-c', String(shape.connections))
  return [...words, ...(shape.extra ?? [])]
}

function onPath(name: string, make: (path: string) => Peer): Peer[] {
  const path = programOnPath(name)
  return path === undefined ? [] : [make(path)]
}

function printedVersion(path: string, flag: string): string {
  const { stdout } = spawnSync(path, [flag], { encoding: 'utf8', timeout: 5000 })
  return stdout?.split('\n')[0]?.trim() || 'says no version'
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
