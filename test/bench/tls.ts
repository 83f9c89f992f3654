import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect as connectTcp } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'
import { Authority, tlsFlags } from '../support/certificates.ts'
import { SuiteScope } from '../support/server.ts'
import { buildIfOlder } from './servers/build.ts'
import { findPeers, ourServer } from './servers/peers.ts'
import { ServerProcess } from './servers/server-process.ts'

const USAGE = `npm run bench:tls -- [options]

What TLS costs the server: CPU per operation with and without, on handles and on streams, by turns with
the memcached of --peer, which must be a build with TLS; and CPU per handshake. One worker each.

  --quick         2 rounds instead of 8
  --rounds N
  --peer NAME=CMD a memcached built with --enable-tls
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    peer: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

interface Load {
  readonly name: string
  readonly connections: number
  /** Commands in one write. */
  readonly batch: number
  readonly valueBytes: number
  readonly operations: number
}

const LOADS: readonly Load[] = [
  { name: 'unpipelined', connections: 16, batch: 1, valueBytes: 200, operations: 20_000 },
  { name: 'pipeline 32', connections: 16, batch: 32, valueBytes: 200, operations: 160_000 },
  { name: '16 kB values', connections: 16, batch: 1, valueBytes: 16_000, operations: 8_000 },
]

const HANDSHAKES = 400

interface Contender {
  readonly name: string
  readonly server: ServerProcess
  readonly tls: ConnectionOptions | null
}

if (options.help) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  buildIfOlder()
  const scope = new SuiteScope()
  const authority = new Authority(scope)
  const pair = authority.pair('server')
  const tls: ConnectionOptions = { ca: readFileSync(authority.file), servername: 'localhost' }
  const peers = [ourServer(), ...findPeers(options.peer)].filter(
    ({ name, dialect }, index) => index === 0 || (dialect === 'memcached' && name !== 'yrmcds'),
  )
  const shape = { memoryMib: 256, workers: 1 }
  const contenders: Contender[] = []
  for (const [index, peer] of peers.entries()) {
    const start = async (name: string, extra: string[], isTls: boolean): Promise<void> => {
      const server = await ServerProcess.start(peer.name, peer.commandLine({ ...shape, extra }))
      contenders.push({ name: `${peer.name}, ${name}`, server, tls: isTls ? tls : null })
    }
    await start('plain', [], false)
    await start('TLS', tlsFlags(pair), true)
    if (index === 0)
      await start('TLS on streams', [...tlsFlags(pair), '--listen.rawSockets=false'], true)
  }
  try {
    await measure(contenders)
  } finally {
    for (const { server } of contenders) await server.stop()
    await scope.close()
  }
}

async function measure(contenders: readonly Contender[]): Promise<void> {
  const rounds = Number(options.rounds ?? (options.quick ? 2 : 8))
  const results = new Map<string, number[]>()
  const keep = (round: number, key: string, value: number): void => {
    if (round < 0) return
    const list = results.get(key) ?? []
    list.push(value)
    results.set(key, list)
  }
  // The round before the first is for warming up and not counted.
  for (let round = -1; round < rounds; round++) {
    // Who is first in a round is not first in the next.
    const order = contenders.map((_, index) => contenders[(index + round + 1) % contenders.length]!)
    for (const load of LOADS) {
      for (const contender of order) {
        const seconds = await cpuOf(contender.server, () => run(contender, load))
        keep(round, `${load.name} | ${contender.name}`, (1e6 * seconds) / load.operations)
      }
    }
    for (const contender of order) {
      if (contender.tls === null) continue
      for (const kind of ['full', 'resumed'] as const) {
        const seconds = await cpuOf(contender.server, () => shakeHands(contender, kind))
        keep(round, `${kind} handshake | ${contender.name}`, (1e6 * seconds) / HANDSHAKES)
      }
    }
  }
  console.log(
    `server CPU in µs per operation: median (lowest … highest) of ${rounds} rounds, by turns`,
  )
  for (const [key, values] of results) {
    const sorted = values.sort((a, b) => a - b)
    const [low = 0] = sorted
    const middle = sorted[Math.floor(sorted.length / 2)] ?? 0
    const high = sorted.at(-1) ?? 0
    console.log(`| ${key} | ${middle.toFixed(1)} | ${low.toFixed(1)} … ${high.toFixed(1)} |`)
  }
}

async function cpuOf(server: ServerProcess, work: () => Promise<void>): Promise<number> {
  const before = server.cpuSeconds()
  await work()
  const after = server.cpuSeconds()
  return after.user + after.system - before.user - before.system
}

async function run({ server, tls }: Contender, load: Load): Promise<void> {
  const each = Math.floor(load.operations / load.connections / load.batch)
  await Promise.all(
    Array.from({ length: load.connections }, async (_, index) => {
      const socket = await open(server.port, tls)
      await talk(socket, load, index, each)
      socket.destroy()
    }),
  )
}

/** One set for two gets; the next batch goes when the last is answered. */
function talk(socket: Socket, load: Load, client: number, batches: number): Promise<void> {
  const value = 'v'.repeat(load.valueBytes)
  let sent = 0
  let operation = 0
  let missing = 0
  return new Promise((resolve, reject) => {
    const next = (): void => {
      if (sent++ === batches) {
        resolve()
        return
      }
      let text = ''
      for (let i = 0; i < load.batch; i++, operation++) {
        const key = `c${client}k${operation % 300}`
        const isSet = operation % 3 === 0 || operation < 300
        text += isSet ? `set ${key} 0 0 ${value.length}\r\n${value}\r\n` : `get ${key}\r\n`
        missing += isSet
          ? 'STORED\r\n'.length
          : `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`.length
      }
      socket.write(text, 'latin1')
    }
    socket.on('data', (chunk: Buffer) => {
      missing -= chunk.length
      if (missing === 0) next()
      else if (missing < 0) reject(new Error('a reply that is longer than expected'))
    })
    socket.once('error', reject)
    next()
  })
}

async function open(port: number, tls: ConnectionOptions | null): Promise<Socket> {
  const address = { host: '127.0.0.1', port, noDelay: true }
  const socket = tls === null ? connectTcp(address) : connectTls({ ...address, ...tls })
  await once(socket, tls === null ? 'connect' : 'secureConnect')
  socket.setNoDelay(true)
  return socket
}

async function shakeHands({ server, tls }: Contender, kind: 'full' | 'resumed'): Promise<void> {
  let session: Buffer | undefined
  for (let i = 0; i < HANDSHAKES; i++) {
    const resumed = kind === 'resumed' && session !== undefined ? { session } : {}
    const socket = connectTls({ host: '127.0.0.1', port: server.port, ...tls, ...resumed })
    socket.once('session', (ticket) => {
      session = ticket
    })
    await once(socket, 'secureConnect')
    socket.write('mn\r\n')
    await once(socket, 'data')
    socket.destroy()
  }
}
