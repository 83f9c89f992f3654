import assert from 'node:assert/strict'
import type { Client } from '../support/client.ts'
import type { Random } from '../support/seed.ts'
import type { Answer, KeyState, Reply, Step } from './server-model.ts'
import { ANY } from './server-model.ts'
import type { MetaSent, Rule, Sent, StoreWord, Storing } from './server-steps.ts'
import {
  arithmeticRule,
  BAD_CHUNK,
  byLine,
  byWord,
  deleteRule,
  getStep,
  HOPELESS_CAS,
  metaGetStep,
  refusedRule,
  storeRule,
  touchRule,
} from './server-steps.ts'
import type { Value } from './server-values.ts'
import { poolPiece, valueLength, valueSize } from './server-values.ts'

/** A command on its way: its bytes, and what to make of the reply. */
export interface Command {
  readonly bytes: readonly Buffer[]
  /** Reads the whole reply and tells the model; throws when the two do not agree. */
  read(client: Client): Promise<void>
  /** The connection is gone: it may have been carried out, or not. */
  lose(): void
}

/** The client a command is made for. */
export interface Owner {
  readonly random: Random
  /** Its own keys. */
  readonly keys: readonly KeyState[]
  /** How many bytes the next value may have. */
  readonly valueBytesMax: number
  sent(bytes: number): Sent
  judge(state: KeyState, sent: Sent, step: Step, answer: Answer): void
  lose(state: KeyState, sent: Sent, step: Step): void
  nextOpaque(): string
}

const LINE_END = Buffer.from('\r\n')

/** Keys whose index is a multiple of this hold numbers. */
const NUMBER_EVERY = 6

function isNumberKey(state: KeyState): boolean {
  return state.index % NUMBER_EVERY === 0
}

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1')

/** A command whose reply is one line, or a line and data, and is about one key. */
function keyCommand(
  owner: Owner,
  bytes: readonly Buffer[],
  about: {
    state: KeyState
    sent: Sent
    step: Step
    silence: 'never' | 'always' | { opaque: string }
  },
): Command {
  const { state, sent, step, silence } = about
  return {
    bytes,
    async read(client) {
      if (silence === 'always') owner.judge(state, sent, step, ANY)
      else if (silence === 'never') owner.judge(state, sent, step, await readReply(client))
      else owner.judge(state, sent, step, await readIfMine(client, silence.opaque))
    },
    lose: () => owner.lose(state, sent, step),
  }
}

async function readReply(client: Client): Promise<Reply> {
  const text = await client.readLine()
  const [word, length] = text.split(' ')
  const data = word === 'VA' ? await readData(client, Number(length)) : null
  return { line: text, data }
}

/** The next line without taking it; '' when the server has closed. */
async function peekLine(client: Client): Promise<string> {
  await client.readWhile((received) => !received.includes('\r\n'))
  const { pending } = client
  return pending.toString('latin1', 0, Math.max(0, pending.indexOf('\r\n')))
}

/** A quiet command is given an opaque, so that a reply which comes next is known to be its own. */
async function readIfMine(client: Client, opaque: string): Promise<Reply> {
  const next = await peekLine(client)
  return next.split(' ').includes(opaque) ? readReply(client) : { line: '', data: null }
}

export async function readData(client: Client, length: number): Promise<Buffer> {
  const data = await client.readBytes(length + 2)
  assert.ok(data.subarray(length).equals(LINE_END), 'a value ends with its line end')
  return data.subarray(0, length)
}

/** A command with a fixed answer that concerns no key. */
export function plainCommand(bytes: string, answer: string | RegExp, lastLine?: string): Command {
  return {
    bytes: [Buffer.from(bytes, 'latin1')],
    async read(client) {
      if (lastLine !== undefined) {
        while ((await client.readLine()) !== lastLine);
        return
      }
      const text = await client.readLine()
      if (typeof answer === 'string') assert.equal(text, answer, `the answer to ${bytes}`)
      else assert.match(text, answer)
    },
    lose: () => {},
  }
}

export function randomSeconds(random: Random): number {
  return random.chance(0.7) ? 0 : random.pick([-1, 1, 2, 3, 100, 2_592_000])
}

export function randomFlags(random: Random): number {
  return random.chance(0.6) ? 0 : random.pick([1, 65_535, 2 ** 31, 2 ** 32 - 1])
}

function newValue(owner: Owner, state: KeyState): Value {
  const { random } = owner
  if (!isNumberKey(state)) return [poolPiece(random, valueSize(random, owner.valueBytesMax))]
  const number = random.pick([0, 7, 99, 1000, 2 ** 40]) + random.below(10)
  return [Buffer.from(random.chance(0.1) ? '18446744073709551610' : String(number))]
}

/** What may be given as a unique: what the key has, as far as we know, or an old one, or nonsense. */
function uniqueFor(owner: Owner, state: KeyState): bigint {
  const known = state.worlds.find((world) => world !== null)
  if (known === undefined || owner.random.chance(0.1)) return HOPELESS_CAS
  return known.cas ?? known.casAbove
}

const STORE_WORDS: readonly StoreWord[] = ['set', 'set', 'set', 'add', 'replace', 'cas']

function storing(owner: Owner, state: KeyState, isMeta: boolean): Storing {
  const { random } = owner
  const extend = random.chance(0.25) && !isNumberKey(state)
  const word = extend ? random.pick(['append', 'prepend'] as const) : random.pick(STORE_WORDS)
  const value = extend
    ? [poolPiece(random, Math.min(valueSize(random, owner.valueBytesMax), 20_000))]
    : newValue(owner, state)
  return {
    word,
    value,
    flags: randomFlags(random),
    seconds: randomSeconds(random),
    keyLength: state.key.length,
    isMeta,
    unique: word === 'cas' ? uniqueFor(owner, state) : 0n,
  }
}

export function storeCommand(owner: Owner): Command {
  const { random } = owner
  const state = random.pick(owner.keys)
  const what = storing(owner, state, false)
  const noreply = random.chance(0.25)
  const { word, flags, seconds, value } = what
  const length = valueLength(value)
  const words = [word, state.key, flags, seconds, length]
  if (word === 'cas') words.push(String(what.unique))
  if (noreply) words.push('noreply')
  const isBad = random.chance(0.03)
  const bytes = [line(words.join(' ')), ...value, isBad ? Buffer.from('xy') : LINE_END]
  const sent = owner.sent(length)
  const rule = isBad ? badChunkRule(storeRule(sent, what)) : storeRule(sent, what)
  const silence = noreply ? 'always' : 'never'
  return keyCommand(owner, bytes, { state, sent, step: byLine(rule), silence })
}

/** Too large and no memory are said before the end of the data is looked at. */
function badChunkRule(rule: Rule): Rule {
  return (world) => {
    const refused = rule(world).filter(([reply]) => reply.startsWith('SERVER_ERROR'))
    const isTooLarge = refused.some(([reply]) => reply.includes('too large'))
    return isTooLarge ? refused : [...refused, [BAD_CHUNK, world]]
  }
}

const MODES: Readonly<Record<StoreWord, string>> = {
  set: '',
  add: ' ME',
  replace: ' MR',
  append: ' MA',
  prepend: ' MP',
  cas: '',
}

export function metaStoreCommand(owner: Owner): Command {
  const { random } = owner
  const state = random.pick(owner.keys)
  const what = storing(owner, state, true)
  const { word, flags, seconds, value } = what
  const length = valueLength(value)
  const meta = metaFlags(owner, state, 'ckO', length < PAGE_BYTES)
  const unique = word === 'cas' ? ` C${what.unique}` : ''
  const head = `ms ${state.key} ${length} F${flags} T${seconds}${MODES[word]}${unique}${meta.text}`
  const sent = { ...owner.sent(length), key: state.key, opaque: meta.opaque }
  const step = byWord(sent, meta.quiet, storeRule(sent, what))
  return keyCommand(owner, [line(head), ...value, LINE_END], { ...meta, state, sent, step })
}

interface MetaFlags {
  readonly text: string
  readonly opaque: string
  readonly quiet: boolean
  readonly silence: 'never' | { opaque: string }
}

/** Values of this size may be refused where memory is small. */
export const PAGE_BYTES = 8192

/**
 * Some of the letters. A quiet command always has an opaque, which tells its reply from the next
 * one's; one that may be answered with an error line, which has no opaque, must not be quiet.
 */
function metaFlags(owner: Owner, state: KeyState, letters: string, mayBeQuiet: boolean): MetaFlags {
  const { random } = owner
  const quiet = mayBeQuiet && random.chance(0.25)
  const opaque = quiet || random.chance(0.2) ? owner.nextOpaque() : ''
  let text = quiet ? ' q' : ''
  for (const letter of letters) {
    if (letter !== 'O' && random.chance(0.5)) text += ` ${letter}`
  }
  if (opaque !== '') text += ` ${opaque}`
  assert.ok(state.key.length > 0)
  return { text, opaque, quiet, silence: quiet ? { opaque } : 'never' }
}

export function metaGetCommand(owner: Owner): Command {
  const { random } = owner
  const state = random.pick(owner.keys)
  const meta = metaFlags(owner, state, 'fsckO', true)
  const seconds = random.chance(0.1) ? random.pick([0, 2, 100]) : null
  const tail = seconds === null ? random.pick(['', ' t']) : ` T${seconds}`
  const text = `mg ${state.key}${random.pick(['', ' v', ' v'])}${meta.text}${tail}`
  const sent: MetaSent = { ...owner.sent(0), key: state.key, opaque: meta.opaque }
  const step = metaGetStep(sent, meta.quiet, seconds)
  return keyCommand(owner, [line(text)], { ...meta, state, sent, step })
}

export function metaDeleteCommand(owner: Owner): Command {
  const state = owner.random.pick(owner.keys)
  const meta = metaFlags(owner, state, 'kO', true)
  const sent: MetaSent = { ...owner.sent(0), key: state.key, opaque: meta.opaque }
  const step = byWord(sent, meta.quiet, deleteRule)
  return keyCommand(owner, [line(`md ${state.key}${meta.text}`)], { ...meta, state, sent, step })
}

export function arithmeticCommand(owner: Owner): Command {
  const { random } = owner
  const numbers = owner.keys.filter(isNumberKey)
  const state = random.chance(0.9) ? random.pick(numbers) : random.pick(owner.keys)
  const word = random.pick(['incr', 'decr'] as const)
  const delta = random.pick([0n, 1n, 1n, 7n, 1000n, 2n ** 63n])
  if (random.chance(0.5)) {
    const noreply = random.chance(0.2)
    const sent = owner.sent(0)
    const bytes = line(`${word} ${state.key} ${delta}${noreply ? ' noreply' : ''}`)
    const step = byLine(arithmeticRule(sent, word, delta))
    return keyCommand(owner, [bytes], { state, sent, step, silence: noreply ? 'always' : 'never' })
  }
  const meta = metaFlags(owner, state, 'ckO', isNumberKey(state))
  const sent: MetaSent = { ...owner.sent(0), key: state.key, opaque: meta.opaque }
  const text = `ma ${state.key} v M${word === 'incr' ? 'I' : 'D'} D${delta}${meta.text}`
  const step = byWord(sent, meta.quiet, arithmeticRule(sent, word, delta))
  return keyCommand(owner, [line(text)], { ...meta, state, sent, step })
}

export function deleteCommand(owner: Owner): Command {
  const state = owner.random.pick(owner.keys)
  const noreply = owner.random.chance(0.25)
  const bytes = [line(`delete ${state.key}${noreply ? ' noreply' : ''}`)]
  const silence = noreply ? 'always' : 'never'
  return keyCommand(owner, bytes, { state, sent: owner.sent(0), step: byLine(deleteRule), silence })
}

export function touchCommand(owner: Owner): Command {
  const { random } = owner
  const state = random.pick(owner.keys)
  const seconds = random.pick([0, 0, -1, 2, 100, 2_592_000])
  const sent = owner.sent(0)
  const bytes = [line(`touch ${state.key} ${seconds}`)]
  return keyCommand(owner, bytes, {
    state,
    sent,
    step: byLine(touchRule(sent, seconds)),
    silence: 'never',
  })
}

/** Lines that are refused, with the answer. Those that name a key must leave it as it is. */
const REFUSED: readonly (readonly [text: string, answer: string])[] = [
  ['incr KEY x', 'CLIENT_ERROR invalid numeric delta argument'],
  ['touch KEY x', 'CLIENT_ERROR invalid exptime argument'],
  ['set KEY 0 0 -1', 'CLIENT_ERROR bad command line format'],
  ['set KEY x 0 3\r\nabc', 'CLIENT_ERROR bad command line format'],
  ['delete', 'CLIENT_ERROR bad command line format'],
  ['mg KEY v v', 'CLIENT_ERROR duplicate flag'],
  ['ms KEY 2 MX\r\nab', 'CLIENT_ERROR invalid mode for ms M token'],
  ['GET KEY', 'ERROR'],
]

export function refusedCommand(owner: Owner): Command {
  const { random } = owner
  const state = random.pick(owner.keys)
  const [text, answer] = random.pick(REFUSED)
  const bytes = [line(text.replace('KEY', state.key))]
  const step = byLine(refusedRule(answer))
  return keyCommand(owner, bytes, { state, sent: owner.sent(0), step, silence: 'never' })
}

const GET_WORDS = ['get', 'get', 'gets', 'gat', 'gats'] as const

/** One key or many, the same one more than once. */
export function getCommand(owner: Owner): Command {
  const { random } = owner
  const word = random.pick(GET_WORDS)
  const seconds = word.startsWith('gat') ? random.pick([0, 2, 100]) : null
  // A line of gat may not be longer than 2 kB, one of get may.
  const most = seconds !== null ? 7 : random.chance(0.1) ? 300 : 12
  const count = random.chance(0.6) ? 1 : random.below(most) + 1
  const states = Array.from({ length: count }, () => random.pick(owner.keys))
  const time = seconds === null ? '' : ` ${seconds}`
  const sent = owner.sent(0)
  const step = getStep(sent, seconds)
  return {
    bytes: [line(`${word}${time} ${states.map(({ key }) => key).join(' ')}`)],
    async read(client) {
      for (const state of states) {
        owner.judge(state, sent, step, await readValue(client, state.key))
      }
      assert.equal(await client.readLine(), 'END')
    },
    lose() {
      for (const state of states) owner.lose(state, sent, step)
    },
  }
}

/** The VALUE block of this key, if one comes next. */
async function readValue(client: Client, key: string): Promise<Reply> {
  const next = await peekLine(client)
  if (!next.startsWith(`VALUE ${key} `)) return { line: '', data: null }
  const text = await client.readLine()
  return {
    line: text.replace(key, 'k'),
    data: await readData(client, Number(text.split(' ').at(3))),
  }
}
