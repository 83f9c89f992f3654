import { pause } from '../support/deadline.ts'
import { drop, open, openMany, pour, send, underWay } from './crowd.ts'

export interface Target {
  readonly port: number
  readonly sidecar: number
}

export interface Attack {
  readonly name: string
  /** For the table. */
  readonly what: string
  /** -c of the server. */
  readonly connections: number
  readonly cacheMib?: number
  readonly flags?: readonly string[]
  /** Only this server has what is attacked. */
  readonly oursOnly?: true
  /** From when all attackers are there. */
  readonly seconds: number
  /** Begins and goes on until the process is ended, or is done earlier. */
  readonly run: (target: Target) => Promise<void>
}

const MIB = 2 ** 20
/** Values that the server holds before the attack: big:0 … of this many bytes. */
export const BIG_COUNT = 40
export const BIG_BYTES = 500_000
const SMALL_KEYS = 20_000

const bigKeys = Array.from({ length: BIG_COUNT }, (_, index) => `big:${index}`)

async function forever(step: () => Promise<void>): Promise<void> {
  for (;;) await step()
}

async function manyTimes(count: number, step: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => step(index)))
}

async function connectAndClose({ port }: Target): Promise<void> {
  underWay()
  await manyTimes(100, (index) =>
    forever(async () => {
      const socket = await open({ port })
      if (index % 2 === 0) send(socket, 'mn\r\n')
      drop(socket)
    }),
  )
}

async function connectAndStay({ port }: Target): Promise<void> {
  const sockets = await openMany(4000, { port })
  underWay()
  // Those that were let in say something now and then; those that were not come again.
  await forever(async () => {
    for (const [index, socket] of sockets.entries()) {
      if (index % 10 === 0) send(socket, 'mn\r\n')
      if (socket === null || socket.destroyed) sockets[index] = await open({ port })
    }
    await pause(100)
  })
}

async function oneByteASecond({ port }: Target): Promise<void> {
  const sockets = await openMany(10_000, { port })
  const text = `get ${'k'.repeat(200)}`
  underWay()
  for (let at = 0; at < text.length; at++) {
    for (const socket of sockets) send(socket, text[at] ?? '')
    await pause(1000)
  }
}

async function neverReading({ port }: Target): Promise<void> {
  const sockets = await openMany(10_000, { port, deaf: true })
  for (const [index, socket] of sockets.entries()) {
    send(socket, `get ${bigKeys[index % BIG_COUNT]}\r\n`)
    if (index % 200 === 0) await pause(5)
  }
  underWay()
  await forever(() => pause(1000))
}

/** The kernel's buffers grow with what was taken; then nothing is taken any more. */
async function readingThenNot({ port }: Target): Promise<void> {
  const command = `${bigKeys.map((key) => `get ${key}\r\n`).join('')}`.repeat(4)
  await manyTimes(500, async () => {
    let taken = 0
    const socket = await open({
      port,
      onData: (chunk) => {
        taken += chunk.length
        if (taken > 4 * MIB) socket?.pause()
      },
    })
    send(socket, command)
  })
  underWay()
  await forever(() => pause(1000))
}

async function multigets({ port }: Target): Promise<void> {
  const count = Math.floor((MIB - 10) / ' big:00'.length)
  const keys = Array.from({ length: count }, (_, index) => bigKeys[index % BIG_COUNT])
  const line = Buffer.from(`get ${keys.join(' ')}\r\n`)
  const sockets = await openMany(50, { port, onData: () => {} })
  for (const socket of sockets) send(socket, line)
  const deaf = await openMany(50, { port, deaf: true })
  for (const socket of deaf) send(socket, line)
  underWay()
  await forever(() => pause(1000))
}

function commandsOf(bytes: number, make: (index: number) => string): Buffer {
  const parts: string[] = []
  for (let length = 0, index = 0; length < bytes; index++) {
    const part = make(index)
    parts.push(part)
    length += part.length
  }
  return Buffer.from(parts.join(''))
}

async function pipelinedGets({ port }: Target): Promise<void> {
  const piece = commandsOf(MIB, (index) => `get small:${index % SMALL_KEYS}\r\n`)
  const sockets = await openMany(20, { port, onData: () => {} })
  underWay()
  await Promise.all(sockets.map((socket) => pour(socket, piece, 100)))
}

async function pipelinedSets({ port }: Target): Promise<void> {
  const value = 'v'.repeat(100)
  const piece = commandsOf(MIB, (index) => `set pipe:${index} 0 0 100\r\n${value}\r\n`)
  const sockets = await openMany(20, { port, onData: () => {} })
  underWay()
  await Promise.all(sockets.map((socket) => pour(socket, piece, 100)))
}

/** Commands pile up behind replies that nobody takes. */
async function pipelinedDeaf({ port }: Target): Promise<void> {
  const piece = commandsOf(MIB, (index) => `get ${bigKeys[index % BIG_COUNT]}\r\n`)
  const sockets = await openMany(900, { port, deaf: true })
  await Promise.all(sockets.map((socket) => pour(socket, piece, 3)))
  underWay()
  await forever(() => pause(1000))
}

async function uploads({ port }: Target, bytes: number): Promise<void> {
  const half = Buffer.alloc(Math.floor((bytes / 2) * 0.99), 'u')
  const sockets = await openMany(200, { port })
  await Promise.all(
    sockets.map(async (socket, index) => {
      send(socket, `set upload:${index} 0 0 ${bytes - 1000}\r\n`)
      const piece = half.subarray(0, Math.min(half.length, 256 * 1024))
      await pour(socket, piece, Math.ceil(half.length / piece.length))
    }),
  )
  underWay()
  await forever(() => pause(1000))
}

async function halfLines({ port }: Target): Promise<void> {
  const short = Buffer.from('x'.repeat(2040))
  const long = Buffer.from(`get ${'kkkkkkkkk '.repeat(100_000)}`)
  const sockets = await openMany(5000, { port })
  for (const [index, socket] of sockets.entries()) {
    send(socket, index % 20 === 0 ? long : short)
    if (index % 100 === 0) await pause(1)
  }
  underWay()
  await forever(() => pause(1000))
}

async function deafWatchers({ port }: Target): Promise<void> {
  const watchers = await openMany(20, { port, deaf: true })
  for (const socket of watchers) {
    send(socket, 'watch fetchers mutations evictions connevents deletions\r\n')
  }
  const value = 'v'.repeat(100)
  const piece = commandsOf(64 * 1024, (index) =>
    index % 3 === 0
      ? `set small:${index} 0 0 100\r\n${value}\r\n`
      : `get small:${(index * 7) % SMALL_KEYS}\r\n`,
  )
  const sockets = await openMany(20, { port, onData: () => {} })
  underWay()
  await Promise.all(sockets.map((socket) => pour(socket, piece, 1_000_000)))
}

const DUMPS = [
  'lru_crawler metadump all\r\n',
  'lru_crawler mgdump all\r\n',
  'stats cachedump 5 0\r\n',
  'stats conns\r\n',
  'stats items\r\n',
  'stats slabs\r\n',
  'stats\r\n',
]

async function dumps({ port }: Target): Promise<void> {
  const idle = await openMany(500, { port })
  underWay()
  const deaf = await openMany(100, { port, deaf: true })
  for (const [index, socket] of deaf.entries()) {
    send(socket, (DUMPS[index % DUMPS.length] ?? '').repeat(20))
  }
  await manyTimes(50, (index) =>
    forever(async () => {
      const socket = await open({ port, onData: () => {} })
      send(socket, DUMPS[index % DUMPS.length] ?? '')
      await pause(500)
      drop(socket)
    }),
  )
  for (const socket of idle) drop(socket)
}

async function scrapers({ sidecar }: Target): Promise<void> {
  underWay()
  const request = 'GET /metrics HTTP/1.1\r\nHost: memc-kv\r\n\r\n'
  await Promise.all([
    // Ask for more than the kernel keeps, and take none of it.
    manyTimes(100, () =>
      forever(async () => {
        const socket = await open({ port: sidecar, deaf: true })
        send(socket, request.repeat(200))
        await pause(2000)
        drop(socket)
      }),
    ),
    manyTimes(100, () =>
      forever(async () => {
        const socket = await open({ port: sidecar, onData: () => {} })
        for (const letter of request) {
          send(socket, letter)
          await pause(200)
        }
        drop(socket)
      }),
    ),
    manyTimes(4, () =>
      forever(async () => {
        const socket = await open({ port: sidecar, onData: () => {} })
        for (let count = 0; count < 5; count++) {
          send(socket, request)
          await pause(100)
        }
        drop(socket)
      }),
    ),
  ])
}

export const ATTACKS: readonly Attack[] = [
  {
    name: 'connect-close',
    what: '100 clients connect and close as fast as they can',
    connections: 1024,
    seconds: 5,
    run: connectAndClose,
  },
  {
    name: 'connect-stay',
    what: '4,000 connect and stay, those refused come again; `-c 1024`',
    connections: 1024,
    seconds: 5,
    run: connectAndStay,
  },
  {
    name: 'connect-wait',
    what: 'the same with `no_maxconns_fast`',
    connections: 1024,
    flags: ['-o', 'no_maxconns_fast'],
    seconds: 5,
    run: connectAndStay,
  },
  {
    name: 'one-byte',
    what: '10,000 clients send one byte a second',
    connections: 11_000,
    seconds: 5,
    run: oneByteASecond,
  },
  {
    name: 'never-read',
    what: '10,000 clients ask for 500 kB and never read',
    connections: 11_000,
    seconds: 5,
    run: neverReading,
  },
  {
    name: 'read-then-not',
    what: '500 clients read 4 MiB, then nothing more of 80 MB',
    connections: 1024,
    seconds: 5,
    run: readingThenNot,
  },
  {
    name: 'multigets',
    what: '100 lines of 1 MiB of keys, 500 kB behind each; half of them read',
    connections: 1024,
    seconds: 5,
    run: multigets,
  },
  {
    name: 'pipelined-gets',
    what: '20 clients send 100 MB of gets each',
    connections: 1024,
    seconds: 5,
    run: pipelinedGets,
  },
  {
    name: 'pipelined-sets',
    what: '20 clients send 100 MB of sets each',
    connections: 1024,
    seconds: 5,
    run: pipelinedSets,
  },
  {
    name: 'pipelined-deaf',
    what: '900 clients send 3 MiB of gets of 500 kB and never read',
    connections: 1024,
    seconds: 5,
    run: pipelinedDeaf,
  },
  {
    name: 'uploads',
    what: '200 values of 1 MiB stop in the middle',
    connections: 1024,
    seconds: 5,
    run: (target) => uploads(target, MIB),
  },
  {
    name: 'uploads-64m',
    what: '200 values of 64 MiB stop in the middle; `-I 64m -m 256`',
    connections: 1024,
    cacheMib: 256,
    flags: ['-I', '64m'],
    seconds: 5,
    run: (target) => uploads(target, 64 * MIB),
  },
  {
    name: 'half-lines',
    what: '4,750 lines of 2 kB and 250 of 1 MB without their end',
    connections: 6000,
    seconds: 5,
    run: halfLines,
  },
  {
    name: 'watchers',
    what: '20 watchers of everything never read, under full load',
    connections: 1024,
    seconds: 5,
    run: deafWatchers,
  },
  {
    name: 'dumps',
    what: 'metadump, mgdump, cachedump, stats of 50 at a time; 100 more never read',
    connections: 1024,
    seconds: 5,
    run: dumps,
  },
  {
    name: 'scrapers',
    what: '200 slow clients of the sidecar port, 4 fast ones',
    connections: 1024,
    oursOnly: true,
    seconds: 5,
    run: scrapers,
  },
]
