import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { ALL_PERMISSIONS, PERMISSION } from '../../src/auth/permissions.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { CLOSE_REASON } from '../../src/telemetry/events.ts'
import { Connection } from '../../src/worker/connection.ts'
import type { FastHandle } from '../../src/worker/fast-path.ts'
import { FastPath } from '../../src/worker/fast-path.ts'
import type { Outlet } from '../../src/worker/outlet.ts'
import type { OutputBuffer } from '../../src/worker/output.ts'
import type { PeerAddress, Wire } from '../../src/worker/wire.ts'
import { FuzzWorker, PLAIN } from '../fuzz/coverage-worker.ts'
import { Random, testSeed } from '../support/seed.ts'

/** Larger than what is copied, and than one write. */
const LARGE = 3 * 2 ** 20

/** One client whose wire takes what it likes. */
class Client implements Wire, FastHandle {
  fastPath: FastPath<Client> | null = null
  connection: Connection | null = null
  outlet: Outlet | null = null
  activeSeconds = 0
  readonly peerCertificate = null
  readonly owner: Connection
  /** False: the next writes stay where they are until `take`. */
  takes = true
  open = true
  sent = ''
  pendingBytes = 0
  buffersPending = 0
  readonly #worker: FuzzWorker
  readonly #fastPath: FastPath<Client>

  constructor(worker: FuzzWorker) {
    this.#worker = worker
    this.#fastPath = new FastPath(worker.parts, {
      readBuffer: worker.readBuffer,
      writeAtOnce: (wire: Client, output, length) => wire.write(output, length),
    })
    assert.ok(worker.parts.connections.claimPlace())
    this.owner = new Connection(worker.parts, 'test', () => this)
  }

  get isFast(): boolean {
    return this.fastPath !== null
  }

  /** What came back. */
  send(text: string): string {
    const { readBuffer } = this.#worker
    const start = 16 * 1024
    const end = start + readBuffer.write(text, start, 'latin1')
    this.sent = ''
    if (this.fastPath !== null) this.fastPath.turn(this, start, end)
    else this.owner.onRead(readBuffer, start, end)
    return this.sent
  }

  take(): void {
    this.takes = true
    this.pendingBytes = 0
    this.owner.onWritten()
  }

  enterFastPath(connection: Connection, outlet: Outlet): void {
    this.connection = connection
    this.outlet = outlet
    this.fastPath = this.#fastPath
  }

  leaveFastPath(): void {
    this.fastPath = null
  }

  get fastPathSeconds(): number {
    return this.activeSeconds
  }

  write(output: OutputBuffer, length: number): boolean {
    this.sent += output.bytes.toString('latin1', 0, length)
    if (!this.takes) this.pendingBytes += length
    return this.takes
  }

  writeDirect(output: OutputBuffer | null, length: number, chunks: readonly Buffer[]): boolean {
    if (output !== null) this.write(output, length)
    for (const chunk of chunks) this.sent += chunk.toString('latin1')
    if (!this.takes) this.pendingBytes += 1
    return this.takes
  }

  close(): void {
    this.open = false
  }

  end(): void {}
  stopReading(): void {}
  startReading(): void {}

  describePeer(): PeerAddress {
    return { address: '10.1.2.3', port: 4711, local: false }
  }
}

describe('a connection is served on the fast path', () => {
  let worker: FuzzWorker
  let client: Client
  beforeEach(async () => {
    worker = await FuzzWorker.create('-m 64 -I 8m')
    client = new Client(worker)
  })

  test('from its beginning, for commands of all kinds', () => {
    assert.ok(client.isFast)
    assert.equal(
      client.send('set a 0 0 1\r\n1\r\nincr a 4\r\nmg a v\r\n'),
      'STORED\r\n5\r\nVA 1\r\n5\r\n',
    )
    assert.equal(
      client.send('get a b\r\nset a 0 0 1 noreply\r\n2\r\n'),
      'VALUE a 0 1\r\n5\r\nEND\r\n',
    )
    assert.equal(client.send('set a 0 0 1 noreply\r\n2\r\n'), '')
    assert.ok(client.isFast)
  })

  test('also behind a mistake of its client', () => {
    assert.equal(client.send('get-it\r\nmn\r\n'), 'ERROR\r\nMN\r\n')
    assert.ok(client.isFast)
  })

  test('not while the beginning of a command waits for its end', () => {
    assert.equal(client.send('mn\r\nset a 0 0 3\r\nab'), 'MN\r\n')
    assert.ok(!client.isFast)
    assert.equal(client.send('c\r\nget a\r\n'), 'STORED\r\nVALUE a 0 3\r\nabc\r\nEND\r\n')
    assert.ok(client.isFast)
  })

  test('not while a value is thrown away', () => {
    assert.equal(client.send('set a 0 0 9000000\r\nab'), '')
    assert.ok(!client.isFast)
    let sent = 2
    while (sent < 9_000_000) {
      const part = Math.min(50_000, 9_000_000 - sent)
      assert.equal(client.send('x'.repeat(part)), '')
      sent += part
    }
    assert.equal(client.send('\r\nmn\r\n'), 'SERVER_ERROR object too large for cache\r\nMN\r\n')
    assert.ok(client.isFast)
  })

  test('not while it does not take its replies', () => {
    client.takes = false
    assert.equal(client.send('mn\r\n'), 'MN\r\n')
    assert.ok(!client.isFast)
    assert.equal(client.send('mn\r\n'), '')
    client.sent = ''
    client.take()
    assert.equal(client.sent, 'MN\r\n')
    assert.ok(client.isFast)
  })

  test('not when it gets stuck in the middle of a command with many keys', () => {
    client.send(`set m 0 0 40000\r\n${'m'.repeat(40_000)}\r\n`)
    client.takes = false
    client.send(`get ${'m '.repeat(20)}\r\n`)
    assert.ok(!client.isFast)
    client.take()
    assert.equal(client.sent.length, 20 * (40_000 + 'VALUE m 0 40000\r\n\r\n'.length) + 5)
    assert.ok(client.isFast)
  })

  test('not before a value that takes more than one turn is sent', () => {
    client.send(`set l 0 0 ${LARGE}\r\n`)
    for (let sent = 0; sent < LARGE; sent += 2 ** 15) client.send('l'.repeat(2 ** 15))
    assert.equal(client.send('\r\n'), 'STORED\r\n')
    const begun = client.send('get l\r\nmn\r\n')
    assert.ok(begun.length < LARGE)
    assert.ok(!client.isFast)
    while (worker.takeTurn()) {}
    assert.equal(client.sent.length, `VALUE l 0 ${LARGE}\r\n`.length + LARGE + 2 + 5 + 4)
    assert.ok(client.isFast)
  })

  test('not when it has used up its turn', () => {
    const sent = client.send('mn\r\n'.repeat(worker.parts.requestsPerTurn + 5))
    assert.equal(sent.length, 4 * worker.parts.requestsPerTurn)
    assert.ok(!client.isFast)
    while (worker.takeTurn()) {}
    assert.equal(client.sent.length, 4 * (worker.parts.requestsPerTurn + 5))
    assert.ok(client.isFast)
  })

  test('not while another thread thinks about its answer, nor as a watcher', () => {
    client.send('stats conns\r\n')
    assert.ok(!client.isFast)
    client.sent = ''
    client.owner.answer(Buffer.from('END\r\n'))
    assert.equal(client.sent, 'END\r\n')
    assert.ok(client.isFast)
    client.send('watch mutations\r\n')
    client.owner.startWatching(Buffer.from('OK\r\n'))
    assert.ok(!client.isFast)
  })

  test('no more once it is to end, or has ended', () => {
    client.owner.finishAndClose(CLOSE_REASON.shutdown)
    assert.ok(!client.isFast)
    const second = new Client(worker)
    second.owner.onEnd()
    assert.ok(!second.isFast)
    assert.ok(!second.open)
    const third = new Client(worker)
    assert.equal(third.send('quit\r\nmn\r\n'), '')
    assert.ok(!third.isFast)
    assert.ok(!third.open)
  })

  test('and a look ahead is not lost at a line that is refused', () => {
    const { scout } = worker.parts.context
    const looksAt: number[] = []
    const look = scout.lookAtCommands.bind(scout)
    scout.lookAtCommands = (buffer, from, end) => {
      looksAt.push(from)
      return look(buffer, from, end)
    }
    assert.equal(client.send('mn\r\nbogus\r\n'.repeat(50)), 'MN\r\nERROR\r\n'.repeat(50))
    assert.equal(looksAt.length, 1)
  })

  test('but a reply that is large is sent by the connection, which remembers it', () => {
    const value = 'v'.repeat(20_000)
    worker.parts.connections.ticks = 5
    client.send(`set large 0 0 20000\r\n${value}\r\n`)
    assert.equal(client.owner.largeTick, 0)
    const before = worker.parts.counters[COUNTER.bytesWritten]!
    const expected = `VALUE large 0 20000\r\n${value}\r\nEND\r\n`
    assert.equal(client.send('get large\r\n'), expected)
    assert.equal(client.owner.largeTick, 5)
    assert.equal(worker.parts.counters[COUNTER.bytesWritten]! - before, expected.length)
    assert.ok(client.isFast)
    assert.equal(worker.parts.acting, null)
  })

  test('which tells when it was active', () => {
    worker.parts.store.now += 30
    assert.notEqual(client.owner.lastActiveSeconds, worker.parts.store.now)
    client.send('mn\r\n')
    assert.equal(client.owner.lastActiveSeconds, worker.parts.store.now)
  })
})

test('who has to log in is served on the fast path once he may do everything', async () => {
  const users = [{ name: 'user', password: 'secret' }]
  const client = new Client(await FuzzWorker.create('-m 64', { users }))
  assert.ok(!client.isFast)
  assert.equal(client.send('get a\r\n'), 'CLIENT_ERROR unauthenticated\r\n')
  assert.ok(!client.isFast)
  assert.equal(client.send('set a 0 0 11\r\nuser secret\r\n'), 'STORED\r\n')
  assert.ok(client.isFast)
})

test('who may not do everything is not, from the moment when that is so', async () => {
  const anonymous = { name: '', permissions: ALL_PERMISSIONS, prefixes: [], certificates: [] }
  const access = { users: [], anonymous }
  const worker = await FuzzWorker.create('-m 64', { access })
  const client = new Client(worker)
  assert.ok(client.isFast)
  const { gatekeeper } = worker.parts
  assert.ok(gatekeeper !== null)
  gatekeeper.replace({ users: [], anonymous: { ...anonymous, permissions: PERMISSION.read } })
  client.owner.reviewAccess(gatekeeper)
  assert.ok(!client.isFast)
  assert.equal(client.send('delete a\r\n'), 'CLIENT_ERROR permission denied\r\n')
  gatekeeper.replace(access)
  client.owner.reviewAccess(gatekeeper)
  assert.ok(client.isFast)
})

/** A line or two that somebody may send, right or wrong. */
function anyCommand(random: Random): string {
  const key = `key-${random.below(5)}`
  const length = random.pick([0, 3, 100, 5000, 20_000, 300_000])
  const quiet = random.pick(['', '', ' noreply'])
  return random.pick([
    `set ${key} 0 0 ${length}${quiet}\r\n${'v'.repeat(length)}\r\n`,
    `set ${key} 1 0 2\r\n12\r\n`,
    `append ${key} 0 0 1${quiet}\r\nx\r\n`,
    `get ${key}\r\n`,
    `gets${` ${key} other`.repeat(random.pick([1, 30, 200]))}\r\n`,
    `incr ${key} 1${quiet}\r\n`,
    `delete ${key}${quiet}\r\n`,
    `touch ${key} 100\r\n`,
    `mg ${key} v t f s q\r\nmn\r\n`,
    `ms ${key} S2\r\nab\r\n`,
    `set ${key} 0 0 3\r\ntoo long\r\n`,
    `get ${'k'.repeat(300)}\r\n`,
    'nonsense\r\n',
    'stats sizes\r\n',
  ])
}

test('what a client is answered, and what is counted, is the same on the fast path and off it', async () => {
  const seed = testSeed()
  const random = new Random(seed)
  const [fast, plain] = [await FuzzWorker.create('-m 64'), await FuzzWorker.create('-m 64')]
  for (let round = 0; round < 150; round++) {
    const text = Array.from({ length: 1 + random.below(30) }, () => anyCommand(random)).join('')
    const input = Buffer.from(text, 'latin1')
    const cuts = Array.from({ length: random.below(4) }, () => random.below(input.length)).sort(
      (a, b) => a - b,
    )
    const blocks = random.pick([0, 0, 0.3])
    const breaksAt = random.chance(0.2) ? random.below(input.length) : null
    const manner = { ...PLAIN, cuts, blocks, breaksAt }
    const same = random.word()
    const [one, other] = [
      fast.play(input, { ...manner, fast: true }, new Random(same)),
      plain.play(input, manner, new Random(same)),
    ]
    assert.ok(one.reply.equals(other.reply), `seed ${seed}, round ${round}: other replies`)
    assert.equal(one.closed, other.closed)
    assert.deepEqual(fast.parts.counters, plain.parts.counters, `seed ${seed}, round ${round}`)
  }
  assert.ok(fast.parts.counters[COUNTER.getHits]! > 100)
})
