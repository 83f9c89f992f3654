import assert from 'node:assert/strict'
import { PERMISSION } from '../../src/auth/permissions.ts'
import type { AccessTable } from '../../src/base/messages.ts'
import { COUNTER } from '../../src/telemetry/counters.ts'
import { READ_BYTES } from '../../src/worker/raw-wire.ts'
import { describeDifference } from '../support/escape.ts'
import { Random } from '../support/seed.ts'
import type { Frame } from './coverage-framing.ts'
import { checkReply, frame, TOO_LONG } from './coverage-framing.ts'
import type { Manner, Outcome } from './coverage-worker.ts'
import { FuzzWorker, PLAIN } from './coverage-worker.ts'

/** What was seen that bytes of code do not show: numbers that stand for a state or a pair of replies. */
export type Features = Set<string>

/** A longer line that comes in pieces may close the connection, one that comes whole does not. */
const LINE_BYTES_SAFE = 2000
const SENTINEL = Buffer.from('mn\r\n')
const CHECK_EVERY = 2000
/** Each is a command that runs several times: more of them are slow and show nothing new. */
const LINES_MAX = 60

/**
 * A worker's whole way from bytes to replies, judged by four rules: the replies do not depend on how
 * bytes arrive or are taken; a stream on one connection is answered as its commands are, each on a
 * connection of its own, where an independent reading of the protocol says what the commands are;
 * each reply is one that the protocol allows; and a client that is gone leaves nothing.
 */
export class ServerTarget {
  readonly #workers: readonly FuzzWorker[]
  readonly #guarded: FuzzWorker
  readonly #full: FuzzWorker
  #count = 0

  private constructor(workers: readonly FuzzWorker[], guarded: FuzzWorker, full: FuzzWorker) {
    this.#workers = workers
    this.#guarded = guarded
    this.#full = full
  }

  static async create(): Promise<ServerTarget> {
    const workers = [
      await FuzzWorker.create('-m 64 -I 20k -R 3'),
      await FuzzWorker.create('-m 64 -I 300k'),
      await FuzzWorker.create('-m 64 -I 20k -C -X -W -F'),
      await FuzzWorker.create('-m 64 -I 20k -vv', { observed: true }),
      // Nobody in particular may read and write what begins with `a`, and nothing else.
      await FuzzWorker.create('-m 64 -I 20k', {
        access: accessOf(PERMISSION.read | PERMISSION.write),
      }),
      await FuzzWorker.create('-m 64 -I 20k', { access: accessOf(PERMISSION.write, []) }),
    ]
    const users = [{ name: 'a', password: 'b' }]
    return new ServerTarget(
      workers,
      await FuzzWorker.create('-m 64 -I 20k', { users }),
      await FuzzWorker.create('-m 8 -M -I 20k'),
    )
  }

  /** Bytes to the worker as any client may send them; throws when something is wrong. */
  check(input: Buffer, seed: number): Features {
    if (countLines(input) > LINES_MAX) return new Set()
    this.#count++
    const random = new Random(seed)
    const features: Features = new Set()
    const chosen = random.below(20)
    if (chosen === 0) this.#checkGuarded(input, random)
    else if (chosen === 1) this.#checkFull(input, random)
    else this.#checkOpen(this.#workers[SHARES[chosen]!]!, input, random, features)
    if (this.#count % CHECK_EVERY === 0) this.checkStores()
    return features
  }

  checkStores(): void {
    for (const worker of [...this.#workers, this.#guarded, this.#full]) worker.check()
  }

  #checkOpen(worker: FuzzWorker, stream: Buffer, random: Random, features: Features): void {
    const { completion } = frame(stream)
    const input = Buffer.concat([stream, completion, SENTINEL])
    const framing = frame(input)
    const run = (manner: Manner): Outcome => {
      worker.reset()
      return worker.play(input, manner, random)
    }
    const before = worker.parts.counters.slice()
    const whole = run(PLAIN)
    noteFeatures(features, before, worker.parts.counters, whole.reply)
    run({ ...mannerOf(random, input), breaksAt: random.below(input.length + 1) })
    if (framing.frames.some(dependsOnTiming)) return
    // What is too much for one read is cut, and then a long line closes.
    if (whole.closed && input.length > READ_BYTES && hasLongLine(input)) return
    const reference = normalise(whole.reply)
    const isWhole = completion !== TOO_LONG
    if (!framing.ends && isWhole) {
      assert.ok(!whole.closed && endsInSentinel(whole.reply), 'the stream has lost its frame')
    }
    compare('on the fast path', reference, run({ ...PLAIN, fast: true }), whole, input)
    compare('cut at random', reference, run(mannerOf(random, input)), whole, input)
    if (input.length < 400) {
      const cuts = Array.from({ length: input.length }, (_, at) => at + 1)
      compare('cut everywhere', reference, run({ ...PLAIN, cuts }), whole, input)
    }
    if (isWhole) this.#checkFrames(worker, input, framing.frames, reference, random)
  }

  /** Each command alone. */
  #checkFrames(
    worker: FuzzWorker,
    input: Buffer,
    frames: readonly Frame[],
    reference: string,
    random: Random,
  ): void {
    worker.reset()
    const replies: Buffer[] = []
    for (const one of frames) {
      const { reply } = worker.play(input.subarray(one.from, one.to), PLAIN, random)
      checkReply(one, reply)
      replies.push(reply)
    }
    const together = normalise(Buffer.concat(replies))
    if (together !== reference) fail('commands each alone', reference, together)
  }

  /** Before a login nothing may be read or changed, and the cut must not matter. */
  #checkGuarded(stream: Buffer, random: Random): void {
    const worker = this.#guarded
    const login = random.chance(0.5) ? Buffer.from('set k 0 0 3\r\na b\r\n') : NOTHING
    const input = Buffer.concat([login, stream])
    worker.reset()
    const commands = worker.parts.counters[COUNTER.setCommands]!
    const whole = worker.play(input, PLAIN, random)
    if (!whole.reply.includes('STORED')) {
      assert.doesNotMatch(whole.reply.toString('latin1'), /VALUE|VA \d|HD|MN|VERSION/)
      assert.equal(worker.parts.counters[COUNTER.setCommands], commands)
    }
    worker.reset()
    worker.play(input, mannerOf(random, input), random)
  }

  /** A store that is full and may not evict: who gets memory depends on the past, framing does not. */
  #checkFull(stream: Buffer, random: Random): void {
    const worker = this.#full
    if (this.#count < 200) fillUp(worker, random)
    const { completion } = frame(stream)
    const input = Buffer.concat([stream, completion, SENTINEL])
    // With its completion the last line may be one that ends the connection.
    const framing = frame(input)
    if (framing.ends || completion === TOO_LONG || framing.frames.some(dependsOnTiming)) return
    if (stream.includes('flush_all')) return
    const manner = hasLongLine(input) ? PLAIN : mannerOf(random, input)
    const { reply, closed } = worker.play(input, manner, random)
    assert.ok(!closed && endsInSentinel(reply), 'the stream has lost its frame')
  }
}

/** Which of the workers gets how many of twenty inputs. */
const SHARES = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5]

function accessOf(permissions: number, prefixes = ['a']): AccessTable {
  return { users: [], anonymous: { name: '', permissions, prefixes, certificates: [] } }
}

const NOTHING = Buffer.alloc(0)

/**
 * Whether a reply may be `ERROR cannot pipeline …` depends on what has been sent already; so does how
 * much of a get is answered before a key that is too long.
 */
function dependsOnTiming({ word, words, hasLongKey }: Frame): boolean {
  if (/^gat?s?$|^gets?$/.test(word)) return hasLongKey
  return word === 'watch' || (words[0] === 'lru_crawler' && /^m\w+dump$/.test(words[1] ?? ''))
}

function countLines(input: Buffer): number {
  let count = 0
  for (const byte of input) if (byte === 10) count++
  return count
}

function hasLongLine(input: Buffer): boolean {
  let at = 0
  for (;;) {
    const lineFeed = input.indexOf(10, at)
    if ((lineFeed < 0 ? input.length : lineFeed) - at > LINE_BYTES_SAFE) return true
    if (lineFeed < 0) return false
    at = lineFeed + 1
  }
}

function endsInSentinel(reply: Buffer): boolean {
  return reply.subarray(-4).toString('latin1') === 'MN\r\n'
}

function mannerOf(random: Random, input: Buffer): Manner {
  const cuts: number[] = []
  const most = random.pick([3, 30, 300, 5000])
  for (let at = 0; at < input.length; ) {
    at += 1 + random.below(most)
    cuts.push(Math.min(at, input.length))
  }
  const blocks = random.pick([0, 0.1, 0.5, 1])
  const direct = random.chance(0.7)
  return { cuts, blocks, direct, fast: random.chance(0.7), breaksAt: null }
}

/** Figures are of their moment; everything else must be the same. */
function normalise(reply: Buffer): string {
  const text = reply.toString('latin1')
  if (!/^(STAT|PREFIX|ITEM) /m.test(text)) return text
  return text.replaceAll(/^(STAT|PREFIX|ITEM) .*\r\n/gm, '')
}

function compare(
  what: string,
  reference: string,
  outcome: Outcome,
  whole: Outcome,
  input: Buffer,
): void {
  const reply = normalise(outcome.reply)
  if (reply === reference && outcome.closed === whole.closed) return
  // A long line whose end has not come closes, so what came before it is all there is.
  if (hasLongLine(input) && outcome.closed && reference.startsWith(reply)) return
  fail(what, reference, reply)
}

function fail(what: string, expected: string, found: string): never {
  const difference = describeDifference(
    Buffer.from(expected, 'latin1'),
    Buffer.from(found, 'latin1'),
  )
  assert.fail(`${what}: ${difference}`)
}

/** So that items of all sizes meet the end of the memory. */
function fillUp(worker: FuzzWorker, random: Random): void {
  for (let index = 0; index < 40; index++) {
    const bytes = random.pick([100, 2000, 9000, 20_000])
    const key = `full${random.below(1e9)}`
    const command = Buffer.from(`set ${key} 0 0 ${bytes} noreply\r\n${'f'.repeat(bytes)}\r\n`)
    worker.play(command, PLAIN, random)
  }
}

/** Counters that moved, by powers of two, and pairs of replies that came one after the other. */
function noteFeatures(
  features: Features,
  before: Float64Array,
  after: Float64Array,
  reply: Buffer,
): void {
  for (let index = 0; index < after.length; index++) {
    const moved = after[index]! - before[index]!
    if (moved > 0) features.add(`c${index}:${Math.min(12, Math.ceil(Math.log2(moved + 1)))}`)
  }
  let last = ''
  for (const line of reply.toString('latin1', 0, 2000).split('\r\n').slice(0, 40)) {
    const kind = /^[A-Z_]{2,12}( [a-z ]{4,40}$)?/.exec(line)?.[0] ?? ''
    features.add(`r${last}>${kind}`)
    last = kind
  }
}
