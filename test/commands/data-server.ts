import assert from 'node:assert/strict'
import { createRuntime } from '../../src/base/runtime.ts'
import type { AdminCommandContext } from '../../src/commands/admin-context.ts'
import type { CommandSettings, Producer, Session } from '../../src/commands/context.ts'
import { OUTCOME } from '../../src/commands/context.ts'
import { HANDLERS, refuse } from '../../src/commands/table.ts'
import { Parser } from '../../src/protocol/parser.ts'
import { ReplyWriter } from '../../src/protocol/reply.ts'
import { PARSE_CLOSE, PARSE_MORE, PARSE_READY, REFUSAL } from '../../src/protocol/request.ts'
import { Scout } from '../../src/protocol/scout.ts'
import type { ChainWriter, StoreMemory, StoreOptions } from '../../src/store/store.ts'
import { createStoreMemory, PAGE_BYTES, Store } from '../../src/store/store.ts'
import {
  CLASS_COUNTER,
  COUNTER,
  classCounterIndex,
  counterBlock,
  createCounters,
} from '../../src/telemetry/counters.ts'
import { createEventRings } from '../../src/telemetry/event-ring.ts'
import { EventLog } from '../../src/telemetry/events.ts'
import { createPrefixTables, PrefixReader, PrefixStats } from '../../src/telemetry/prefix-stats.ts'

const RING_BYTES = 65536
const TEST_NOW = 1000

export interface DataServerOptions extends Partial<StoreOptions> {
  readonly flushEnabled?: boolean
  readonly debugEnabled?: boolean
  /** Size of the reply buffer. */
  readonly replyBytes?: number
  /** Another server's, to work on the same items as a second worker does. */
  readonly memory?: StoreMemory
}

/**
 * Parser, commands, store and reply writer put together as a connection does it, without a socket:
 * bytes go in by send, and all replies come out as one text.
 */
export class DataServer implements Session {
  readonly number = 1
  readonly access = null
  producer: Producer | null = null
  readonly repliesPending = false

  readonly memory: StoreMemory
  readonly store: Store
  readonly parser: Parser
  readonly reply: ReplyWriter
  readonly counters: Float64Array
  readonly runtime: Int32Array
  readonly prefixes: PrefixReader
  readonly context: AdminCommandContext
  closed = false
  /** Makes the reply writer look blocked after each flush, until the handler stops. */
  slowClient = false
  suspensions = 0
  productions = 0

  #sent: Buffer[] = []
  #waiting: Buffer = Buffer.alloc(0)
  #swallow = 0
  #errorLine = -1
  #upload: { writer: ChainWriter; line: Buffer; left: number; ending: string; ok: boolean } | null =
    null

  constructor(options: DataServerOptions = {}) {
    const storeOptions: StoreOptions = {
      memoryBytes: 64 * 1024 * 1024,
      evict: true,
      casEnabled: true,
      policy: 's3-fifo',
      promoteThreshold: 2,
      itemBytesMax: 1048576,
      hashSeed: 4711,
      ...options,
    }
    this.memory = options.memory ?? createStoreMemory(storeOptions)
    this.store = new Store(this.memory)
    this.store.now = TEST_NOW
    const { casEnabled, itemBytesMax, hashSeed } = storeOptions
    this.parser = new Parser(hashSeed, itemBytesMax, casEnabled)
    this.reply = new ReplyWriter(Buffer.alloc(options.replyBytes ?? 65536), this)
    this.counters = counterBlock(createCounters(1), 0)
    this.runtime = createRuntime()
    const prefixTables = createPrefixTables(1)
    this.prefixes = new PrefixReader(prefixTables, 1)
    const settings: CommandSettings = {
      casEnabled,
      evict: storeOptions.evict,
      flushEnabled: options.flushEnabled ?? true,
      dumpEnabled: true,
      watchEnabled: true,
      shutdownEnabled: false,
      debugEnabled: options.debugEnabled ?? true,
      itemBytesMax,
      chunkBytesMax: 524288,
      unixSecondsAtZero: 1_700_000_000,
    }
    this.context = {
      store: this.store,
      request: this.parser.request,
      scout: new Scout(this.store.hashSeed),
      reply: this.reply,
      counters: this.counters,
      settings,
      runtime: this.runtime,
      events: new EventLog(createEventRings(1, RING_BYTES), 0, RING_BYTES, this.counters),
      prefixes: new PrefixStats(prefixTables, 0, 58),
      session: this,
      watchMask: 0,
      prefixStatsOn: false,
      // The commands tested with this never look at it.
      admin: undefined as never,
    }
  }

  /** The replies to these bytes, arriving in pieces of the given size. */
  send(input: string | Buffer, pieceBytes = 65536): string {
    const bytes = typeof input === 'string' ? Buffer.from(input, 'latin1') : input
    for (let from = 0; from < bytes.length && !this.closed; from += pieceBytes) {
      const piece = bytes.subarray(from, from + pieceBytes)
      this.#waiting = this.#waiting.length === 0 ? piece : Buffer.concat([this.#waiting, piece])
      this.#run()
    }
    return this.takeReplies()
  }

  /** As if the client had left and another come. */
  reset(): void {
    this.closed = false
    this.#waiting = Buffer.alloc(0)
    this.#swallow = 0
    this.#upload?.writer.abort()
    this.#upload = null
  }

  /** Sends, and asserts what comes back. */
  expect(input: string, reply: string): void {
    assert.equal(this.send(input), reply, JSON.stringify(input).slice(0, 100))
  }

  takeReplies(): string {
    this.flush()
    this.reply.blocked = false
    const text = Buffer.concat(this.#sent).toString('latin1')
    this.#sent = []
    return text
  }

  welcome(): void {
    assert.fail('nobody logs in here')
  }

  deferLogin(): void {
    assert.fail('nobody logs in here')
  }

  defer(): void {
    assert.fail('a data command asks no other thread')
  }

  flush(): void {
    const { reply } = this
    if (reply.position > 0) this.#sent.push(Buffer.from(reply.bytes.subarray(0, reply.position)))
    reply.position = 0
    if (this.slowClient) reply.blocked = true
  }

  count(counter: keyof typeof COUNTER): number {
    return this.counters[COUNTER[counter]]!
  }

  countOfClass(sizeClass: number, counter: keyof typeof CLASS_COUNTER): number {
    return this.counters[classCounterIndex(sizeClass, CLASS_COUNTER[counter])]!
  }

  #run(): void {
    let at = 0
    while (at < this.#waiting.length && !this.closed) {
      const next = this.#step(this.#waiting, at)
      if (next === at) break
      at = next
    }
    this.#waiting = Buffer.from(this.#waiting.subarray(at))
  }

  #step(buffer: Buffer, at: number): number {
    if (this.#swallow > 0) return this.#swallowSome(buffer, at)
    if (this.#upload !== null) return this.#uploadSome(buffer, at)
    const { request } = this.parser
    const status = this.parser.parse(buffer, at, buffer.length)
    if (status === PARSE_MORE) {
      if (request.missing === 0 || request.valueLength < PAGE_BYTES) return at
      return request.wholeValueNeeded ? at : this.#beginUpload(buffer)
    }
    if (status === PARSE_CLOSE) {
      this.closed = true
      return buffer.length
    }
    if (status === PARSE_READY) return this.#execute(buffer)
    if (request.refusal !== REFUSAL.none) refuse(this.context)
    this.#swallow = request.swallow
    this.#errorLine = request.silent ? -1 : request.errorLine
    if (this.#swallow === 0) this.#answerError()
    return request.next
  }

  #execute(buffer: Buffer): number {
    const { request } = this.parser
    for (;;) {
      const { opcode, exptime } = request
      const outcome = HANDLERS[opcode]!(this.context)
      if (outcome === OUTCOME.done) return request.next
      if (outcome === OUTCOME.close) {
        this.closed = true
        return request.next
      }
      const { resumeOffset, next } = request
      if (outcome === OUTCOME.produce) {
        this.productions++
        while (this.producer!.produce(this.reply)) this.reply.blocked = false
        this.producer = null
        if (resumeOffset === 0) return next
      } else {
        assert.equal(outcome, OUTCOME.suspended)
        this.suspensions++
      }
      this.flush()
      this.reply.blocked = false
      const status = this.parser.resumeKeys(buffer, resumeOffset, buffer.length, opcode, exptime)
      assert.equal(status, PARSE_READY)
    }
  }

  #beginUpload(buffer: Buffer): number {
    const { lineStart, valueStart, valueLength } = this.parser.request
    const line = Buffer.from(buffer.subarray(lineStart, valueStart))
    const writer = this.store.createWriter()
    const ok = writer.begin(valueLength)
    this.#upload = { writer, line, left: valueLength, ending: '', ok }
    return valueStart
  }

  #uploadSome(buffer: Buffer, at: number): number {
    const upload = this.#upload!
    const to = Math.min(buffer.length, at + upload.left)
    if (upload.ok && to > at) upload.ok = upload.writer.write(buffer, at, to)
    upload.left -= to - at
    if (upload.left > 0) return to
    const rest = Math.min(buffer.length, to + 2 - upload.ending.length)
    upload.ending += buffer.toString('latin1', to, rest)
    if (upload.ending.length === 2) this.#endUpload()
    return rest
  }

  #endUpload(): void {
    const { writer, line, ending, ok } = this.#upload!
    const { request } = this.parser
    this.#upload = null
    assert.equal(this.parser.parseLine(line, 0, line.length), PARSE_READY)
    if (ok && ending === '\r\n') {
      request.upload = writer
      assert.equal(HANDLERS[request.opcode]!(this.context), OUTCOME.done)
      request.upload = null
      writer.abort()
      return
    }
    writer.abort()
    request.refusal = ok ? REFUSAL.badData : REFUSAL.noMemory
    refuse(this.context)
    if (!request.silent) this.reply.line(request.errorLine)
  }

  #swallowSome(buffer: Buffer, at: number): number {
    const taken = Math.min(this.#swallow, buffer.length - at)
    this.#swallow -= taken
    if (this.#swallow === 0) this.#answerError()
    return at + taken
  }

  #answerError(): void {
    if (this.#errorLine >= 0) this.reply.line(this.#errorLine)
  }
}
