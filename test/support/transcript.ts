import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Client } from './client.ts'
import type { Captures, Names, Raw } from './pattern.ts'
import { Pattern, renderBytes } from './pattern.ts'
import { Random, testSeed } from './seed.ts'
import type { ServerOptions } from './server.ts'
import { Server, SuiteScope } from './server.ts'
import { isMemcached } from './target.ts'

type Text = string | Raw | Buffer

/** The reply where we differ on purpose: ours, and what the real memcached says (null: anything). */
export class Intended {
  readonly ours: Text
  readonly theirs: Text | null
  constructor(ours: Text, theirs: Text | null) {
    this.ours = ours
    this.theirs = theirs
  }
}

export function intended(ours: Text, theirs: Text | null): Intended {
  return new Intended(ours, theirs)
}

/** The server closes after these last bytes. */
export class Closed {
  readonly last: Text
  constructor(last: Text) {
    this.last = last
  }
}

export function closed(last: Text = ''): Closed {
  return new Closed(last)
}

export type Expected = Text | RegExp | Intended | Closed

/** Bytes to send and the reply to them; or a check of numbers captured so far. */
export type Step = readonly [send: Text, expect: Expected] | ((captures: Captures) => void)

export interface Transcript {
  readonly steps: readonly Step[]
  /** False when the steps mean something else sent in one piece. */
  readonly pipelined?: boolean
  /** False when the meaning hangs on how the bytes arrive. */
  readonly cut?: boolean
}

export type Transcripts = Readonly<Record<string, readonly Step[] | Transcript>>

export type Mode = 'whole' | 'every byte' | 'random pieces' | 'pipelined'
const MODES: readonly Mode[] = ['whole', 'every byte', 'random pieces', 'pipelined']

/** A server to run them against, and how. */
export interface Shape {
  readonly name: string
  readonly options: (scope: SuiteScope) => ServerOptions
  readonly modes: readonly Mode[]
}

const SHAPES: readonly Shape[] = [1, 4].map((threads) => ({
  name: `${threads} worker(s)`,
  options: () => ({ flags: ['-t', String(threads)] }),
  modes: MODES,
}))

/** Above this many bytes a step is cut into pieces at random places instead of at every byte. */
const EVERY_BYTE_MAX = 700
const PIECES_MAX = 40

let runs = 0

/** Prefixes differ in every run and are always 5 bytes long: some transcripts count a key's bytes. */
export function nextPrefix(): string {
  runs += 1
  return `k${runs.toString(36).padStart(3, '0')}.`
}

/**
 * Runs every transcript against a server with one worker and against one with four, each as it is,
 * cut at every byte, cut at random places, and with all its commands in one write.
 */
export function runTranscripts(
  tables: Readonly<Record<string, Transcripts>>,
  shapes: readonly Shape[] = SHAPES,
): void {
  const seed = testSeed()
  for (const { name: shape, options, modes } of shapes) {
    describe(`${shape}, seed ${seed}`, () => {
      const scope = new SuiteScope()
      let server: Server
      before(async () => {
        server = await Server.start(scope, options(scope))
        await useUpSmallUniques(server)
      })
      after(() => scope.close())
      for (const [name, transcripts] of Object.entries(tables)) {
        describe(name, { concurrency: 12 }, () => {
          for (const [title, entry] of Object.entries(transcripts)) {
            const transcript: Transcript = 'steps' in entry ? entry : { steps: entry }
            const wanted = modesOf(transcript).filter((mode) => modes.includes(mode))
            test(title, async () => {
              for (const mode of wanted) await runOnce(server, transcript, mode, seed)
            })
          }
        })
      }
    })
  }
}

/** The transcripts use small numbers for uniques that no item has. */
async function useUpSmallUniques(server: Server): Promise<void> {
  const client = await server.connect()
  client.send('set warm 0 0 1\r\n1\r\n'.repeat(20))
  await client.expect('STORED\r\n'.repeat(20))
  client.close()
}

function modesOf(transcript: Transcript): Mode[] {
  const modes: Mode[] = ['whole']
  if (transcript.cut !== false) modes.push('every byte', 'random pieces')
  if (transcript.pipelined !== false && canPipeline(transcript.steps)) modes.push('pipelined')
  return modes
}

/** A step that sends a number learnt from an earlier reply has to wait for that reply. */
function canPipeline(steps: readonly Step[]): boolean {
  return steps.every(
    (step) =>
      typeof step === 'function' ||
      (!(step[1] instanceof Closed) &&
        !(step[1] instanceof Intended && isMemcached) &&
        !(typeof step[0] === 'string' && /\{[a-z]\w*\}/.test(step[0]))),
  )
}

async function runOnce(
  server: Server,
  transcript: Transcript,
  mode: Mode,
  seed: number,
): Promise<void> {
  const client = await server.connect()
  const names: Names = { prefix: nextPrefix(), captures: new Map() }
  try {
    if (mode === 'pipelined') await runPipelined(client, transcript.steps, names)
    else await runSteps(client, transcript.steps, names, { mode, random: new Random(seed) })
  } finally {
    client.close()
  }
}

interface Cutting {
  readonly mode: Mode
  readonly random: Random
}

const WHOLE: Cutting = { mode: 'whole', random: new Random(1) }

/** Runs the steps on a client of the test's own, in one piece each. */
export async function runTranscript(
  client: Client,
  steps: readonly Step[],
  names: Names = { prefix: nextPrefix(), captures: new Map() },
): Promise<void> {
  await runSteps(client, steps, names, WHOLE)
}

async function runSteps(
  client: Client,
  steps: readonly Step[],
  names: Names,
  cutting: Cutting,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (typeof step === 'function') {
      step(names.captures)
      continue
    }
    const bytes = renderBytes(step[0], names)
    client.place = `step ${index} (${cutting.mode}), sent ${describeSent(bytes)}\n`
    await sendCut(client, bytes, cutting)
    if (!(await expectStep(client, step[1], names))) return
  }
  await expectNothingMore(client)
}

/** @returns false when the connection is over */
async function expectStep(client: Client, expected: Expected, names: Names): Promise<boolean> {
  if (expected instanceof Closed) {
    await client.expect(new Pattern(expected.last, names), names.captures)
    await client.expectClose()
    return false
  }
  if (expected instanceof Intended) {
    if (isMemcached && expected.theirs === null) {
      client.send('mn\r\n')
      await client.readUntil('MN\r\n')
      return true
    }
    const text = isMemcached && expected.theirs !== null ? expected.theirs : expected.ours
    await client.expect(new Pattern(text, names), names.captures)
    return true
  }
  await client.expect(new Pattern(expected, names), names.captures)
  return true
}

async function runPipelined(client: Client, steps: readonly Step[], names: Names): Promise<void> {
  const rows = steps.filter((step) => typeof step !== 'function')
  client.place = 'all steps in one write\n'
  client.send(Buffer.concat(rows.map(([send]) => renderBytes(send, names))))
  for (const [index, [, expected]] of rows.entries()) {
    client.place = `row ${index} (pipelined in one write)\n`
    await expectStep(client, expected, names)
  }
  for (const step of steps) if (typeof step === 'function') step(names.captures)
  await expectNothingMore(client)
}

/** `mn` has a reply of its own, so anything before it is a byte too many. */
async function expectNothingMore(client: Client): Promise<void> {
  client.place += '(after the last reply) '
  client.send('mn\r\n')
  await client.expect('MN\r\n')
  assert.equal(client.pending.length, 0)
}

/** Sends in the pieces the mode asks for, giving the server a turn between two of them. */
async function sendCut(client: Client, bytes: Buffer, cutting: Cutting): Promise<void> {
  if (cutting.mode === 'whole' || bytes.length < 2) {
    client.send(bytes)
    return
  }
  const everyByte = cutting.mode === 'every byte' && bytes.length <= EVERY_BYTE_MAX
  const step = Math.max(2, Math.ceil((2 * bytes.length) / PIECES_MAX))
  for (let at = 0; at < bytes.length && !client.closed; ) {
    const length = everyByte ? 1 : 1 + cutting.random.below(step)
    client.send(bytes.subarray(at, at + length))
    at += length
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function describeSent(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1'))
  return text.length > 300 ? `${text.slice(0, 300)}… (${bytes.length} bytes)` : text
}
