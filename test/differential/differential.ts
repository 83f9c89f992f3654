import { parseArgs } from 'node:util'
import { escapeBytes } from '../support/escape.ts'
import { Random, testSeed } from '../support/seed.ts'
import { Server, SuiteScope } from '../support/server.ts'
import { memcachedVersion } from '../support/target.ts'
import type { Dialect } from './commands.ts'
import { LEARNT_CAS, randomCommand, removeAll, showAll } from './commands.ts'
import { isExcluded, isExcludedStream } from './exclusions.ts'
import { mutate } from './mutate.ts'
import { errorsAlike, forgive, normalise } from './normalise.ts'
import type { Stream } from './side.ts'
import { Side } from './side.ts'

export interface Options {
  readonly seed: number
  /** Commands sent one by one, plus commands inside streams. */
  readonly events: number
  /** A memcached binary. */
  readonly peer: string
  /** Compare what is stored after every event: finds the event that made a later one differ. */
  readonly careful?: boolean
  /** Compare the peer with itself: shows what of a difference is the comparison's own. */
  readonly self?: boolean
}

export interface Difference {
  readonly event: number
  /** What was sent just before: where a difference that only shows now has its cause. */
  readonly before: string
  readonly sent: string
  readonly ours: string
  readonly theirs: string
}

const DIFFERENCES_MAX = 20
const FLAGS = ['-t', '2', '-m', '256']

/** How long nothing must come before a stream without a last reply counts as answered. */
const QUIET_MILLISECONDS = 40

/** Sends one seeded sequence to both servers and returns where their replies differ. */
export async function compareServers(options: Options): Promise<Difference[]> {
  const scope = new SuiteScope()
  const theirTarget = {
    kind: 'memcached',
    binary: options.peer,
    version: memcachedVersion(options.peer),
  } as const
  try {
    const ourTarget = options.self === true ? theirTarget : ({ kind: 'memckv' } as const)
    const ours = new Side(await Server.start(scope, { flags: FLAGS, target: ourTarget }))
    const theirs = new Side(await Server.start(scope, { flags: FLAGS, target: theirTarget }))
    const dialect: Dialect = { full: theirTarget.version === '1.6.45' }
    const comparison = new Comparison(ours, theirs, dialect, options)
    return await comparison.run(options.events)
  } finally {
    await scope.close()
  }
}

class Comparison {
  readonly #ours: Side
  readonly #theirs: Side
  readonly #dialect: Dialect
  readonly #random: Random
  readonly #careful: boolean
  readonly #differences: Difference[] = []
  #event = 0
  #sent = ''
  #before = ''

  constructor(ours: Side, theirs: Side, dialect: Dialect, options: Options) {
    this.#ours = ours
    this.#theirs = theirs
    this.#dialect = dialect
    this.#random = new Random(options.seed)
    this.#careful = options.careful === true
  }

  async run(events: number): Promise<Difference[]> {
    // Uniques that clients guess are small numbers; after this no item has one of them.
    for (let index = 0; index < 120; index++)
      await this.#both(`set warm 0 0 1\r\n${index % 10}\r\n`)
    while (this.#event < events && this.#differences.length < DIFFERENCES_MAX) {
      const stream = this.#dialect.full && this.#random.chance(0.3)
      if (stream) await this.#stream()
      else await this.#lockstep()
      // The choice is made in either case, so that a careful run is the same run.
      const show = this.#random.chance(0.1)
      if (show || this.#careful) await this.#both(showAll())
    }
    this.#ours.close()
    this.#theirs.close()
    return this.#differences
  }

  async #lockstep(): Promise<void> {
    this.#event += 1
    const { text } = randomCommand(this.#random, this.#dialect)
    if (isExcluded(text)) return
    await this.#both(text)
  }

  async #both(text: string): Promise<void> {
    this.#before = this.#sent
    this.#sent = text
    const [ours, theirs] = await Promise.all([this.#ours.ask(text), this.#theirs.ask(text)])
    if (!this.#alike(ours, theirs)) await this.#report(text, ours, theirs)
  }

  /** A pipeline, perhaps damaged, in pieces of any size, on a connection of its own. */
  async #stream(): Promise<void> {
    const random = this.#random
    const count = random.between(1, 12)
    this.#event += count
    let text = ''
    for (let left = count; left > 0; left--) text += randomCommand(random, this.#dialect).text
    const damaged = random.chance(0.6)
    // A damaged line may read a unique as a length, so both servers must be sent the same one.
    if (damaged) text = text.replace(LEARNT_CAS, '77')
    if (damaged) text = random.chance(0.03) ? noise(random) : mutate(random, text)
    const pieces = random.chance(0.5) ? [text] : cut(random, text)
    if (isExcluded(text) || isExcludedStream(text, damaged, pieces.length > 1)) return
    this.#before = this.#sent
    this.#sent = pieces.join('')
    const streams = await Promise.all([this.#ours.stream(pieces), this.#theirs.stream(pieces)])
    // A stream that ends within a value has no last reply: it is over when both are quiet. A slow
    // machine may be quiet too early, so a difference is looked at again after a longer while.
    for (const quiet of [QUIET_MILLISECONDS, 20 * QUIET_MILLISECONDS]) {
      await Promise.all(streams.map((stream) => stream.settle(quiet)))
      if (this.#alikeStreams(...streams)) break
    }
    if (!this.#alikeStreams(...streams)) {
      await this.#report(text, streams[0].reply, streams[1].reply)
    }
    for (const stream of streams) stream.close()
  }

  #comparable(reply: string): string {
    const normalised = normalise(reply)
    return this.#dialect.full ? normalised : errorsAlike(normalised)
  }

  #alike(ours: string, theirs: string): boolean {
    const left = this.#comparable(ours)
    const right = this.#comparable(theirs)
    return left === right || forgive(left) === forgive(right)
  }

  /** While memcached waits for the rest of a value it keeps back what it has to say. */
  #alikeStreams(ours: Stream, theirs: Stream): boolean {
    if (ours.isOver || theirs.isOver) return this.#alike(ours.reply, theirs.reply)
    const left = forgive(this.#comparable(ours.reply))
    const right = forgive(this.#comparable(theirs.reply))
    return left.startsWith(right) || right.startsWith(left)
  }

  async #report(sent: string, ours: string, theirs: string): Promise<void> {
    this.#differences.push({
      event: this.#event,
      before: this.#before,
      sent,
      ours: this.#comparable(ours),
      theirs: this.#comparable(theirs),
    })
    // What is stored may differ from here on: begin anew.
    for (const side of [this.#ours, this.#theirs]) {
      side.close()
      await side.ask(removeAll())
    }
  }
}

function cut(random: Random, text: string): string[] {
  const pieces: string[] = []
  const longest = random.pick([1, 3, 20, 200, 3000])
  for (let at = 0; at < text.length && pieces.length < 400; ) {
    const length = pieces.length === 399 ? text.length : random.between(1, longest)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}

function noise(random: Random): string {
  const length = random.between(1, 1500)
  return Array.from({ length }, () => String.fromCharCode(random.below(256))).join('')
}

export function describe(difference: Difference): string {
  const show = (text: string, lengthMax: number): string =>
    escapeBytes(Buffer.from(shorten(text), 'latin1'), lengthMax)
  let at = 0
  while (at < difference.ours.length && difference.ours[at] === difference.theirs[at]) at++
  const from = Math.max(0, at - 60)
  return [
    `event ${difference.event}, replies differ at byte ${at}`,
    `  before: ${show(difference.before, 1_500)}`,
    `  sent:   ${show(difference.sent, 1_500)}`,
    `  ours:   ${show(difference.ours.slice(from), 200)}`,
    `  theirs: ${show(difference.theirs.slice(from), 200)}`,
  ].join('\n')
}

/** Long runs of one byte say nothing. */
function shorten(text: string): string {
  return text.replace(/([vEoLx])\1{40,}/g, (run: string) => `${run[0]}{${run.length}}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      events: { type: 'string', default: '20000' },
      peer: { type: 'string', default: '/usr/bin/memcached' },
      careful: { type: 'boolean', default: false },
      self: { type: 'boolean', default: false },
    },
  })
  const seed = values.seed === undefined ? testSeed() : Number(values.seed)
  console.log(`seed ${seed}, ${values.events} events, peer ${values.peer}`)
  const differences = await compareServers({
    seed,
    events: Number(values.events),
    peer: values.peer,
    careful: values.careful,
    self: values.self,
  })
  for (const difference of differences) console.log(describe(difference))
  console.log(differences.length === 0 ? 'no differences' : `${differences.length} differences`)
  process.exitCode = differences.length === 0 ? 0 : 1
}

if (import.meta.main) await main()
