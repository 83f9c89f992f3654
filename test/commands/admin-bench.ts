import assert from 'node:assert/strict'
import type { User } from '../../src/base/messages.ts'
import type { AdminCommandContext } from '../../src/commands/admin-context.ts'
import { Authenticator, handleAuth } from '../../src/commands/auth.ts'
import type { Producer, Session } from '../../src/commands/context.ts'
import { OUTCOME } from '../../src/commands/context.ts'
import { handleLruCrawler } from '../../src/commands/crawler.ts'
import { handleLru } from '../../src/commands/lru.ts'
import { handleCacheMemoryLimit } from '../../src/commands/memory-limit.ts'
import { handleShutdown } from '../../src/commands/shutdown.ts'
import { handleSlabs } from '../../src/commands/slabs.ts'
import { handleStats } from '../../src/commands/stats.ts'
import { handleWatch } from '../../src/commands/watch.ts'
import { OPCODE } from '../../src/protocol/opcode.ts'
import { Parser } from '../../src/protocol/parser.ts'
import { ReplyWriter } from '../../src/protocol/reply.ts'
import { PARSE_READY } from '../../src/protocol/request.ts'
import { Scout } from '../../src/protocol/scout.ts'
import { createEventRings } from '../../src/telemetry/event-ring.ts'
import { EventLog } from '../../src/telemetry/events.ts'
import { createPrefixTables, PrefixReader, PrefixStats } from '../../src/telemetry/prefix-stats.ts'
import type { TestSource } from '../telemetry/stats-source.ts'
import { testSource } from '../telemetry/stats-source.ts'
import type { PutOptions } from './store-items.ts'
import { HASH_SEED, putItem, testStore } from './store-items.ts'

const HANDLERS = new Map([
  [OPCODE.stats, handleStats],
  [OPCODE.watch, handleWatch],
  [OPCODE.shutdown, handleShutdown],
  [OPCODE.cacheMemlimit, handleCacheMemoryLimit],
  [OPCODE.lru, handleLru],
  [OPCODE.lruCrawler, handleLruCrawler],
  [OPCODE.slabs, handleSlabs],
] as [number, (context: AdminCommandContext) => number][])

const OUTPUT_BYTES = 64 * 1024
const RING_BYTES = 4096

/** Runs administrative commands as a connection would, over a real store, without a socket. */
export class AdminBench {
  readonly context: AdminCommandContext
  /** What commands asked of the control thread. */
  readonly deferred: string[] = []
  outcome: number = OUTCOME.done
  readonly #parser: Parser
  #output = ''

  /** @param argv as on memc-kv's command line */
  static async make(
    argv: readonly string[] = [],
    users: readonly User[] = [],
  ): Promise<AdminBench> {
    return new AdminBench(await testSource(argv), users)
  }

  private constructor(source: TestSource, users: readonly User[]) {
    const { config, runtime, clock } = source
    const store = testStore(config)
    const counters = source.counters[0]!
    const prefixTables = createPrefixTables(1)
    const reply = new ReplyWriter(Buffer.alloc(OUTPUT_BYTES), { flush: () => this.#flush() })
    this.#parser = new Parser(HASH_SEED, config.items.maxSize, config.items.cas)
    this.context = {
      store,
      request: this.#parser.request,
      scout: new Scout(store.hashSeed),
      reply,
      counters,
      settings: {
        casEnabled: config.items.cas,
        evict: config.memory.evict,
        flushEnabled: config.commands.flushAll,
        dumpEnabled: config.commands.dump,
        watchEnabled: config.commands.watch,
        shutdownEnabled: config.commands.shutdown,
        debugEnabled: config.commands.debug,
        itemBytesMax: config.items.maxSize,
        chunkBytesMax: config.compat.slabChunkMax,
        unixSecondsAtZero: clock.unixSecondsAtZero,
      },
      runtime,
      events: new EventLog(createEventRings(1, RING_BYTES), 0, RING_BYTES, counters),
      prefixes: new PrefixStats(prefixTables, 0, config.stats.prefixDelimiter.charCodeAt(0)),
      session: new TestSession(this.deferred),
      watchMask: 0,
      prefixStatsOn: false,
      admin: {
        stats: { ...source, figures: () => store.figures() },
        prefixes: new PrefixReader(prefixTables, 1),
        authenticator: new Authenticator(users),
      },
    }
  }

  get session(): TestSession {
    return this.context.session as TestSession
  }

  /** The whole reply to one command. */
  run(line: string): string {
    const buffer = Buffer.from(`${line}\r\n`, 'latin1')
    assert.equal(this.#parser.parse(buffer, 0, buffer.length), PARSE_READY, line)
    const handler = HANDLERS.get(this.context.request.opcode)
    assert.ok(handler !== undefined, `no handler for ${line}`)
    return this.#conclude(handler(this.context))
  }

  /** The reply to the value of an authenticating set, given as it lies in the input. */
  authenticate(value: string): string {
    const line = `set x 0 0 ${value.length - 2}\r\n${value}`
    const buffer = Buffer.from(line, 'latin1')
    assert.equal(this.#parser.parseAuth(buffer, 0, buffer.length), PARSE_READY)
    assert.equal(this.context.request.opcode, OPCODE.auth)
    return this.#conclude(handleAuth(this.context))
  }

  put(key: string, value: string, options: Partial<PutOptions> = {}): void {
    putItem(this.context.store, key, value, options)
  }

  #conclude(outcome: number): string {
    this.outcome = outcome
    const { session } = this
    while (session.producer !== null) {
      if (!session.producer.produce(this.context.reply)) session.producer = null
    }
    this.#flush()
    const output = this.#output
    this.#output = ''
    return output
  }

  #flush(): void {
    const { reply } = this.context
    this.#output += reply.bytes.toString('latin1', 0, reply.position)
    reply.position = 0
  }
}

class TestSession implements Session {
  readonly number = 1
  readonly access = null
  /** Whom a login was accepted for by the worker alone. */
  welcomed: string | null = null
  producer: Producer | null = null
  repliesPending = false
  readonly #deferred: string[]

  constructor(deferred: string[]) {
    this.#deferred = deferred
  }

  defer(name: string, argument: string): void {
    this.#deferred.push(`${name}: ${argument}`)
  }

  welcome(user: Uint8Array): void {
    this.welcomed = Buffer.from(user).toString('latin1')
  }

  deferLogin(name: Uint8Array, password: Uint8Array, accepted: boolean): void {
    const pair = [name, password].map((part) => Buffer.from(part).toString('latin1'))
    this.#deferred.push(`login: ${JSON.stringify(pair)} ${accepted ? 'accepted' : 'unknown'}`)
  }
}
